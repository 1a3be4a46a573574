"""Where a conversion loses its answers: the network made spiking layer by layer, and what to try where it hurts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikelet.graph import Graph
from spikelet_converters.calibration.analog import Analog

POINT = 0.01


@dataclass(frozen=True)
class Loss:
    """layer: its name. through: share of answers that agree with the source when this layer and all before it
    spike and the rest does not. clipped: share of the layer's activations above its threshold.
    rate: mean activation in units of a spike.
    """

    layer: str
    through: float
    clipped: float
    rate: float


@torch.no_grad()
def losses(graph: Graph, caps: Mapping[str, Any], pixels: Tensor, steps: int) -> list[Loss]:
    """One entry a layer, in the order of the network. graph: float32, with its thresholds. pixels: (N, *shape)."""
    analog = Analog(graph)
    rectify = analog.rectifier(caps)
    clipped: dict[str, float] = {}
    means: dict[str, float] = {}

    def watch(name: str, current: Tensor) -> Tensor:
        a = rectify(name, current)
        clipped[name], means[name] = float((a > 1 + 1e-6).float().mean()), float(a.mean())
        return a

    wanted = analog(pixels, watch).argmax(1)
    rates: dict[str, Tensor] = {}
    analog(pixels.repeat(steps, *(1,) * (pixels.ndim - 1)), analog.spiking(steps, rates))
    given: dict[str, Tensor] = {}
    found = []
    for name in graph.spiking:
        given[name] = rates[name]
        answers = analog(pixels, rectify, given).argmax(1)
        found.append(Loss(name, float((answers == wanted).float().mean()), clipped[name], means[name]))
    return found


def advice(found: list[Loss], steps: int, lost: float, quantised: float) -> list[str]:
    """What to try, in words.

    lost: accuracy (or agreement) lost on the way from the source to the float spiking network, 0…1.
    quantised: what rounding its weights cost beyond that.
    """
    words = []
    if lost > POINT:
        drops = np.diff([1.0, *(each.through for each in found)])
        worst = found[int(drops.argmin())]
        words.append(
            f"most is lost in {worst.layer}: answers agree on {worst.through:.1%} once it spikes "
            f"({-100 * drops.min():.1f} points less than before it)"
        )
        if worst.clipped > POINT:
            words.append(f"{worst.clipped:.1%} of its activations lie above its threshold: try --percentile 99.99")
        elif worst.rate < 1 / steps:
            words.append(f"its mean activation is {worst.rate:.3f} of a spike: try --steps {2 * steps}")
        else:
            words.append(f"try --steps {2 * steps}, or more images (--calibration-count)")
    if quantised > POINT:
        words.append(f"rounding the weights cost {100 * quantised:.1f} points: try --bits 10, or --float32")
    return words
