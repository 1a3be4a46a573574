"""Read an image file of any bit depth and colour mode as pixels 0…255.

A value v of b bits becomes round(255 v / (2^b - 1)). In files with three or more channels of 16 bits, the upper 8 bits
are read. Alpha is ignored, as in Pillow's `convert("RGB")` and in torchvision. Floating-point numbers and integers of
32 bits need the value of white (`DataOptions.white`), since the file does not state it.
"""

from __future__ import annotations

import logging
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from spikelet.data.options import DEFAULTS, DataOptions
from spikelet.data.pixels import Pixels, as_bytes
from spikelet.errors import CostError, DataError, MissingDependency, pass_out_of_memory
from spikelet.files.substitute import refuse_substitute
from spikelet.limits import Limits
from spikelet.nodes import Shape

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
OTHERS = (
    *(".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".tga", ".exr", ".psd", ".dcm"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2"),  # of cameras
)
"""Suffixes of images that are refused by name: a folder of photos must not lose some of them unnoticed."""

GREY = ("1", "L", "LA", "La")
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")  # modes of Pillow with more than 8 bits
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF
WHITE_IS_ZERO = 0
SIGNED = 2
PER_PIXEL = 12  # bytes of memory of a pixel while it is decoded and converted
_SILENT = logging.NullHandler()


def is_image(path: Path) -> bool:
    """Whether a file name has the suffix of an image, also of one that is not read."""
    return path.suffix.lower() in (*SUFFIXES, *OTHERS) and not path.name.startswith(".")


def read_image(path: Path, shape: Shape | None = None, options: DataOptions = DEFAULTS) -> Pixels:
    """Read one image as (C, H, W) uint8, or as (F,) for a network that takes (F,).

    Args:
        path: The image file.
        shape: (C, H, W) of the result: 1 channel is greyscale, 3 are RGB. Images of other sizes are cropped to the
            centre and resampled. (F,) contains the rows of a greyscale image of F pixels. None keeps size and colour.
        options: The value of white.

    Raises:
        DataError: The file is not an image, is damaged, or needs the value of white.
        CostError: Its pixels need more memory than the limit permits.
        MissingDependency: Pillow is not installed.
    """
    if path.suffix.lower() in OTHERS:
        raise DataError(f"{path}: is an image of a format that is not read; save it as .png or .jpg")
    flat = shape is not None and len(shape) == 1
    if shape is not None and not flat and shape[0] not in (1, 3):
        raise DataError(f"{path}: an image file has 1 or 3 channels, the network takes {shape[0]}")
    image, white, inverted = _open(path)
    try:
        if image.mode in DEEP or (options.white is not None and image.mode != "1"):
            image = _eight_bits(image, options.white if options.white is not None else white, inverted)
    except DataError as error:
        raise error.locate(path) from None
    grey = image.mode in GREY if shape is None else flat or shape[0] == 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # transparency, which is not read
            image = image.convert("L" if grey else "RGB")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: an image of mode {image.mode} has no colours ({error}); save it as RGB") from None
    if shape is not None and not flat and image.size != (shape[2], shape[1]):
        from PIL import ImageOps

        image = ImageOps.fit(image, (shape[2], shape[1]))
    pixels = np.asarray(image, np.uint8)
    if flat and shape is not None:
        if pixels.size != shape[0]:
            raise DataError(
                f"{path}: has {image.width}×{image.height} pixels, the network takes {shape[0]} numbers; "
                f"resize the images to {shape[0]} pixels"
            )
        return pixels.reshape(-1)
    return pixels[None] if grey else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _open(path: Path) -> tuple[Any, float | None, bool]:
    """Return the upright image, the largest value of its bit depth or None, and whether that value is black."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise MissingDependency("Pillow", "images") from None
    refuse_substitute(path, DataError)
    try:
        with warnings.catch_warnings():
            # Pillow reports some damage by warnings and messages; what matters is whether the pixels are complete
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            logging.getLogger("PIL").addHandler(_SILENT)
            with Image.open(path) as file:
                _check_size(path, file)
                pages = getattr(file, "n_frames", 1)
                white = _white(file)
                # Pillow inverts 8 bits itself
                inverted = file.mode in DEEP and getattr(file, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO
                image = ImageOps.exif_transpose(file)
    except CostError:
        raise
    except Exception as error:  # Pillow's plugins may raise any exception for a damaged file
        pass_out_of_memory(error, str(path))
        raise DataError(f"{path}: not a complete image ({error})") from None
    if pages > 1:
        raise DataError(f"{path}: has {pages} images; save each of them as a separate file")
    return image, white, inverted


def _check_size(path: Path, file: Any) -> None:
    """Raise CostError if an image that is not decoded yet needs more memory than the limit permits."""
    width, height = file.size
    Limits().check(f"{path}: an image of {width}×{height} pixels", PER_PIXEL * width * height)


def _white(file: Any) -> float | None:
    """Return the largest value of the bit depth that a file states, or None."""
    if file.mode not in DEEP:
        return 255
    if file.format in ("PNG", "PPM") and file.mode != "F":
        return 2**16 - 1
    tags = getattr(file, "tag_v2", {})
    bits = tags.get(BITS_PER_SAMPLE, (0,))[0]
    if file.mode == "F" or not 8 < bits <= 16 or tags.get(SAMPLE_FORMAT, (1,))[0] == SIGNED:
        return None
    return float(2**bits - 1)


def _eight_bits(image: Any, white: float | None, inverted: bool) -> Any:
    """Return an image of 8 bits per channel."""
    from PIL import Image

    if white is None:
        low, high = image.getextrema()
        kind = "floating-point values" if image.mode == "F" else "integers of 32 bits, or signed ones,"
        raise DataError(f"contains {kind} {low:g}…{high:g}; give the value of white with --white, such as 1")
    if not math.isfinite(white) or white <= 0:
        raise DataError(f"--white: expected a number above 0, found {white:g}")
    if image.mode not in (*DEEP, "L", "RGB"):
        image = image.convert("L" if image.mode in GREY else "RGB")
    pixels = as_bytes(np.asarray(image), white)
    return Image.fromarray(255 - pixels if inverted else pixels)
