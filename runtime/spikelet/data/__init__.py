"""Read images and data sets: `read` selects the reader for a path."""

from __future__ import annotations

import re
from pathlib import Path

from spikelet.data import arrays, folder
from spikelet.data.formats import cifar, idx
from spikelet.data.formats.image_file import SUFFIXES, is_image, read_image
from spikelet.data.images import ImageSet
from spikelet.data.options import (
    DEFAULTS,
    INPUT_RANGE,
    LAYOUTS,
    SPLITS,
    DataOptions,
    Layout,
    Split,
    stated_options,
    stated_span,
)
from spikelet.data.other_files import remedy_for
from spikelet.data.pixels import check_contrast
from spikelet.data.sound import is_recording, read_recording
from spikelet.errors import DataError
from spikelet.nodes import Shape
from spikelet.options import choice, instance
from spikelet.options import path as checked_path
from spikelet.options import shape as checked_shape

_PUBLISHED = re.compile(r"idx[13]-ubyte|_batch(_[1-5])?(\.bin)?$")  # names of the files of IDX and CIFAR


def read(
    path: str | Path, split: Split = "auto", shape: Shape | None = None, options: DataOptions = DEFAULTS
) -> ImageSet:
    """Read the images of a file, a folder, or a data set in its published layout.

    Args:
        path: Image file, .wav, .npy, .npz, folder of images or recordings, or folder of CIFAR-10, CIFAR-100 or IDX
            files.
        split: "train", "valid" or "test", for data with several; "auto" takes the test split, or the validation split
            if there is no test split.
        shape: (C, H, W) of the result. Image files are cropped and resampled to it; arrays must fit it. None keeps the
            size of the images.
        options: Axes of arrays, the value of white or the range of measured values, and the features of sound.

    Raises:
        DataError: The path does not exist, its format is unknown or ambiguous, or the data is damaged.
        UsageError: An argument is of a wrong type.

    Examples:
        >>> from spikelet import data, shipped
        >>> images = data.read(shipped.files()[0])
        >>> images.name, images.images.shape, images.classes[:2]
        ('CIFAR-10 test sample', (500, 3, 32, 32), ('airplane', 'automobile'))
    """
    path = checked_path("path", path)
    choice("split", split, ("auto", *SPLITS))
    instance("options", options, DataOptions)
    if shape is not None:
        shape = checked_shape("shape", shape)
    try:
        images = _read(path, split, shape, options)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if options.features is not None and images.shape != options.features.shape:
        raise DataError(
            f"{path}: expected recordings of sound (.wav) or arrays of their features, "
            f"of shape {options.features.shape}, found shape {images.shape}"
        )
    return images


def _read(path: Path, split: Split, shape: Shape | None, options: DataOptions) -> ImageSet:
    if path.is_dir():
        published = "test" if split == "auto" else split
        if cifar.find(path, published):
            return cifar.read(path, published)
        if idx.find(path, published):
            return idx.read(path, published)
        other = next((name for name in SPLITS if cifar.find(path, name) or idx.find(path, name)), None)
        if other is not None:
            raise DataError(f"{path}: has the {other} files of a data set, not those of {published}")
        return folder.read(path, split, shape, options)
    if path.suffix.lower() in (".npy", ".npz"):
        return arrays.read(path, split, shape, options)
    if path.is_file() and is_image(path):
        pixels = read_image(path, shape, options)[None]
        check_contrast(path.name, pixels, options.white)
        return ImageSet(pixels, None, None, path.name, (path.name,))
    if path.is_file() and is_recording(path):
        values = read_recording(path, options.features, shape)[None]
        return ImageSet(values, None, None, path.name, (path.name,), options.provenance)
    if path.is_file() and _PUBLISHED.search(path.name):
        raise DataError(f"{path}: one file of a data set, expected the folder that contains all of them, {path.parent}")
    problem = "a file of an unknown type" if path.exists() else "no such file or folder"
    raise DataError(
        f"{path}: {problem}; expected an image ({', '.join(SUFFIXES)}), a recording (.wav), a folder of them, .npy, "
        f".npz, CIFAR-10 or CIFAR-100 (binary or python layout) or IDX files{remedy_for(path)}"
    )


__all__ = [
    "INPUT_RANGE",
    "LAYOUTS",
    "SPLITS",
    "DataOptions",
    "ImageSet",
    "Layout",
    "Split",
    "read",
    "stated_options",
    "stated_span",
]
