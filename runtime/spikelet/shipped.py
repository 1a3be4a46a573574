"""What comes with the package: bundles, a demo among them, and a few images for each."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from spikelet.data import arrays, read
from spikelet.data.images import ImageSet
from spikelet.errors import UsageError
from spikelet.nodes import Shape

PACKAGE = "spikelet_assets"
DEMO = "vgg9-cifar10.snnb"


def files() -> list[Path]:
    """Bundles (`.snnb`) and images with labels (`.npz`) in the package; none where it is absent, as on a board."""
    if find_spec(PACKAGE) is None:
        return []
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


def find_data(
    path: Path | None, shape: Shape, labels: tuple[str, ...] | None, count: int | None, split: str = "test"
) -> ImageSet:
    """Images for a network: read from `path`, or the shipped images that fit; at most `count`, drawn with a fixed seed.

    split: "train" or "test", where a data set has both.

    Raises:
        UsageError: no path, and nothing that ships fits.
    """
    images = images_for(shape, labels) if path is None else read(path, split, shape)
    if images is None:
        raise UsageError(f"no shipped images fit an input of {shape} with these classes; name a DATA path")
    images = images.with_classes(labels)
    return images if count is None else images.subset(count)
