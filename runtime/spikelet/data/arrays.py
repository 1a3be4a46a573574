"""Images in NumPy files: `.npy` (images only) and `.npz` (images, labels and class names, of one or more splits)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.data.images import ImageSet
from spikelet.data.labels import as_labels, one_hot_columns
from spikelet.data.layouts import as_images
from spikelet.data.names import SPLIT_NAMES
from spikelet.data.options import DEFAULTS, INPUT_RANGE, LAYOUTS, DataOptions, Layout, Split, stated_span
from spikelet.data.pixels import as_bytes, check_contrast, quantised
from spikelet.errors import DataError
from spikelet.files.atomic import replacing
from spikelet.files.numpy_file import read_numpy
from spikelet.nodes import Shape
from spikelet.options import path as checked_path

IMAGE_KEYS = ("images", "image", "imgs", "x", "data", "features", "arr_0")
LABEL_KEYS = ("labels", "label", "y", "targets", "target", "arr_1")
CLASS_KEYS = ("classes", "class_names", "label_names")
EVENTS = "`spikelet events` runs the recordings of event cameras"
Values = npt.NDArray[np.generic]
Arrays = Mapping[str, Values]


def read(
    path: str | Path, split: Split = "auto", shape: Shape | None = None, options: DataOptions = DEFAULTS
) -> ImageSet:
    """Read `.npy` or `.npz`. Pickled objects are never loaded.

    Args:
        path: The file.
        split: Split of a file with several, such as x_train and x_test. "auto" takes the test split, or the validation
            split if there is no test split.
        shape: (C, H, W) or (F,) of the network's input; None if it is not known.
        options: Axes, and the value of white.

    Raises:
        DataError: The file is damaged, has no images, or its images or labels have an unknown form.
    """
    path = checked_path("path", path)
    try:
        content = read_numpy(path)
        arrays = {"images": content} if isinstance(content, np.ndarray) else content
        return _image_set(path, arrays, split, shape, options)
    except DataError as error:
        raise error.locate(path) from None


def write(path: str | Path, images: ImageSet, compressed: bool = True) -> None:
    """Write a `.npz` file for `read`, atomically.

    Raises:
        SpikeletError: The folder is not writable or the disk is full. An existing file is left unchanged.
    """
    path = checked_path("path", path)
    layout: Layout = "NCHW" if images.images.ndim == 4 else "NF"
    arrays: dict[str, Values] = {
        "images": images.images, "name": np.array(images.name), "layout": np.array(layout),
    }  # fmt: skip
    if images.labels is not None:
        arrays["labels"] = images.labels.astype(np.int32)
    if images.classes is not None:
        arrays["classes"] = np.array(images.classes)
    span = stated_span(images.provenance)
    if span is not None:
        arrays[INPUT_RANGE] = np.array(span)
    save = np.savez_compressed if compressed else np.savez
    with replacing(path) as file:
        save(file, **arrays)  # type: ignore[arg-type]


def as_pixels(
    value: Values, shape: Shape | None = None, options: DataOptions = DEFAULTS, labels: int | None = None
) -> npt.NDArray[np.uint8]:
    """Convert an array of images to (N, C, H, W) uint8, or to (N, F) for a network that takes (F,).

    Args:
        value: Array of numbers.
        shape: (C, H, W) or (F,) of the network's input; None if it is not known.
        options: Axes, and the value of white.
        labels: Number of labels of the images, or None.

    Raises:
        DataError: The shape does not fit or is ambiguous, or a value is out of range.
    """
    if value.dtype.names is not None:
        raise DataError(f"expected numbers, found records of {', '.join(value.dtype.names)}; {EVENTS}")
    if value.dtype.kind not in "uifb":
        raise DataError(f"expected numbers, found an array of {value.dtype}")
    images = as_images(value, shape, options.layout, labels)
    if options.span is not None:
        return np.ascontiguousarray(quantised(images, *options.span))
    return np.ascontiguousarray(as_bytes(images, options.white))


def _image_set(path: Path, arrays: Arrays, split: Split, shape: Shape | None, options: DataOptions) -> ImageSet:
    image_key, label_key, name = _keys(arrays, split)
    class_key = next((key for key in arrays if _plain(key) in CLASS_KEYS), None)
    classes = None if class_key is None else tuple(str(label) for label in np.atleast_1d(arrays[class_key]).tolist())
    labels = columns = None
    if label_key is not None:
        labels, classes = as_labels(arrays[label_key], classes)
        columns = one_hot_columns(arrays[label_key])
    if options.layout == "auto" and "layout" in arrays and str(arrays["layout"]) in LAYOUTS:
        options = replace(options, layout=next(layout for layout in LAYOUTS if layout == str(arrays["layout"])))
    stored = _stored_range(arrays, options)
    if stored is not None:
        options = replace(options, span=None, white=255)
    pixels = as_pixels(arrays[image_key], shape, options, None if labels is None else len(labels))
    title = str(arrays["name"]) if "name" in arrays else f"{path.name}{name}"
    if options.span is None:
        check_contrast(title, pixels, options.white)
    provenance = options.provenance if stored is None else {INPUT_RANGE: list(stored)}
    return ImageSet(pixels, labels, classes, title, provenance=provenance, columns=columns)


def _stored_range(arrays: Arrays, options: DataOptions) -> tuple[float, float] | None:
    """Return the range of the measured values that the file contains as 0…255 (see `write`), or None.

    Raises:
        DataError: The network takes another range.
    """
    if INPUT_RANGE not in arrays:
        return None
    stored = stated_span({INPUT_RANGE: arrays[INPUT_RANGE].tolist()})
    if stored is None or options.span not in (None, stored):
        expected = "two numbers LOW < HIGH" if options.span is None else f"{options.span[0]:g}…{options.span[1]:g}"
        raise DataError(f"{INPUT_RANGE}: expected {expected}, found {arrays[INPUT_RANGE].tolist()}")
    return stored


def _keys(arrays: Arrays, split: Split) -> tuple[str, str | None, str]:
    """Return (name of the images, name of the labels or None, suffix of the title)."""
    plain = {_plain(key): key for key in arrays}
    if {"t", "x", "y", "p"} <= set(plain):
        raise DataError(f"is a recording of an event camera (t, x, y, p); {EVENTS}")
    by_split = {name: _names_of(plain, _split_keys(IMAGE_KEYS, name)) for name in SPLIT_NAMES}
    present = [name for name, keys in by_split.items() if keys]
    images = _names_of(plain, IMAGE_KEYS)
    if not present:
        if not images:
            raise DataError(
                f"expected an array {', '.join(IMAGE_KEYS)}, or x_train and x_test, found {', '.join(arrays) or 'none'}"
                "; save them as numpy.savez('data.npz', images=images, labels=labels)"
            )
        return _single(images), _at_most_one(_names_of(plain, LABEL_KEYS)), ""
    if images:
        raise DataError(f"expected one array of images, or one for each split, found {', '.join(arrays)}")
    chosen = next((name for name in ("test", "valid") if name in present), None) if split == "auto" else split
    if chosen not in present:
        missing = "test or validation" if chosen is None else chosen
        raise DataError(f"has no {missing} images, but {', '.join(present)}: give --split {present[0]}")
    return _single(by_split[chosen]), _at_most_one(_names_of(plain, _split_keys(LABEL_KEYS, chosen))), f" {chosen}"


def _split_keys(stems: tuple[str, ...], split: Split) -> tuple[str, ...]:
    affixes = SPLIT_NAMES[split]
    return tuple(key for stem in stems for affix in affixes for key in (f"{stem}_{affix}", f"{affix}_{stem}"))


def _plain(key: str) -> str:
    return key.casefold().replace("-", "_")


def _names_of(plain: Mapping[str, str], keys: tuple[str, ...]) -> list[str]:
    return [plain[key] for key in keys if key in plain]


def _single(keys: list[str]) -> str:
    if len(keys) > 1:
        raise DataError(f"has several arrays of images, {', '.join(keys)}: save one of them as images")
    return keys[0]


def _at_most_one(keys: list[str]) -> str | None:
    if len(keys) > 1:
        raise DataError(f"has several arrays of labels, {', '.join(keys)}: save one of them as labels")
    return keys[0] if keys else None
