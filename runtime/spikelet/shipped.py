"""Bundles and sample images shipped in the package `spikelet_assets`."""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.errors import UsageError

if TYPE_CHECKING:
    from spikelet.data.images import ImageSet
    from spikelet.data.options import DataOptions, Split
    from spikelet.nodes import Shape

PACKAGE = "spikelet_assets"
DEMO = "vgg9-cifar10.snnb"


def files() -> list[Path]:
    """Return the shipped bundles (`.snnb`) and labelled images (`.npz`); empty if the package is not installed."""
    if find_spec(PACKAGE) is None:
        return []
    folder = Path(str(resources.files(PACKAGE)))
    return sorted(path for path in folder.iterdir() if path.suffix in (".snnb", ".npz"))


def bundles() -> list[Path]:
    """Return the shipped bundles; empty if the package is not installed."""
    return [path for path in files() if path.suffix == ".snnb"]


def named(text: str) -> Path | None:
    """Return the shipped bundle of a name, with or without its suffix; None if there is none."""
    return next((path for path in bundles() if text in (path.stem, path.name)), None)


def located(path: Path) -> Path:
    """Return the path of a bundle that is given as a file or as the name of a shipped one; a file comes first."""
    bundle = named(str(path))
    return path if bundle is None or path.is_file() else bundle


def demo() -> Path | None:
    """Return the path of the default bundle, or None if the package is not installed."""
    return next((path for path in files() if path.name == DEMO), None)


def images_for(shape: Shape, labels: tuple[str, ...] | None, classes: int | None = None) -> ImageSet | None:
    """Return the shipped images that fit a network, or None.

    Args:
        shape: (C, H, W) of the network's input.
        labels: Names of the classes; None accepts any.
        classes: Number of classes; None accepts any.
    """
    from spikelet.data import arrays

    for path in files():
        if path.suffix == ".npz":
            status = path.stat()
            of_file, names, count = _described(path, status.st_mtime_ns, status.st_size)
            names_fit = labels is None or names in (None, labels)
            if of_file == shape and names_fit and (classes is None or count == classes):
                return arrays.read(path)
    return None


@cache
def _described(path: Path, changed: int, size: int) -> tuple[Shape, tuple[str, ...] | None, int]:
    """Return shape, class names and number of classes of a file of images in the state of this time and size."""
    from spikelet.data import arrays

    images = arrays.read(path)
    return images.shape, images.classes, images.class_count


def find_data(
    path: Path | None,
    shape: Shape,
    labels: tuple[str, ...] | None,
    count: int | None,
    split: Split = "auto",
    classes: int | None = None,
    options: DataOptions | None = None,
) -> ImageSet:
    """Read images for a network from a path, or select the shipped images that fit.

    Args:
        path: Data path, or None for the shipped images.
        shape: (C, H, W) or (F,) of the network's input.
        labels: Names of the classes, or None.
        count: Largest number of images, drawn with a fixed seed; None for all.
        split: "train", "valid" or "test", for data sets with several; "auto" takes the test split, or the validation
            split if there is no test split.
        classes: Number of the network's classes, or None if it is not known.
        options: Axes of arrays, and the value of white; None for the defaults.

    Raises:
        UsageError: `path` is None and no shipped images fit.
        DataError: The data cannot be read, or its classes are not those of the network.
    """
    from spikelet.data import DataOptions, read

    images = images_for(shape, labels, classes) if path is None else read(path, split, shape, options or DataOptions())
    if images is None:
        raise UsageError(f"no shipped images fit an input of {shape} with these classes; name a DATA path")
    images = images.with_classes(labels, classes)
    return images if count is None else images.subset(count)
