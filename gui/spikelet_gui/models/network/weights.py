"""Weights of a layer as an image of kernels, and their histogram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.display import significant
from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.nodes import Conv2d, Linear, Scale
from spikelet_gui.models.network.blocks import Block
from spikelet_gui.models.numbers import minus

MAX_ROWS = 1_000_000  # largest number of weights in a table
BINS = 64  # number of bins of a histogram of many different values
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Position:
    """Position of a weight.

    Attributes:
        output: Output channel.
        input: Input channel, counted in the group of a grouped convolution.
        pixel: (y, x) in the kernel.
    """

    output: int
    input: int
    pixel: tuple[int, int]


@dataclass(frozen=True)
class Weights:
    """Weights of one node.

    Attributes:
        node: Name of the node.
        kind: Type of the node.
        values: (outputs, inputs, height, width).
        theta: (outputs,) thresholds of the neurons that receive the output directly, or None.
    """

    node: str
    kind: str
    values: npt.NDArray[np.generic]
    theta: Values | None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image: a row of kernels per output, with lines between kernels of several pixels."""
        outputs, inputs, height, width = self.values.shape
        line = self._line
        return outputs * (height + line) - line, inputs * (width + line) - line

    @property
    def _line(self) -> int:
        return int(self.values.shape[2] * self.values.shape[3] > 1)

    def picture(self) -> npt.NDArray[np.float32]:
        """Return the image, (height, width); NaN between kernels."""
        outputs, inputs, height, width = self.values.shape
        line = self._line
        padded = np.full((outputs, inputs, height + line, width + line), np.nan, np.float32)
        padded[:, :, :height, :width] = self.values
        image = padded.transpose(0, 2, 1, 3).reshape(outputs * (height + line), inputs * (width + line))
        return np.ascontiguousarray(image[: self.size[0], : self.size[1]])

    def position(self, row: int, column: int) -> Position | None:
        """Return the weight at a pixel of the image; None between kernels and outside."""
        height, width = self.size
        if not (0 <= row < height and 0 <= column < width):
            return None
        (output, y), (source, x) = (
            divmod(row, self.values.shape[2] + self._line),
            divmod(column, self.values.shape[3] + self._line),
        )
        if y >= self.values.shape[2] or x >= self.values.shape[3]:
            return None
        return Position(output, source, (y, x))

    def at(self, position: Position) -> float:
        """Return a weight."""
        return float(self.values[position.output, position.input, position.pixel[0], position.pixel[1]])

    def rows(self) -> list[list[int | float]]:
        """Return a row for each weight: output, input, y, x, weight.

        Raises:
            UsageError: There are more than MAX_ROWS weights.
        """
        if self.values.size > MAX_ROWS:
            count, remedy = f"{self.values.size:,} weights", "read them with spikelet.load(…).graph.nodes"
            raise UsageError.at(
                self.node,
                f"{count} are too many for a table, at most {MAX_ROWS:,}; {remedy}",
                expected=f"at most {MAX_ROWS:,} weights",
                found=count,
                remedy=remedy,
            )
        positions = np.indices(self.values.shape).reshape(4, -1).T.tolist()
        return [[*position, weight] for position, weight in zip(positions, self.values.ravel().tolist(), strict=True)]

    def histogram(self) -> tuple[Values, npt.NDArray[np.int64], float]:
        """Return centres, numbers of weights, and width of the bars: one bar per whole value, or BINS bars."""
        flat = self.values.reshape(-1).astype(np.float64)
        low, high = float(flat.min()), float(flat.max())
        if np.issubdtype(self.values.dtype, np.integer) and high - low < 4 * BINS:
            centres = np.arange(low, high + 1)
            counts = np.bincount((flat - low).astype(np.int64), minlength=len(centres))
            return centres, counts.astype(np.int64), 1.0
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        counts, _ = np.histogram(flat, edges)
        return (edges[:-1] + edges[1:]) / 2, counts.astype(np.int64), float(edges[1] - edges[0])

    def facts(self) -> list[tuple[str, str]]:
        """Return number, range, share of zeros, mean and root mean square."""
        flat = self.values.astype(np.float64)
        return [
            ("weights", f"{flat.size:,} × {self.values.dtype}"),
            ("range", minus(f"{_number(flat.min())} … {_number(flat.max())}")),
            ("zeros", f"{(flat == 0).mean():.1%}"),
            ("mean", minus(_number(flat.mean(), 3))),
            ("root mean square", _number(np.sqrt((flat**2).mean()))),
            ("outputs without a weight", f"{int((flat == 0).all(axis=(1, 2, 3)).sum()):,}"),
        ]


def _number(value: float, digits: int = 4) -> str:
    return significant(float(value), digits, zeros=False)


def weights_of(graph: Graph, block: Block) -> tuple[Weights, ...]:
    """Return the weights of a block, in topological order; empty if it has none."""
    result = []
    for name in block.members:
        node = graph.nodes[name]
        if isinstance(node, Conv2d):
            values = node.weight
        elif isinstance(node, Linear):
            values = node.weight[:, :, None, None]
        elif isinstance(node, Scale):
            values = np.asarray(node.scale).reshape(-1, 1, 1, 1)
        else:
            continue
        theta = None
        if block.spiking and name in graph.predecessors[block.name]:
            theta = np.broadcast_to(graph.neuron(block.name).theta, (len(values),)).astype(np.float64)
        result.append(Weights(name, node.kind, values, theta))
    return tuple(result)
