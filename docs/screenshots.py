"""Write the screenshots of the documentation from the shipped bundle: make screenshots."""

import sys
from pathlib import Path

from palette import reduced
from PIL import Image

from spikelet.cli import main as spikelet

DOCS = Path(__file__).resolve().parent
BUNDLE = DOCS.parent / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"
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


if __name__ == "__main__":
    main()
