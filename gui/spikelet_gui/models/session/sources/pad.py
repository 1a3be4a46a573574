"""A drawing pad: soft strokes on a grid of grey values."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from spikelet.nodes import Shape


class Pad:
    """A grid of grey values with a pen.

    Args:
        shape: (1, H, W).
        earlier: A pad that this one replaces; `undo` begins with its drawing.

    Attributes:
        pixels: (1, H, W) uint8; 0 where nothing is drawn.
        radius: Radius of the brush, in pixels.
        pen: Position (x, y) of the pen that keys move, in pixels.
        down: Whether the pen draws when it moves.
    """

    MOST_UNDONE = 100  # strokes

    def __init__(self, shape: Shape, earlier: Pad | None = None) -> None:
        self.pixels: npt.NDArray[np.uint8] = np.zeros(shape, np.uint8)
        self.radius = max(1.0, min(shape[1:]) / 18)
        self.pen = (shape[2] // 2 + 0.5, shape[1] // 2 + 0.5)
        self.down = False
        self._earlier: deque[npt.NDArray[np.uint8]] = deque(maxlen=self.MOST_UNDONE)
        if earlier is not None and earlier.pixels.shape == shape:
            self._earlier.append(earlier.pixels)

    def is_in(self, images: npt.NDArray[np.generic]) -> bool:
        """Return whether images contain this drawing, not a copy of it."""
        return np.may_share_memory(images, self.pixels)

    def begin(self) -> None:
        """Remember the drawing before a stroke or another change, for `undo`."""
        if not self._earlier or not np.array_equal(self._earlier[-1], self.pixels):
            self._earlier.append(self.pixels)

    def undo(self) -> bool:
        """Return to the drawing before the last stroke, or before it was cleared, and return whether it changed."""
        while self._earlier:
            earlier = self._earlier.pop()
            if not np.array_equal(earlier, self.pixels):
                self.pixels, self.down = earlier, False
                return True
        return False

    def clear(self) -> None:
        """Clear the pad and lift the pen."""
        self.begin()
        self.pixels = np.zeros_like(self.pixels)
        self.down = False

    def press(self) -> bool:
        """Lower the pen, which draws a dot, or lift it, and return whether it drew."""
        self.down = not self.down
        if self.down:
            self.begin()
            self.stroke(self.pen, self.pen)
        return self.down

    def move(self, dx: int, dy: int) -> bool:
        """Move the pen by pixels, limited to the pad, and return whether it drew."""
        _, height, width = self.pixels.shape
        before, (x, y) = self.pen, self.pen
        self.pen = min(max(x + dx, 0.5), width - 0.5), min(max(y + dy, 0.5), height - 0.5)
        if self.down:
            self.stroke(before, self.pen)
        return self.down

    def stroke(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a line between two points (x, y), in pixels, with an edge that is one pixel soft."""
        _, height, width = self.pixels.shape
        y, x = np.mgrid[0:height, 0:width] + 0.5
        (ax, ay), (bx, by) = start, end
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) if length else np.zeros_like(x)
        distance = np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay))
        ink = np.clip(self.radius + 0.5 - distance, 0, 1) * 255
        self.pixels = np.maximum(self.pixels, ink.astype(np.uint8)[None])
