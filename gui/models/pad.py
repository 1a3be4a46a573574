"""A pad to draw on: soft strokes on a grid of grey values."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.nodes import Shape


class Pad:
    """pixels: (1, H, W) uint8, 0 where nothing was drawn. radius: of the brush, in pixels."""

    def __init__(self, shape: Shape) -> None:
        self.pixels: npt.NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.radius = max(1.0, min(shape[1:]) / 18)

    @property
    def empty(self) -> bool:
        """Whether nothing was drawn."""
        return not self.pixels.any()

    def clear(self) -> None:
        """Wipe it."""
        self.pixels = np.zeros_like(self.pixels)

    def stroke(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """A line between two points (x, y), in pixels; its edge is one pixel soft."""
        _, height, width = self.pixels.shape
        y, x = np.mgrid[0:height, 0:width] + 0.5
        (ax, ay), (bx, by) = start, end
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) if length else np.zeros_like(x)
        distance = np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))
        ink = np.clip(self.radius + 0.5 - distance, 0, 1) * 255
        self.pixels = np.maximum(self.pixels, ink.astype(np.uint8)[None])
