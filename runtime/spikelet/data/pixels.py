"""Convert values of any depth to pixels 0…255: a value v becomes round(255 v / white)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.errors import DataError

Values = npt.NDArray[np.generic]
Pixels = npt.NDArray[np.uint8]
CHUNK = 2**20  # values converted to float64 at a time
OPTION = "give the value of white with --white"


def as_bytes(values: Values, white: float | None) -> Pixels:
    """Convert values to pixels 0…255.

    Args:
        values: Numbers of any real type.
        white: The value that becomes 255, or None for whole values 0…255.

    Raises:
        DataError: The values are not real numbers, or not within 0…white.
    """
    if values.dtype.kind not in ("uifb" if white is not None else "uif"):
        hint = f"; {OPTION} 1" if values.dtype.kind == "b" else ""
        raise DataError(f"expected numbers, found an array of {values.dtype}{hint}")
    if values.dtype == np.uint8 and white in (None, 255):
        return values.view(np.uint8)
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    if values.dtype.kind == "f" and not np.isfinite(as_float64(values)).all():
        raise DataError("contains NaN or infinity")
    least, most = values.min(), values.max()
    if white is None:
        if least < 0 or most > 255 or (values.dtype.kind == "f" and (values != np.floor(values)).any()):
            raise _not_bytes(values)
        return values.astype(np.uint8)
    if values.dtype == np.uint8 and white > 255:
        raise DataError(f"the value of white: expected a number above 0, up to 255 (uint8), found {white:g}")
    if least < 0 or most > white:
        raise DataError(f"expected values 0…{white:g} (the value of white), found {least:g}…{most:g} ({values.dtype})")
    pixels = np.empty(values.shape, np.uint8)
    flat, source = pixels.reshape(-1), values.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = as_float64(source[start : start + CHUNK])
        flat[start : start + CHUNK] = np.floor(part * (255 / white) + 0.5)
    return pixels


def _not_bytes(values: Values) -> DataError:
    """Return the error for values that are no pixels 0…255."""
    least, most = values.min(), values.max()
    remedy = f"{OPTION}: 1 for images scaled to 0…1, 65535 for 16 bits"
    if least < 0:
        remedy = "give the images as they are before their mean is subtracted"
    return DataError(f"expected whole pixel values 0…255, found {least:g}…{most:g} ({values.dtype}); {remedy}")


def as_float64(values: Values) -> npt.NDArray[np.float64]:
    """Convert to float64; values of a wider type may become infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float64)


def quantised(values: Values, low: float, high: float) -> Pixels:
    """Convert measured values to whole numbers 0…255: low…high in 255 equal steps, values beyond it to 0 or 255.

    Args:
        values: Numbers of any real type.
        low: The value that becomes 0.
        high: The value that becomes 255.

    Raises:
        DataError: The values are not finite real numbers.
    """
    if values.dtype.kind not in "uif":
        raise DataError(f"expected numbers, found an array of {values.dtype}")
    pixels = np.empty(values.shape, np.uint8)
    flat, source = pixels.reshape(-1), values.reshape(-1)
    for start in range(0, flat.size, CHUNK):
        part = as_float64(source[start : start + CHUNK])
        if not np.isfinite(part).all():
            raise DataError("contains NaN or infinity")
        within = np.clip(part, low, high) - low  # so that no product overflows
        flat[start : start + CHUNK] = np.clip(np.floor(within * (255 / (high - low)) + 0.5), 0, 255)
    return pixels


def check_contrast(name: str, pixels: Pixels, white: float | None) -> None:
    """Raise DataError if all pixels are 0 or 1: images scaled to 0…1 would be black.

    Args:
        name: Name of the data.
        pixels: Pixels of a data set.
        white: Value of the option `white`; the check applies to None only.
    """
    if white is None and pixels.size and pixels.max() == 1:
        raise DataError(
            f"{name}: all values are 0 or 1, where white is 255; {OPTION}: 1 if 1 is white, 255 if the images are black"
        )
