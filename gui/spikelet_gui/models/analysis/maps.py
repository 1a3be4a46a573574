"""Feature maps: all channels of a layer in one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.nodes import Shape

EMPTY = -1.0
WHOLE = 0.8  # how much smaller than they could be tiles may be, so that no place is left empty


@dataclass(frozen=True)
class Mosaic:
    """Where the neurons of a layer lie in a picture: tiles of (H, W), `columns` a row, one pixel between them.

    A layer without height and width is one tile, as square as it can be.
    """

    channels: int
    height: int
    width: int
    columns: int
    flat: int = 0  # neurons of a layer without height and width

    @property
    def rows(self) -> int:
        """Of tiles."""
        return -(-self.channels // self.columns)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.rows * (self.height + 1) - 1, self.columns * (self.width + 1) - 1

    def picture(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(height, width) of one value a neuron, (neurons,); EMPTY between the tiles."""
        tile = self.height * self.width
        if self.flat:
            values = np.concatenate([values.astype(np.float32), np.full(tile - self.flat, EMPTY, np.float32)])
        padded = np.full((self.rows * self.columns, self.height + 1, self.width + 1), EMPTY, np.float32)
        padded[: self.channels, :-1, :-1] = values.reshape(self.channels, self.height, self.width)
        grid = padded.reshape(self.rows, self.columns, self.height + 1, self.width + 1).transpose(0, 2, 1, 3)
        whole = grid.reshape(self.rows * (self.height + 1), self.columns * (self.width + 1))
        return np.ascontiguousarray(whole[:-1, :-1])

    def neuron(self, y: int, x: int) -> int | None:
        """The neuron at a pixel, or None between the tiles and outside."""
        height, width = self.size
        if not (0 <= y < height and 0 <= x < width):
            return None
        row, y = divmod(y, self.height + 1)
        column, x = divmod(x, self.width + 1)
        channel = row * self.columns + column
        if y == self.height or x == self.width or channel >= self.channels:
            return None
        found = (channel * self.height + y) * self.width + x
        return found if not self.flat or found < self.flat else None

    def place(self, neuron: int) -> tuple[int, int]:
        """(y, x) of a neuron."""
        channel, rest = divmod(neuron, self.height * self.width)
        y, x = divmod(rest, self.width)
        row, column = divmod(channel, self.columns)
        return row * (self.height + 1) + y, column * (self.width + 1) + x


def mosaic(shape: Shape, aspect: float = 1.0) -> Mosaic:
    """The mosaic of a layer of this shape whose picture is about `aspect` times as wide as high."""
    if len(shape) == 1:
        width = max(1, min(shape[0], round(np.sqrt(shape[0] * aspect))))
        return Mosaic(1, -(-shape[0] // width), width, 1, flat=shape[0])
    channels, height, width = shape
    largest: dict[int, float] = {}  # by columns, how large a pixel may be drawn
    for columns in range(1, channels + 1):
        made = Mosaic(channels, height, width, columns)
        largest[columns] = min(aspect / made.size[1], 1 / made.size[0])
    best = max(largest, key=largest.__getitem__)
    whole = max((each for each in largest if channels % each == 0), key=largest.__getitem__)
    return Mosaic(channels, height, width, whole if largest[whole] >= WHOLE * largest[best] else best)
