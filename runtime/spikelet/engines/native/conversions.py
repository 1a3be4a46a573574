"""Convert arrays to and from the forms of the library: pixels and costs, and the potentials of copies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.engines.base import Float
from spikelet.engines.native.compiled import CompiledNetwork
from spikelet.engines.native.memory import Number
from spikelet.errors import EngineError
from spikelet.lowering.c.copies import progression
from spikelet.lowering.c.plan import Ints
from spikelet.nodes import IF


def whole_pixels(compiled: CompiledNetwork, pixels: npt.NDArray[np.generic]) -> Ints:
    """Return the pixels as integers of the type that the library reads, (N, *shape).

    Raises:
        EngineError: A pixel is not a whole number, or out of range.
    """
    node = compiled.graph.input
    if pixels.dtype == np.uint8 and compiled.all_bytes:
        whole: Ints = np.ascontiguousarray(pixels, np.uint8)
        return whole
    values: Float = pixels.astype(np.float32, copy=False)
    in_range = values.min() >= node.low and values.max() <= node.high  # False for NaN
    images = values.astype(compiled.pixel_type, "C") if in_range else None
    if images is None or not np.array_equal(images, values):
        wrong = values[~((values >= node.low) & (values <= node.high) & (values == np.rint(values)))]
        raise EngineError(
            f"engine native: expected whole numbers {node.low}…{node.high} as pixels, found {wrong[0]:g}; "
            "scale and round the input"
        )
    return images


def channel_last(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return (C, …) in the channel-last order of the compiled network, (… · C,)."""
    return np.moveaxis(values, 0, -1).reshape(-1)


def potentials_of_copies(node: IF, lowest: Ints, lowest_copies: npt.NDArray[np.uint8]) -> Ints:
    """Return the potentials of all copies of a layer, (N, C·copies, pixels), in the units of the node.

    Args:
        node: The layer.
        lowest: (N, C, pixels) potentials of the library, which stores the lowest one of each neuron's copies.
        lowest_copies: (N, pixels·C) index of the copy that has it, see kernels/host/program/copies.h.
    """
    n, channels, pixels = lowest.shape
    first = lowest_copies.reshape(n, pixels, channels).transpose(0, 2, 1)
    copy = np.arange(node.copies)[:, None]
    position = (copy - first[:, :, None].astype(np.int64)) % node.copies
    spaced = progression(node)
    v = lowest[:, :, None] + position * spaced.step.astype(np.int64)[:, None, None]
    v = v // spaced.gain if node.tie == ">=" else -(-v // spaced.gain)
    return v.reshape(n, channels * node.copies, pixels)
