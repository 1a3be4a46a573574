"""Energy for the panel: levels, layers, and the curve on which the crossover lies.

Every number comes from `metrics.energy`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spikelet.graph import Graph
from spikelet.metrics.energy import LEVELS, Baseline, Energy, Estimate, Levels, estimate, spiking_levels
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet_gui.models.analysis.blocks import blocks

POINTS = 41
UNITS = ((1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))


@dataclass(frozen=True)
class Costs:
    """An image on one machine.

    layers: by block, its share of each level. rates, curve: by level, energy if every synapse saw that spike rate.
    """

    estimate: Estimate
    rate: float
    layers: dict[str, Levels]
    rates: tuple[float, ...]
    curve: dict[str, list[Energy]]

    @property
    def level(self) -> str:
        """The fullest level that the profile has figures for."""
        return next(level for level in reversed(LEVELS) if self.estimate.levels[level] is not None)

    def crossover(self, rival: Baseline, level: str) -> tuple[float, float] | None:
        """Spike rate under which the spiking network needs less than `rival`: of the low and of the high figures."""
        return rival.crossover[level]


def costs(measured: Measurement, profile: Profile) -> Costs:
    """All that the energy panel shows for a profile that has figures."""
    graph, ops = measured.bundle.graph, measured.operations
    made = estimate(graph, ops, profile, measured.buffer)
    crossings = [each for rival in made.baselines for pair in rival.crossover.values() if pair for each in pair]
    most = min(1.0, max([2 * ops.rate, *(1.2 * crossing for crossing in crossings if 0 < crossing < 1), 0.05]))
    rates = tuple(float(each) for each in np.linspace(0, most, POINTS))
    curve: dict[str, list[Energy]] = {level: [] for level in LEVELS if made.levels[level] is not None}
    for rate in rates:
        found = spiking_levels(graph, ops.at_rate(rate), profile, measured.buffer)
        for level, energies in curve.items():
            energy = found[level]
            assert energy is not None
            energies.append(energy)
    return Costs(made, ops.rate, by_block(graph, measured, profile), rates, curve)


def energy_text(energy: Energy | None) -> str:
    """Low to high, in the unit that fits: 2.00 – 6.29 µJ."""
    if energy is None:
        return "no figure"
    factor, unit = next(each for each in UNITS if energy.high >= each[0] or each[0] == 1)
    low, high = (
        f"{end / factor:,.3g}" if end < 1000 * factor else f"{end / factor:,.0f}" for end in (energy.low, energy.high)
    )
    return f"{low} {unit}" if low == high else f"{low} – {high} {unit}"


def by_block(graph: Graph, measured: Measurement, profile: Profile) -> dict[str, Levels]:
    """The estimate of each block by itself; they add up to that of the network."""
    ops = measured.operations
    found = {}
    for block in blocks(graph):
        rows = tuple(row for row in ops.rows if row.node in block.members)
        neurons = {name: count for name, count in ops.neurons.items() if name == block.name}
        spikes = {name: count for name, count in ops.spikes.items() if name == block.name}
        if rows or neurons:
            part = replace(ops, rows=rows, neurons=neurons, spikes=spikes)
            found[block.name] = spiking_levels(graph, part, profile, measured.buffer)
    return found
