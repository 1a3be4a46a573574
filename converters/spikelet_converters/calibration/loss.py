"""Loss of agreement by layer, measured by making one layer after another spike, and advice from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from spikelet.graph import Graph
from spikelet_converters.calibration.analog import Analog, Caps

POINT = 0.01


@dataclass(frozen=True)
class Loss:
    """Loss of one layer.

    Attributes:
        layer: name of the layer.
        through: agreement with the source if layers up to this one spike and later ones stay analog.
        clipped: share of the activations of the layer above its threshold.
        rate: mean activation in units of a spike.
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
        caps: by layer, upper limit of its activation in units of a spike, (C,), or None.
        pixels: (N, *shape).
        steps: number of time-steps T.
        source: the graph before its biases were corrected, whose predictions are those of the source; by default the
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


def advice(by_layer: list[Loss], steps: int, lost: float, quantised: float) -> list[str]:
    """Return sentences on where accuracy is lost and which options to try.

    Args:
        by_layer: loss of each layer.
        steps: number of time-steps T.
        lost: accuracy (or agreement) lost from the source to the float32 spiking network, 0…1.
        quantised: further loss by rounding the weights, 0…1.
    """
    sentences = []
    if lost > POINT:
        drops = np.diff([1.0, *(loss.through for loss in by_layer)])
        worst = by_layer[int(drops.argmin())]
        sentences.append(
            f"most is lost in {worst.layer}: answers agree on {worst.through:.1%} once it spikes "
            f"({-100 * drops.min():.1f} points less than before it)"
        )
        if worst.clipped > POINT:
            sentences.append(f"{worst.clipped:.1%} of its activations lie above its threshold: try --percentile 99.99")
        elif worst.rate < 1 / steps:
            sentences.append(f"its mean activation is {worst.rate:.3f} of a spike: try --steps {2 * steps}")
        else:
            sentences.append(f"try --steps {2 * steps}, or more images (--calibration-count)")
    if quantised > POINT:
        sentences.append(f"rounding the weights cost {100 * quantised:.1f} points: try --bits 10, or --float32")
    return sentences
