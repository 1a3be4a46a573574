"""Loss of agreement by layer, measured by replacing one layer after another by spiking neurons, and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spikelet.graph import Graph
from spikelet_converters.calibration.analog import Analog, Caps

POINT = 0.01  # share of clipped activations, and loss of accuracy, above which other settings are tried


@dataclass(frozen=True)
class Loss:
    """Loss of one layer.

    Attributes:
        layer: Name of the layer.
        through: Agreement with the source if layers up to this one spike and later ones stay analog.
        clipped: Share of the activations of the layer above its threshold.
        rate: Mean activation in units of a spike.
    """

    layer: str
    through: float
    clipped: float
    rate: float


@torch.no_grad()
def losses(graph: Graph, caps: Caps, pixels: Tensor, steps: int, source: Graph | None = None) -> list[Loss]:
    """Measure the loss of each layer, in the order of the network.

    Args:
        graph: float32 graph with thresholds.
        caps: By layer, upper limit of its activation in units of a spike, (C,), or None.
        pixels: (N, *shape).
        steps: Number of time-steps T.
        source: The graph before its biases were corrected, whose predictions are those of the source; by default the
            graph itself.
    """
    analog = Analog(graph)
    rectify = analog.rectifier(caps)
    clipped: dict[str, float] = {}
    means: dict[str, float] = {}

    def record(name: str, current: Tensor) -> Tensor:
        a = rectify(name, current)
        clipped[name], means[name] = float((a > 1 + 1e-6).float().mean()), float(a.mean())
        return a

    predictions = Analog(graph if source is None else source)(pixels, record).argmax(1)
    rates: dict[str, Tensor] = {}
    analog(pixels.repeat(steps, *(1,) * (pixels.ndim - 1)), analog.spiking(steps, rates))
    spiking: dict[str, Tensor] = {}
    by_layer = []
    for name in graph.spiking:
        spiking[name] = rates[name]
        agrees = analog(pixels, rectify, spiking).argmax(1) == predictions
        by_layer.append(Loss(name, float(agrees.float().mean()), clipped[name], means[name]))
    return by_layer


@torch.no_grad()
def agreement(
    graph: Graph, caps: Caps, pixels: Tensor, steps: int, source: Graph, predictions: Tensor | None = None
) -> float:
    """Return the share of images with the prediction of the source, 0…1. The arguments are those of `losses`.

    `predictions`, (N,), are those of another source.
    """
    analog, analog_source = Analog(graph), Analog(source)
    if predictions is None:
        predictions = analog_source(pixels, analog_source.rectifier(caps)).argmax(1)
    logits = analog(pixels.repeat(steps, *(1,) * (pixels.ndim - 1)), analog.spiking(steps, {}))
    return float((logits.unflatten(0, (steps, -1)).sum(0).argmax(1) == predictions).float().mean())


@dataclass(frozen=True)
class Trial:
    """A setting with which the loss may be smaller.

    Attributes:
        option: The options of the command line.
        changes: Fields of the calibration.
    """

    option: str
    changes: Mapping[str, object]


def trials(by_layer: list[Loss], steps: int) -> list[Trial]:
    """Return the settings to try, the most likely one first.

    Args:
        by_layer: Loss of each layer.
        steps: Number of time-steps T.
    """
    more_steps = Trial(f"--steps {2 * steps}", {"steps": 2 * steps})
    if _worst(by_layer)[0].clipped <= POINT:
        return [more_steps]
    less_clipped = Trial("--method percentile --percentile 99.99", {"method": "percentile", "percentile": 99.99})
    return [less_clipped, more_steps]


def advice(by_layer: list[Loss], before: float, tried: Sequence[tuple[str, float]]) -> list[str]:
    """Return sentences on where accuracy is lost, and on the options that lost less when they were tried.

    Args:
        by_layer: Loss of each layer.
        before: Share of the calibration images with the prediction of the source.
        tried: Options of the command line, and the same share with them.
    """
    worst, drop = _worst(by_layer)
    if before == 1.0:
        return ["predictions agree on all calibration images; more of them (--calibration-count) may show what is lost"]
    sentences = [
        f"most is lost in {worst.layer}: predictions agree on {worst.through:.1%} once it spikes "
        f"({100 * drop:.1f} points less than before it)"
    ]
    if drop <= 0:
        sentences = []
    better = max(tried, key=lambda attempt: attempt[1], default=("", 0.0))
    if better[1] > before:
        return [*sentences, f"try {better[0]}: predictions agree on {better[1]:.1%} instead of {before:.1%}"]
    names = " or ".join(option for option, _ in tried)
    return [*sentences, f"{names} does not help; more calibration images may (--calibration-count)"]


def _worst(by_layer: list[Loss]) -> tuple[Loss, float]:
    """Return the layer with the largest loss of agreement, and that loss."""
    drops = -np.diff([1.0, *(loss.through for loss in by_layer)])
    index = int(drops.argmax())
    return by_layer[index], float(drops[index])
