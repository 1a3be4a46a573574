"""Pillow images as input. Pillow is not imported here; a caller with such an image has imported it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from spikelet.errors import DataError
from spikelet.nodes import Shape

MODES = {1: "L", 3: "RGB"}  # by number of channels


class Picture(Protocol):
    """A Pillow image."""

    mode: str

    def convert(self, mode: str) -> Picture:
        """Return the image in another mode."""


def is_picture(value: object) -> TypeGuard[Picture]:
    """Whether a value is a Pillow image."""
    return type(value).__module__.split(".")[0] == "PIL" and hasattr(value, "convert") and hasattr(value, "mode")


def are_pictures(value: object) -> TypeGuard[Sequence[Picture]]:
    """Whether a value is a list or tuple of Pillow images."""
    return isinstance(value, list | tuple) and bool(value) and all(map(is_picture, value))


def pixels(picture: Picture, shape: Shape) -> npt.NDArray[np.uint8]:
    """Return the pixels of an image, channel first, in the colours of the network: (C, H, W) uint8.

    Raises:
        DataError: The network does not take images, or images of another size.
    """
    mode = MODES.get(shape[0]) if len(shape) == 3 else None
    if mode is None:
        raise DataError(f"input: an image has 1 or 3 channels, the network takes values of shape {shape}")
    values = np.asarray(picture.convert(mode), np.uint8)
    if values.shape[:2] != shape[1:]:
        height, width = values.shape[:2]
        raise DataError(
            f"input: expected an image of {shape[2]} × {shape[1]} pixels, found {width} × {height}; "
            f"resize it, for example image.resize(({shape[2]}, {shape[1]}))"
        )
    return values[None] if mode == "L" else np.ascontiguousarray(np.moveaxis(values, -1, 0))
