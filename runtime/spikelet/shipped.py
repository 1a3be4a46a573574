"""Bundles and sample images shipped in the package `spikelet_assets`."""

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
    """Return the shipped bundles (`.snnb`) and labelled images (`.npz`); empty if the package is not installed."""
    if find_spec(PACKAGE) is None:
        return []
    folder = Path(str(resources.files(PACKAGE)))
    return sorted(path for path in folder.iterdir() if path.suffix in (".snnb", ".npz"))


def demo() -> Path | None:
    """Return the path of the default bundle, or None if the package is not installed."""
    return next((path for path in files() if path.name == DEMO), None)


def images_for(shape: Shape, labels: tuple[str, ...] | None) -> ImageSet | None:
    """Return the shipped images that fit a network, or None.

    Args:
        shape: (C, H, W) of the network's input.
        labels: Names of the classes; None accepts any.
    """
    for path in files():
        if path.suffix == ".npz":
            images = arrays.read(path)
            if images.images.shape[1:] == shape and (labels is None or images.classes in (None, labels)):
                return images
    return None


def find_data(
    path: Path | None, shape: Shape, labels: tuple[str, ...] | None, count: int | None, split: str = "test"
) -> ImageSet:
    """Read images for a network from a path, or select the shipped images that fit.

    Args:
        path: Data path, or None for the shipped images.
        shape: (C, H, W) of the network's input.
        labels: Names of the classes, or None.
        count: Largest number of images, drawn with a fixed seed; None for all.
        split: "train" or "test", for data sets with both.

    Raises:
        UsageError: `path` is None and no shipped images fit.
        DataError: The data cannot be read.
    """
    images = images_for(shape, labels) if path is None else read(path, split, shape)
    if images is None:
        raise UsageError(f"no shipped images fit an input of {shape} with these classes; name a DATA path")
    images = images.with_classes(labels)
    return images if count is None else images.subset(count)
