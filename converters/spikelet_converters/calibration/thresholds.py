"""Thresholds for plain rectifiers from their activations on calibration images.

    max         the largest activation: no clipping, coarse rounding
    percentile  a percentile of the positive activations (Rueckauer et al., Front. Neurosci. 2017)
    mse         the smallest mean square error of the T-level clip-floor quantiser
                theta/T clip(floor(T a / theta + 1/2), 0, T), a balance of rounding and clipping (Li et al., ICML 2021)

There is one threshold per channel by default, or one per layer. The size of a spike is absorbed into the following
weights, so thresholds per channel cost nothing at run time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.nodes import IF, Conv2d, Flatten, Linear, Node, Scale, SumPool2d
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.frontends.values import f32
from spikelet_converters.maxima import maxima

Method = Literal["max", "percentile", "mse"]
METHODS: tuple[Method, ...] = ("max", "percentile", "mse")
Per = Literal["channel", "layer"]
SAMPLES = 4096  # activations kept per channel
CANDIDATES = 64  # thresholds tried by mse
Theta = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Activations:
    """Activations of a layer on the calibration images.

    Attributes:
        values: A sample per channel, (C, M).
        largest: The largest activation per channel, (C,).
    """

    values: Tensor
    largest: Tensor


@torch.no_grad()
def activations(
    graph: Graph, caps: Mapping[str, float | None], pixels: Tensor, batch: int = 32
) -> dict[str, Activations]:
    """Collect the activations of every layer that needs a threshold.

    Args:
        graph: float32 graph.
        caps: By layer, upper limit of its activation, or None.
        pixels: Calibration images, (N, *shape).
        batch: Images per batch.
    """
    analog = Analog(graph)
    generator = torch.Generator().manual_seed(0)
    limits = {name: None if cap is None else np.full(1, cap) for name, cap in caps.items()}
    rectify = analog.rectifier(limits)
    share = max(1, len(pixels) // batch)
    kept: dict[str, list[Tensor]] = {name: [] for name in caps}
    largest: dict[str, Tensor] = {}

    def neuron(name: str, current: Tensor) -> Tensor:
        a = rectify(name, current)
        if name in caps:
            flat = a.transpose(0, 1).reshape(a.shape[1], -1)
            maximum = flat.max(1).values
            largest[name] = torch.maximum(largest[name], maximum) if name in largest else maximum
            count = min(flat.shape[1], -(-SAMPLES // share))
            chosen = torch.randperm(flat.shape[1], generator=generator)[:count]
            kept[name].append(flat[:, chosen])
        return a

    for start in range(0, len(pixels), batch):
        analog(pixels[start : start + batch], neuron)
    return {name: Activations(torch.cat(parts, 1), largest[name]) for name, parts in kept.items()}


def thresholds(
    layers: Mapping[str, Activations], method: Method = "mse", steps: int = 16, percentile: float = 99.9,
    per: Per = "channel",
) -> dict[str, Theta]:  # fmt: skip
    """Choose the thresholds of each layer.

    Args:
        layers: Activations by layer.
        method: "max", "percentile" or "mse".
        steps: Number of time-steps T for "mse".
        percentile: Percentile for "percentile", above 0 and up to 100.
        per: One threshold per "channel" or per "layer".

    Returns:
        Thresholds above 0 by layer, (C,).

    Raises:
        UsageError: Unknown method, or percentile out of range.
    """
    if method not in METHODS:
        raise UsageError(f"method: expected {', '.join(METHODS)}, found {method!r}")
    if not 0 < percentile <= 100:
        raise UsageError(f"percentile: expected a number above 0 and up to 100, found {percentile:g}")
    chosen = {}
    for name, layer in layers.items():
        values, largest = layer.values, layer.largest
        channels = len(values)
        if per == "layer":
            values, largest = values.reshape(1, -1), largest.max().reshape(1)
        if method == "max":
            theta = largest
        elif method == "percentile":
            theta = torch.stack([_percentile(row, percentile) for row in values])
        else:
            theta = _least_error(values, largest, steps)
        theta = theta.double()
        # A channel without activations may fire on other images; it gets the median threshold of the layer.
        median = theta[theta > 0].median() if (theta > 0).any() else torch.ones(())
        chosen[name] = torch.where(theta > 0, theta, median).expand(channels).numpy().copy()
    return chosen


def rescaled(graph: Graph, thetas: Mapping[str, Theta]) -> Graph:
    """Return the graph with new thresholds. The size of a spike is absorbed into the following weights.

    Args:
        graph: float32 graph.
        thetas: By layer, (C,), in units of the present thresholds. v_init becomes theta / 2.
    """
    sizes: dict[str, Theta | None] = {}  # size of the output of a node relative to before; None is unchanged
    nodes: dict[str, Node] = {}
    pools = maxima(graph)
    pool_nodes = {*pools, *pools.values()}  # they count and repeat spikes of any size
    for name in graph.order:
        node = graph.nodes[name]
        before = sizes[graph.predecessors[name][0]] if graph.predecessors[name] else None
        if name in pool_nodes:
            nodes[name], sizes[name] = node, before
            continue
        match node:
            case IF():
                theta = node.theta.astype(np.float64) if before is None else node.theta / before
                if name in thetas:
                    theta = theta * thetas[name]
                    nodes[name] = replace(node, theta=f32(theta), v_init=f32(theta) / 2)
                else:
                    v_init = node.v_init if before is None else node.v_init / before
                    nodes[name] = replace(node, theta=f32(theta), v_init=f32(v_init))
                sizes[name] = thetas.get(name)
            case Conv2d() if before is not None:
                per_output = np.repeat(before.reshape(node.groups, -1), len(node.weight) // node.groups, axis=0)
                nodes[name] = replace(node, weight=f32(node.weight * per_output[:, :, None, None]))
                sizes[name] = None
            case Linear() if before is not None:
                nodes[name], sizes[name] = replace(node, weight=f32(node.weight * before)), None
            case Scale() if before is not None:
                nodes[name], sizes[name] = replace(node, scale=f32(node.scale * before)), None
            case Flatten():
                _, height, width = graph.shapes[graph.predecessors[name][0]]
                nodes[name], sizes[name] = node, None if before is None else np.repeat(before, height * width)
            case SumPool2d():
                nodes[name], sizes[name] = node, before
            case _:
                nodes[name], sizes[name] = node, None
    return Graph(nodes, graph.edges)


def _percentile(row: Tensor, percentile: float) -> Tensor:
    positive = row[row > 0]
    return torch.quantile(positive, percentile / 100) if len(positive) else torch.zeros(())


def _least_error(values: Tensor, largest: Tensor, steps: int) -> Tensor:
    """Return the threshold per row of (C, M) with the smallest mean square error of the T-level quantiser."""
    if values.shape[1] > SAMPLES:
        values = values[:, :: values.shape[1] // SAMPLES]
    best = torch.full_like(largest, float("inf"))
    theta = largest.clone()
    for share in torch.linspace(1, 1 / CANDIDATES, CANDIDATES):
        trial = (largest * share).clamp_min(1e-30)[:, None]
        error = (
            ((values * (steps / trial) + 0.5).floor_().clamp_(0, steps) * (trial / steps) - values).square_().mean(1)
        )
        better = error < best
        best[better], theta[better] = error[better], (largest * share)[better]
    return theta
