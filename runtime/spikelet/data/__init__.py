"""Read images and data sets: `read` selects the reader for a path."""

from __future__ import annotations

from pathlib import Path

from spikelet.data import arrays, cifar, folder, idx
from spikelet.data.images import ImageSet
from spikelet.errors import DataError
from spikelet.nodes import Shape


def read(path: Path, split: str = "test", shape: Shape | None = None) -> ImageSet:
    """Read the images of a file, a folder, or a data set in its published layout.

    Args:
        path: Image file, .npy, .npz, folder of images, or folder of CIFAR-10, CIFAR-100 or IDX files.
        split: "train" or "test", for data sets with both.
        shape: (C, H, W) to which image files are cropped and resampled; None keeps their size.

    Raises:
        DataError: The path does not exist, its format is unknown, or the data is damaged.
    """
    if path.is_dir():
        if cifar.find(path, split):
            return cifar.read(path, split)
        if idx.find(path, split):
            return idx.read(path, split)
        return folder.read(path, split, shape)
    if path.suffix in (".npy", ".npz"):
        return arrays.read(path)
    if path.is_file() and folder.is_image(path):
        return ImageSet(folder.read_image(path, shape)[None], None, None, path.name)
    what = "a file of no known kind" if path.exists() else "no such file or folder"
    raise DataError(
        f"{path}: {what}; expected an image ({', '.join(folder.SUFFIXES)}), a folder of images, .npy, .npz, "
        "CIFAR-10 or CIFAR-100 (binary or python layout) or IDX files"
    )


__all__ = ["ImageSet", "read"]
