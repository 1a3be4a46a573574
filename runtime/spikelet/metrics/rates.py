"""Spike rates of layers and neurons, and counts of dead and saturated neurons."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from spikelet.metrics.tally import Tally

SATURATED = 0.95
QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class LayerRate:
    """Spike rate of a layer: spikes per neuron and time-step.

    Attributes:
        by_step: Rate at each time-step, (T,).
        low, median, high: 5%, 50% and 95% quantiles of the rates of the neurons.
        dead: Number of neurons that never fired on any image.
        saturated: Number of neurons that fired at 95% of all time-steps or more.
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

    def as_json(self) -> dict[str, object]:
        """Convert to a JSON object."""
        return asdict(self)


def layer_rates(counted: Tally) -> list[LayerRate]:
    """Compute the spike rates of all layers, in topological order."""
    layers = []
    for name, count in counted.spikes.items():
        rates = count.reshape(-1) / (counted.images * counted.steps)
        low, median, high = (float(rate) for rate in np.quantile(rates, QUANTILES))
        layers.append(
            LayerRate(
                layer=name,
                neurons=count.size,
                rate=float(rates.mean()),
                by_step=tuple(float(rate) for rate in counted.by_step[name] / (counted.images * count.size)),
                low=low,
                median=median,
                high=high,
                dead=int((count == 0).sum()),
                saturated=int((rates >= SATURATED).sum()),
            )
        )
    return layers
