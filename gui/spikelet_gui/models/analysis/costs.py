"""Energy estimates of the energy panel: by level, by layer, and by spike rate.

All numbers are computed by `spikelet.metrics.energy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from spikelet.display import significant
from spikelet.graph import Graph
from spikelet.metrics.energy import LEVELS, Energy, Estimate, Levels, estimate, spiking_levels
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet_gui.models.network.blocks import blocks

Spans = list[tuple[str, Levels]]
"""Names of networks or layers, and their energy by level."""

POINTS = 41  # number of spike rates of the curve
LEAST = 0.001  # smallest energy that is shown, in the unit of its column
UNITS = ((1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))


@dataclass(frozen=True)
class Costs:
    """Energy per image on one hardware profile.

    Attributes:
        estimate: The estimate of the whole network, with its baselines.
        rate: Spike rate at the synapses.
        layers: Estimate of each block, by name.
        rates: Spike rates of `curve`.
        curve: By level, the energy at each of `rates`, if all synapses received spikes at that rate.
    """

    estimate: Estimate
    rate: float
    layers: dict[str, Levels]
    rates: tuple[float, ...]
    curve: dict[str, list[Energy]]

    @property
    def level(self) -> str:
        """The most complete level for which the profile has figures."""
        return next(level for level in reversed(LEVELS) if self.estimate.levels[level] is not None)


def costs(measured: Measurement, profile: Profile) -> Costs:
    """Estimate the energy of a measured network with a profile that has figures."""
    graph, ops = measured.bundle.graph, measured.operations
    network = estimate(graph, ops, profile, measured.buffer)
    pairs = [pair for baseline in network.baselines for pair in baseline.crossover.values() if pair]
    break_evens = [rate for pair in pairs for rate in pair if 0 < rate < 1]
    largest = min(1.0, max([2 * ops.rate, *(1.2 * rate for rate in break_evens), 0.05]))
    rates = tuple(float(rate) for rate in np.linspace(0, largest, POINTS))
    curve: dict[str, list[Energy]] = {level: [] for level in LEVELS if network.levels[level] is not None}
    for rate in rates:
        levels = spiking_levels(graph, ops.at_rate(rate), profile, measured.buffer)
        for level, energies in curve.items():
            energy = levels[level]
            assert energy is not None
            energies.append(energy)
    return Costs(network, ops.rate, by_block(graph, measured, profile), rates, curve)


def unit_of(energies: Iterable[Energy | None]) -> tuple[float, str]:
    """Return (pJ per unit, unit) in which the largest of some energies is 1 or more, for a column of them."""
    largest = max((energy.high for energy in energies if energy is not None), default=0.0)
    return next((factor, unit) for factor, unit in UNITS if largest >= factor or factor == 1)


def energy_text(energy: Energy | None, unit: tuple[float, str] | None = None) -> str:
    """Format low to high, e.g. 2.00 – 6.29 µJ.

    Args:
        energy: The energy; None has no figure.
        unit: pJ per unit, and the unit; None for the one that suits this energy.
    """
    if energy is None:
        return "no figure"
    factor, name = unit_of([energy]) if unit is None else unit
    if energy.high < LEAST * factor:
        return f"below {LEAST} {name}"
    low, high = (_digits(end / factor) for end in (energy.low, energy.high))
    return f"{low} {name}" if low == high else f"{low} – {high} {name}"


def microjoules(spans: Spans) -> list[list[object]]:
    """Return rows (name, level, low, high) in µJ, of the levels that have figures."""
    return [
        [name, level, energy.low / 1e6, energy.high / 1e6]
        for name, levels in spans
        for level in LEVELS
        if (energy := levels[level]) is not None
    ]


def _digits(value: float) -> str:
    return significant(value, 3 if value >= 0.1 else 2)


def by_block(graph: Graph, measured: Measurement, profile: Profile) -> dict[str, Levels]:
    """Estimate each block separately; the sum is the estimate of the network."""
    ops = measured.operations
    estimates = {}
    for block in blocks(graph):
        rows = tuple(row for row in ops.rows if row.node in block.members)
        neurons = {name: count for name, count in ops.neurons.items() if name == block.name}
        spikes = {name: count for name, count in ops.spikes.items() if name == block.name}
        if rows or neurons:
            part = replace(ops, rows=rows, neurons=neurons, spikes=spikes)
            estimates[block.name] = spiking_levels(graph, part, profile, measured.buffer)
    return estimates
