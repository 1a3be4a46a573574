"""Images in NumPy files: `.npy` (images only) and `.npz` (images, labels, names)."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.data.images import ImageSet
from spikelet.errors import DataError

IMAGE_KEYS = ("images", "image", "x", "data", "x_test")
LABEL_KEYS = ("labels", "label", "y", "y_test")


def read(path: Path) -> ImageSet:
    """Read `.npy` or `.npz`. Pickled objects are never loaded.

    Raises:
        DataError: The file is damaged, has no images, or has values that are not integer pixels 0…255.
    """
    try:
        arrays = _load(path)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise DataError(f"{path}: not a whole NumPy file of plain numbers ({error})") from None
    images = _first(arrays, IMAGE_KEYS)
    if images is None:
        raise DataError(f"{path}: expected an array {' or '.join(IMAGE_KEYS)}, found {', '.join(arrays) or 'none'}")
    labels = _first(arrays, LABEL_KEYS)
    return ImageSet(
        as_pixels(path, images),
        None if labels is None else _as_labels(path, labels),
        tuple(str(name) for name in arrays["classes"]) if "classes" in arrays else None,
        str(arrays["name"]) if "name" in arrays else path.name,
    )


def write(path: Path, images: ImageSet) -> None:
    """Write a compressed `.npz` file for `read`."""
    arrays: dict[str, Any] = {"images": images.images, "name": np.array(images.name)}
    if images.labels is not None:
        arrays["labels"] = images.labels.astype(np.int32)
    if images.classes is not None:
        arrays["classes"] = np.array(images.classes)
    np.savez_compressed(path, **arrays)


def as_pixels(path: Path, value: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Convert one image or a batch, channel first or last, of integer values to (N, C, H, W) uint8.

    Raises:
        DataError: The shape does not fit, or a value is not an integer in 0…255.
    """
    if value.dtype.kind not in "uif":
        raise DataError(f"{path}: expected numbers, found an array of {value.dtype}")
    if value.ndim == 3:
        value = value[None]
    if value.ndim != 4 or value.size == 0:
        raise DataError(f"{path}: expected images (N, C, H, W) or (N, H, W, C), found shape {value.shape}")
    if value.shape[1] not in (1, 3, 4) and value.shape[3] in (1, 3, 4):
        value = value.transpose(0, 3, 1, 2)
    if value.dtype != np.uint8:
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise DataError(f"{path}: contains NaN or infinity")
        if value.min() < 0 or value.max() > 255 or (value != np.floor(value)).any():
            raise DataError(
                f"{path}: expected whole pixel values 0…255, found {value.min():g}…{value.max():g} ({value.dtype}); "
                "multiply images scaled to 0…1 by 255 and round them"
            )
    return np.ascontiguousarray(value, np.uint8)


def _as_labels(path: Path, value: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    if value.dtype.kind not in "ui":
        raise DataError(f"{path}: expected whole numbers as labels, found {value.dtype}")
    return value.astype(np.int64).reshape(-1)


def _load(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:  # closed here if NumPy raises
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"images": loaded}
        return {key: loaded[key] for key in loaded.files}


def _first(arrays: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((arrays[key] for key in keys if key in arrays), None)
