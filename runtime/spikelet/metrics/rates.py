"""Spike rates: of layers, of neurons, and the neurons that say nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spikelet.metrics.tally import Tally

SATURATED = 0.95
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class LayerRate:
    """Spikes of a layer, for each neuron and time-step.

    by_step: rate at each time-step. low, median, high: 5 %, 50 % and 95 % quantiles of the rates of its
    neurons. dead: neurons that never fired, on any image. saturated: neurons that fired at 95 % of all
    time-steps or more.
    """

    layer: str
    neurons: int
    rate: float
    by_step: tuple[float, ...]
    low: float
    median: float
    high: float
    dead: int
    saturated: int

    def as_json(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def layer_rates(counted: Tally) -> list[LayerRate]:
    """One entry a layer, in topological order."""
    found = []
    for name, count in counted.spikes.items():
        rates = count.reshape(-1) / (counted.images * counted.steps)
        low, median, high = (float(each) for each in np.quantile(rates, QUANTILES))
        found.append(
            LayerRate(
                layer=name,
                neurons=count.size,
                rate=float(rates.mean()),
                by_step=tuple(float(each) for each in counted.by_step[name] / (counted.images * count.size)),
                low=low,
                median=median,
                high=high,
                dead=int((count == 0).sum()),
                saturated=int((rates >= SATURATED).sum()),
            )
        )
    return found
