"""Feature maps: all channels of a layer in one image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.nodes import Shape

EMPTY = -1.0  # value of pixels without a neuron
FULL_ROWS = 0.8  # smallest size of tiles in full rows, relative to the largest size, for which full rows are chosen


@dataclass(frozen=True)
class Mosaic:
    """Positions of the neurons of a layer in an image: tiles of (H, W), one per channel, separated by one pixel.

    A layer without height and width is one tile that is as square as possible. The copies of a neuron share a pixel,
    which shows their sum.

    Attributes:
        channels: Number of tiles.
        height: Height of a tile.
        width: Width of a tile.
        columns: Tiles per row.
        flat: Number of pixels of a layer without height and width; 0 for other layers.
        copies: Copies of each neuron.
    """

    channels: int
    height: int
    width: int
    columns: int
    flat: int = 0
    copies: int = 1

    @property
    def rows(self) -> int:
        """Number of rows of tiles."""
        return -(-self.channels // self.columns)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image."""
        return self.rows * (self.height + 1) - 1, self.columns * (self.width + 1) - 1

    def picture(self, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        """Arrange one value per neuron, (neurons,), as an image (height, width); EMPTY between the tiles."""
        tile = self.height * self.width
        if self.copies > 1:
            channels, pixels = (self.flat, 1) if self.flat else (self.channels, tile)
            values = values.reshape(channels, self.copies, pixels).sum(1).reshape(-1)
        if self.flat:
            values = np.concatenate([values.astype(np.float32), np.full(tile - self.flat, EMPTY, np.float32)])
        padded = np.full((self.rows * self.columns, self.height + 1, self.width + 1), EMPTY, np.float32)
        padded[: self.channels, :-1, :-1] = values.reshape(self.channels, self.height, self.width)
        grid = padded.reshape(self.rows, self.columns, self.height + 1, self.width + 1).transpose(0, 2, 1, 3)
        image = grid.reshape(self.rows * (self.height + 1), self.columns * (self.width + 1))
        return np.ascontiguousarray(image[:-1, :-1])

    def neuron(self, y: int, x: int) -> int | None:
        """Return the neuron at a pixel, the first of its copies; None between the tiles and outside."""
        height, width = self.size
        if not (0 <= y < height and 0 <= x < width):
            return None
        row, y = divmod(y, self.height + 1)
        column, x = divmod(x, self.width + 1)
        channel = row * self.columns + column
        if y == self.height or x == self.width or channel >= self.channels:
            return None
        if self.flat:
            index = y * self.width + x
            return index * self.copies if index < self.flat else None
        return (channel * self.copies * self.height + y) * self.width + x

    def position(self, neuron: int) -> tuple[int, int]:
        """Return the pixel (y, x) of a neuron."""
        if self.flat:
            channel, pixel = 0, neuron // self.copies
        else:
            channel, pixel = divmod(neuron, self.copies * self.height * self.width)
            pixel %= self.height * self.width
        y, x = divmod(pixel, self.width)
        row, column = divmod(channel, self.columns)
        return row * (self.height + 1) + y, column * (self.width + 1) + x


def mosaic(shape: Shape, aspect: float = 1.0, copies: int = 1) -> Mosaic:
    """Arrange a layer of this shape so that the tiles are large in an area `aspect` times as wide as high.

    Args:
        shape: Shape of the layer without copies of neurons.
        aspect: Width of the area, relative to its height.
        copies: Copies of each neuron.
    """
    if len(shape) == 1:
        width = max(1, min(shape[0], round(np.sqrt(shape[0] * aspect))))
        return Mosaic(1, -(-shape[0] // width), width, 1, flat=shape[0], copies=copies)
    channels, height, width = shape
    scales: dict[int, float] = {}  # by number of columns, size of a pixel relative to the height of the area
    for columns in range(1, channels + 1):
        size = Mosaic(channels, height, width, columns).size
        scales[columns] = min(aspect / size[1], 1 / size[0])
    best = max(scales, key=scales.__getitem__)
    full = max((columns for columns in scales if channels % columns == 0), key=scales.__getitem__)
    chosen = full if scales[full] >= FULL_ROWS * scales[best] else best
    return Mosaic(channels, height, width, chosen, copies=copies)
