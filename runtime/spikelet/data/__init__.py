"""Images from wherever they lie: `read` looks at a path and takes the reader that fits."""

from __future__ import annotations

from pathlib import Path

from spikelet.data import arrays, cifar, folder, idx
from spikelet.data.images import ImageSet
from spikelet.errors import DataError
from spikelet.nodes import Shape


def read(path: Path, split: str = "test", shape: Shape | None = None) -> ImageSet:
    """The images at a path: a file, a folder, or a data set in its published layout.

    split: "train" or "test", where there are both. shape: (C, H, W) that image files are fitted to.

    Raises:
        DataError: nothing is there, nothing that is known, or something broken.
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
