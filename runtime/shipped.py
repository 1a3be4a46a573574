"""What comes with the package: bundles, a demo among them, and a few images for each."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from spikelet.data import arrays
from spikelet.data.images import ImageSet
from spikelet.nodes import Shape

PACKAGE = "spikelet.assets"
DEMO = "vgg9-cifar10.snnb"


def files() -> list[Path]:
    """Bundles (`.snnb`) and images with labels (`.npz`) in the package."""
    folder = Path(str(resources.files(PACKAGE)))
    return sorted(path for path in folder.iterdir() if path.suffix in (".snnb", ".npz"))


def demo() -> Path | None:
    """The bundle that is shown where none is named; None where nothing is shipped, as on a board."""
    return next((path for path in files() if path.name == DEMO), None)


def images_for(shape: Shape, labels: tuple[str, ...] | None) -> ImageSet | None:
    """The shipped images that fit a network: its input shape, and its classes where both are known."""
    for path in files():
        if path.suffix == ".npz":
            images = arrays.read(path)
            if images.images.shape[1:] == shape and (labels is None or images.classes in (None, labels)):
                return images
    return None
