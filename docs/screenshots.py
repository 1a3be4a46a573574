"""Write the screenshots of the documentation from the shipped bundle: make screenshots."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from spikelet.cli import main as spikelet

DOCS = Path(__file__).resolve().parent
BUNDLE = DOCS.parent / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"
COLOURS = 128  # a palette keeps each picture small: of the most frequent colours, and as many that cover all hues
SHOTS = {
    "overview": ("overview", "dark", None),
    "layers": ("layers", "dark", "if3"),
    "accuracy": ("accuracy", "light", None),
    "energy": ("energy", "light", None),
    "plan": ("plan", "dark", None),
    "residuals": ("residuals", "dark", "if3"),
    "robustness": ("robustness", "dark", None),
    "compare": ("compare", "light", "if2"),
    "validate": ("validate", "dark", None),
}


def main() -> None:
    """Write every panel of SHOTS, or those named on the command line."""
    bundle = Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLE
    for name in sys.argv[2:] or SHOTS:
        panel, theme, layer = SHOTS[name]
        path = DOCS / "images" / f"inspector-{name}.png"
        call = ["gui", str(bundle), "--screenshot", str(path), "--panel", panel, "--theme", theme]
        if spikelet([*call, *(["--layer", layer] if layer else [])]):
            sys.exit(1)
        reduced(Image.open(path).convert("RGB")).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size // 1000} kB")


def reduced(picture: Image.Image) -> Image.Image:
    """Return a picture with a palette. Surfaces keep their colours, and thin curves their hues."""
    pixels = np.asarray(picture)
    colours, index, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    frequent = colours[np.argsort(-counts)[:COLOURS]]
    covering = np.array(picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).getpalette()).reshape(-1, 3)
    palette = np.concatenate([frequent, covering[:COLOURS]]).astype(np.float32)
    nearest = [np.square(palette - colour).sum(axis=1).argmin() for colour in colours]
    result = Image.fromarray(np.array(nearest, np.uint8)[index].reshape(pixels.shape[:2]), "P")
    result.putpalette(palette.astype(np.uint8).tobytes())
    return result


if __name__ == "__main__":
    main()
