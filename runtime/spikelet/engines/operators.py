"""Nodes without a state, evaluated in float32 with NumPy. In an exact network no sum is rounded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from spikelet import neurons
from spikelet.bounds.products import product
from spikelet.engines.base import Float
from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.nodes import Add, Conv2d, Flatten, Input, Linear, Node, Output, Scale, Shape, SumPool2d

PATCH_BYTES = 2**23  # of unfolded input per matrix product: large enough for BLAS, small enough for a board


def float_weights(graph: Graph) -> dict[str, Float]:
    """Convert the weights of a graph to float32, which BLAS requires. Returns them by node."""
    return {
        name: np.ascontiguousarray(node.weight, np.float32)
        for name, node in graph.nodes.items()
        if isinstance(node, Conv2d | Linear)
    }


def evaluate(node: Node, inputs: Sequence[Float], shape: Shape, weight: Float | None = None, threads: int = 1) -> Float:
    """Evaluate a node that has no state.

    Args:
        node: The node.
        inputs: (N, ...) float32 of every predecessor; of an Input, the pixels.
        shape: Output shape of the node, without N.
        weight: Weight of a Conv2d or Linear as float32, see `float_weights`.
        threads: Number of threads that share the samples of a convolution.

    Returns:
        (N, *shape) float32.

    Raises:
        EngineError: The node has a state, or its type is unknown.
    """
    x = inputs[0]
    match node:
        case Input():
            return x.astype(np.float32, copy=False) - neurons.per_channel(node.mean, x.ndim - 1)
        case Conv2d():
            assert weight is not None
            return convolve(node, weight, x, shape, threads)
        case Linear():
            assert weight is not None
            return product(x, weight.T) + node.bias.astype(np.float32)
        case SumPool2d():
            return pool(x, node.kernel, node.stride)
        case Scale():
            return x * neurons.per_channel(node.scale, x.ndim - 1)
        case Add():
            total = x
            for current in inputs[1:]:
                total = total + current
            return total
        case Flatten():
            return x.reshape(len(x), -1)
        case Output():
            return x
        case _:
            raise EngineError(f"engine numpy: unsupported node {node.kind}")


def windows(x: Float, kernel: tuple[int, int], stride: tuple[int, int]) -> Float:
    """Return a view of all windows: (N, C, H, W) -> (N, C, H_out, W_out, kh, kw)."""
    view = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))
    return view[:, :, :: stride[0], :: stride[1]]


def pool(x: Float, kernel: tuple[int, int], stride: tuple[int, int]) -> Float:
    """Return the sum over every window: (N, C, H, W) -> (N, C, H_out, W_out)."""
    view = windows(x, kernel, stride)
    total: Float = view[..., 0, 0].copy()
    for tap in range(1, kernel[0] * kernel[1]):
        total += view[(..., *divmod(tap, kernel[1]))]
    return total


def convolve(node: Conv2d, weight: Float, x: Float, shape: tuple[int, ...], threads: int = 1) -> Float:
    """Return the cross-correlation (N, C_out, H_out, W_out), by unfolding: one matrix product per group and image.

    Args:
        node: The convolution.
        weight: Weight of the node as float32.
        x: (N, C_in, H, W) float32.
        shape: (C_out, H_out, W_out).
        threads: Number of threads that share the samples.
    """
    pixels = shape[1] * shape[2]
    chunk = _chunk(node, pixels, len(x), threads)
    starts = range(0, len(x), chunk)
    out = np.empty((len(x), shape[0], pixels), np.float32)
    convolve_part = partial(_convolve_part, node, weight, x, out, chunk)
    if threads == 1 or len(starts) == 1:
        for start in starts:
            convolve_part(start)
    else:
        from concurrent.futures import ThreadPoolExecutor  # imported on use, to save memory

        # created per call, so that a forked process does not depend on threads of its parent
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(convolve_part, starts))
    return out.reshape(len(x), *shape)


def _chunk(node: Conv2d, pixels: int, samples: int, threads: int) -> int:
    """Return the number of samples that are unfolded at a time."""
    chunk = max(1, PATCH_BYTES // (4 * node.groups * int(node.weight[0].size) * pixels))
    return min(chunk, -(-samples // threads))


def convolution_bytes(graph: Graph, name: str, samples: int, threads: int) -> int:
    """Return the bytes of a convolution besides its input and output: padded input, unfolded input and sums."""
    node = graph.node(name, Conv2d)
    channels, height, width = graph.shapes[graph.predecessors[name][0]]
    pixels = graph.neurons(name) // len(node.weight)
    chunk = _chunk(node, pixels, samples, threads)
    padded = channels * (height + 2 * node.padding[0]) * (width + 2 * node.padding[1])
    unfolded = node.groups * int(node.weight[0].size) * pixels
    return 4 * chunk * min(threads, -(-samples // chunk)) * (padded + unfolded + graph.neurons(name))


def _convolve_part(node: Conv2d, weight: Float, x: Float, out: Float, chunk: int, start: int) -> None:
    """Convolve `chunk` samples from `start` on into `out`, (N, C_out, H_out·W_out)."""
    groups, (_, channels, pixels) = node.groups, out.shape
    kernel = node.weight.shape[2], node.weight.shape[3]
    taps = node.weight[0].size
    (ph, pw), stop = node.padding, start + chunk
    part = np.pad(x[start:stop], ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    # (n, C, H, W, kh, kw) -> (n, groups, C/groups·kh·kw, H·W)
    patches = windows(part, kernel, node.stride).transpose(0, 1, 4, 5, 2, 3)
    patches = patches.reshape(len(part), groups, taps, pixels)
    rows = weight.reshape(groups, channels // groups, taps)
    sums = product(rows, patches).reshape(len(part), channels, pixels)
    np.add(sums, node.bias.astype(np.float32)[:, None], out=out[start:stop])
