"""Identify the axes of an array: images, rows, columns, channels, features.

The layout of an array is the one that fits the network or, without a network, the one with more than four rows and
columns and at most four channels. If several layouts fit and give different images, the array is refused; the option
--layout selects one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from spikelet.data.options import Layout
from spikelet.errors import DataError
from spikelet.nodes import Shape

Values = npt.NDArray[np.generic]
CHANNELS = range(1, 5)
POLARITIES = 2
EXPECTED = "images (N, C, H, W), (N, H, W, C), (N, H, W) or (H, W)"
OPTION = "give its axes with --layout"
ROWS = (
    "; if each row is a sample: give --layout NL for lines of values, or save images.reshape(-1, C, H, W) for rows of "
    "pixels"
)


def as_images(value: Values, shape: Shape | None, layout: Layout = "auto", labels: int | None = None) -> Values:
    """Return an array as images (N, C, H, W), or samples (N, F) of a network that takes (F,).

    Args:
        value: Array of numbers.
        shape: (C, H, W) or (F,) of the network's input, or None if it is not known.
        layout: Axes of the array; "auto" accepts the one that fits.
        labels: Number of labels beside the array, or None.

    Raises:
        DataError: No layout fits, or more than one.
    """
    if value.size == 0:
        raise DataError(f"expected {EXPECTED}, found shape {value.shape}")
    forms = _forms(value)
    if not forms:
        hint = "; `spikelet events` runs a recording, one at a time" if value.ndim == 5 else ""
        raise DataError(f"expected {EXPECTED}, found shape {value.shape}{hint}")
    if layout != "auto":
        if layout not in forms:
            raise DataError(f"--layout {layout} has {len(layout)} axes, found shape {value.shape}")
        return _flattened(forms[layout], shape)
    fitting = {name: images for name, images in forms.items() if _fits(name, images, shape)}
    if not fitting:
        kind = "images" if shape is None else f"images of the network's {shape}"
        hint = f"{OPTION} ({', '.join(forms)})" if shape is None else _remedy(shape, value)
        raise DataError(f"expected an array of {kind}, found shape {value.shape}; {hint}")
    if labels is not None:
        fitting = _with_count(fitting, labels)
    if len({_memory_form(images) for images in fitting.values()}) > 1:
        raise DataError(f"shape {value.shape} can be read as {' or '.join(fitting)}; {OPTION}")
    name, images = next(iter(fitting.items()))
    polarities = shape is not None and len(shape) == 3 and shape[0] == POLARITIES and shape[1] > 1
    if polarities and len(images) > 1 and labels is None:
        raise DataError(
            f"shape {value.shape} can be {len(images)} images of two channels, or the frames of one recording of an "
            f"event camera; --layout {name} reads images, and `spikelet events` a recording; "
            "in the inspector, open it in the dialog (Ctrl+I) and choose its form"
        )
    return _flattened(images, shape)


def _remedy(shape: Shape, value: Values) -> str:
    """Return how images of another shape become those of the network."""
    if value.ndim == 2 and value.shape[1] == math.prod(shape):
        sizes = ", ".join(map(str, shape))
        return f"if each line holds an image row by row, save images.reshape(-1, {sizes})"
    return "give data of this shape: arrays are not resampled"


def _forms(value: Values) -> dict[Layout, Values]:
    """Return the array in every layout with its number of axes, as (N, C, H, W) or (N, F); lines have one row."""
    lines: dict[Layout, Values]
    match value.ndim:
        case 1:
            return {"NF": value[None]}
        case 2:
            lines = {"CL": value[None, :, None], "LC": value.T[None, :, None], "NL": value[:, None, None]}
            return {"HW": value[None, None], "NF": value, **lines}
        case 3:
            lines = {"NCL": value[:, :, None], "NLC": value.transpose(0, 2, 1)[:, :, None]}
            return {"NHW": value[:, None], "CHW": value[None], "HWC": value.transpose(2, 0, 1)[None], **lines}
        case 4:
            return {"NCHW": value, "NHWC": value.transpose(0, 3, 1, 2)}
    return {}


def _fits(name: Layout, images: Values, shape: Shape | None) -> bool:
    if shape is not None and len(shape) == 1:
        features = images.shape[1] if images.ndim == 2 or images.shape[1] == 1 else 0
        return bool(features and images[0].size == shape[0])
    if images.ndim != 4:
        return False
    if shape is not None:
        return images.shape[1:] == shape and (shape[1] == 1 or "L" not in name)
    _, channels, height, width = images.shape
    least = CHANNELS.stop - 1
    return channels in CHANNELS and (name == "HW" or (height > least and width > least))


def _with_count(fitting: dict[Layout, Values], labels: int) -> dict[Layout, Values]:
    """Return the layouts in which there are as many images as labels."""
    same = {name: images for name, images in fitting.items() if len(images) == labels}
    if not same:
        counts = sorted({len(images) for images in fitting.values()})
        noun = "image" if counts == [1] else "images"
        hint = "" if set(fitting) != {"HW"} or len(fitting["HW"][0, 0]) != labels else ROWS
        raise DataError(
            f"expected one label for each of {' or '.join(map(str, counts))} {noun}, found {labels} labels{hint}"
        )
    return same


def _flattened(images: Values, shape: Shape | None) -> Values:
    if shape is None or len(shape) != 1:
        return images
    if images.ndim == 4 and images.shape[1] > 1:
        raise DataError(
            f"images of {images.shape[1]} channels for a network of {shape[0]} inputs: the order of the channels is "
            f"not known; save them as (N, {shape[0]})"
        )
    return images.reshape(len(images), -1)


def _memory_form(images: Values) -> tuple[object, ...]:
    """Return a value that is equal for two layouts of the same images: sizes and strides of axes longer than 1."""
    axes = tuple((size, stride) for size, stride in zip(images.shape, images.strides, strict=True) if size > 1)
    return (len(images), images[0].size, axes)
