"""Convert an input to RGB for display."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.nodes import Shape


def shown(image: npt.NDArray[np.float32], low: int, high: int) -> npt.NDArray[np.uint8]:
    """Convert an input to (H, W, 3) uint8 for display.

    Channels other than three are averaged to grey; a vector becomes one row, and a line of several channels one row for
    each channel, the first at the bottom.
    """
    scaled = np.clip((image - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
    if scaled.ndim == 1:
        scaled = scaled[None, None]
    elif is_line(image.shape):
        scaled = scaled[::-1, 0][None]
    if len(scaled) != 3:
        scaled = np.repeat(scaled.mean(axis=0, keepdims=True).astype(np.uint8), 3, axis=0)
    return np.ascontiguousarray(scaled.transpose(1, 2, 0))


def is_line(shape: Shape) -> bool:
    """Return whether an input (C, 1, L) is a line of several channels, such as a spectrogram, and not an image."""
    return len(shape) == 3 and shape[1] == 1 and shape[0] not in (1, 3)
