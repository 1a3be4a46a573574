"""Read image files: a single file, a folder, or a folder with one subfolder per class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.data.images import ImageSet
from spikelet.errors import DataError, MissingDependency
from spikelet.nodes import Shape

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
SPLITS = {"train": ("train",), "test": ("test", "val")}


def is_image(path: Path) -> bool:
    """Whether a file name has the suffix of an image."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_image(path: Path, shape: Shape | None = None) -> npt.NDArray[np.uint8]:
    """Read one image as (C, H, W) uint8.

    Args:
        path: The image file.
        shape: (C, H, W) of the result: 1 channel is greyscale, 3 are RGB. Images of other sizes are cropped to the
            centre and resampled. None keeps size and colour.

    Raises:
        DataError: The file is not an image or is damaged.
        MissingDependency: Pillow is not installed.
    """
    image = _open(path)
    if shape is not None and shape[0] not in (1, 3):
        raise DataError(f"{path}: an image file has 1 or 3 channels, the network takes {shape[0]}")
    grey = shape[0] == 1 if shape is not None else image.mode in ("1", "L", "I;16", "I")
    image = image.convert("L" if grey else "RGB")
    if shape is not None and image.size != (shape[2], shape[1]):
        from PIL import ImageOps

        image = ImageOps.fit(image, (shape[2], shape[1]))
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def read(folder: Path, split: str = "test", shape: Shape | None = None) -> ImageSet:
    """Read a folder of images in order of their names. Subfolders define classes.

    Args:
        folder: The folder.
        split: "train" or "test"; selects a subfolder `train` or `test` (or `val`) if there is one.
        shape: (C, H, W) of the images; None keeps their size, which must then be equal.

    Raises:
        DataError: There are no images, an image is damaged, or the sizes differ and `shape` is None.
    """
    for name in SPLITS[split]:
        if (folder / name).is_dir():
            folder = folder / name
            break
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and any(map(is_image, path.iterdir())))
    if classes:
        paths = [(path, label) for label, subfolder in enumerate(classes) for path in _images(subfolder)]
    else:
        paths = [(path, 0) for path in _images(folder)]
    if not paths:
        raise DataError(f"{folder}: no images in it, nor in folders of classes; known: {', '.join(SUFFIXES)}")
    images = [read_image(path, shape) for path, _ in paths]
    for (path, _), image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{path}: is of shape {image.shape}, {paths[0][0].name} of {images[0].shape}; "
                "images of one data set have one size"
            )
    labels = np.array([label for _, label in paths], np.int64) if classes else None
    names = tuple(subfolder.name for subfolder in classes) if classes else None
    return ImageSet(np.stack(images), labels, names, folder.name)


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and is_image(path))


def _open(path: Path) -> Any:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise MissingDependency("Pillow", "images") from None
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                return ImageOps.exif_transpose(file)
    except Exception as error:  # Pillow's plugins may raise any exception for a damaged file
        raise DataError(f"{path}: not a whole image ({error})") from None
