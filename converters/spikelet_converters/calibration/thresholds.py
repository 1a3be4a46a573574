"""Thresholds of a plain network's neurons, from its activations on calibration images.

    max         the largest activation: nothing is clipped, small ones are counted coarsely
    percentile  the given percentile of the positive activations (Rueckauer et al., Front. Neurosci. 2017)
    mse         what the T-level clip-floor quantiser  theta/T clip(floor(T a / theta + 1/2), 0, T)  gets wrong least
                in the mean square: its rounding against its clipping (Li et al., ICML 2021)

One a layer or, by default, one a channel: the next weights take in the size of a spike, so it costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.nodes import IF, Conv2d, Flatten, Linear, Node, Scale, SumPool2d
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.frontends.values import f32

Method = Literal["max", "percentile", "mse"]
METHODS: tuple[Method, ...] = ("max", "percentile", "mse")
Per = Literal["channel", "layer"]
SAMPLES = 4096  # activations of a channel that are kept
CANDIDATES = 64
Theta = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Activations:
    """What a layer did on the calibration images. values: (C, M), a sample of them. largest: (C,) of all of them."""

    values: Tensor
    largest: Tensor


@torch.no_grad()
def activations(
    graph: Graph, caps: Mapping[str, float | None], pixels: Tensor, batch: int = 32, seed: int = 0
) -> dict[str, Activations]:
    """The ReLU activations of every layer whose threshold is looked for. pixels: (N, *shape)."""
    analog = Analog(graph)
    generator = torch.Generator().manual_seed(seed)
    limits = {name: None if cap is None else np.full(1, cap) for name, cap in caps.items()}
    rectify = analog.rectifier(limits)
    share = max(1, len(pixels) // batch)
    kept: dict[str, list[Tensor]] = {name: [] for name in caps}
    largest: dict[str, Tensor] = {}

    def neuron(name: str, current: Tensor) -> Tensor:
        a = rectify(name, current)
        if name in caps:
            flat = a.transpose(0, 1).reshape(a.shape[1], -1)
            most = flat.max(1).values
            largest[name] = torch.maximum(largest[name], most) if name in largest else most
            wanted = min(flat.shape[1], -(-SAMPLES // share))
            chosen = torch.randperm(flat.shape[1], generator=generator)[:wanted]
            kept[name].append(flat[:, chosen])
        return a

    for start in range(0, len(pixels), batch):
        analog(pixels[start : start + batch], neuron)
    return {name: Activations(torch.cat(parts, 1), largest[name]) for name, parts in kept.items()}


def thresholds(
    found: Mapping[str, Activations], method: Method = "mse", steps: int = 16, percentile: float = 99.9,
    per: Per = "channel",
) -> dict[str, Theta]:  # fmt: skip
    """Theta by layer, (C,), above 0.

    steps: T that mse is minimised for.

    Raises:
        UsageError: no such method, or a percentile outside 0…100.
    """
    if method not in METHODS:
        raise UsageError(f"method: expected {', '.join(METHODS)}, got {method!r}")
    if not 0 < percentile <= 100:
        raise UsageError(f"percentile: expected one above 0 and up to 100, got {percentile:g}")
    chosen = {}
    for name, layer in found.items():
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
        # a channel that stayed silent may fire on other images: give it the layer's usual threshold
        usual = theta[theta > 0].median() if (theta > 0).any() else torch.ones(())
        chosen[name] = torch.where(theta > 0, theta, usual).expand(channels).numpy().copy()
    return chosen


def rescaled(graph: Graph, thetas: Mapping[str, Theta]) -> Graph:
    """The graph with these thresholds: the weights that a layer's spikes meet take in what a spike is worth.

    thetas: by layer, (C,), in the units of the thresholds that the graph has; v_init becomes theta / 2.
    """
    worth: dict[str, Theta | None] = {}  # of what a node sends on, against what it was; None: the same
    nodes: dict[str, Node] = {}
    for name in graph.order:
        node: Any = graph.nodes[name]
        before = worth[graph.predecessors[name][0]] if graph.predecessors[name] else None
        match node:
            case IF():
                theta = node.theta.astype(np.float64) if before is None else node.theta / before
                if name in thetas:
                    theta = theta * thetas[name]
                    nodes[name] = replace(node, theta=f32(theta), v_init=f32(theta) / 2)
                else:
                    v_init = node.v_init if before is None else node.v_init / before
                    nodes[name] = replace(node, theta=f32(theta), v_init=f32(v_init))
                worth[name] = thetas.get(name)
            case Conv2d() if before is not None:
                per_output = np.repeat(before.reshape(node.groups, -1), len(node.weight) // node.groups, axis=0)
                nodes[name] = replace(node, weight=f32(node.weight * per_output[:, :, None, None]))
                worth[name] = None
            case Linear() if before is not None:
                nodes[name], worth[name] = replace(node, weight=f32(node.weight * before)), None
            case Scale() if before is not None:
                nodes[name], worth[name] = replace(node, scale=f32(node.scale * before)), None
            case Flatten():
                _, height, width = graph.shapes[graph.predecessors[name][0]]
                nodes[name], worth[name] = node, None if before is None else np.repeat(before, height * width)
            case SumPool2d():
                nodes[name], worth[name] = node, before
            case _:
                nodes[name], worth[name] = node, None
    return Graph(nodes, graph.edges)


def _percentile(row: Tensor, percentile: float) -> Tensor:
    positive = row[row > 0]
    return torch.quantile(positive, percentile / 100) if len(positive) else torch.zeros(())


def _least_error(values: Tensor, largest: Tensor, steps: int) -> Tensor:
    """Theta by row of (C, M) at which the T-level quantiser errs least in the mean square."""
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
