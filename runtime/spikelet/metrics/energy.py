"""Estimate the energy of one image from counted operations and published energies per operation.

The result is an estimate, not a measurement. It has three cumulative levels:

    operations  synaptic operations: accumulates of spikes, multiply-accumulates of analog values
    neurons     plus neuron updates
    memory      plus memory traffic

Baselines are non-spiking networks of the same graph, at the same levels: float32, int8, and activations of
ceil(log2(T + 1)) bits, which represent T + 1 spike counts (Yan et al., 2024, arXiv:2409.08290).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from spikelet.graph import Graph
from spikelet.metrics.hardware import Profile, PublishedValue
from spikelet.metrics.operations import Operations
from spikelet.metrics.traffic import BUFFER, Moved, dense_traffic, spiking_traffic
from spikelet.options import instance, whole

LEVELS = ("operations", "neurons", "memory")
ITERATIONS, EQUAL = 60, 1e-12  # in the search of a rate; relative difference of two equal energies


@dataclass(frozen=True)
class Energy:
    """An energy in pJ, with a low and a high bound."""

    low: float
    high: float

    def __add__(self, other: Energy) -> Energy:
        return Energy(self.low + other.low, self.high + other.high)


Levels = dict[str, Energy | None]  # by level; None: the profile has no figure for it


@dataclass(frozen=True)
class EnergyBaseline:
    """A non-spiking network, evaluated on the same image.

    Attributes:
        name: Type of the network.
        levels: Energy by level.
        crossover: By level, the spike rate at the synapses below which the spiking network needs less energy, for
            the low and for the high energies; 0 never, 1 always, None if the level is unknown.
    """

    name: str
    levels: Levels
    crossover: dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Estimate:
    """The estimated energy of one image with one hardware profile.

    Attributes:
        profile: Hardware profile.
        levels: Energy of the spiking network, by level.
        baselines: Non-spiking networks on the same hardware.
        static_again: Additional energy if the static part, which depends on the image only, is computed at every
            time-step.
        left_out: Operations without a published energy.
    """

    profile: Profile
    levels: Levels
    baselines: tuple[EnergyBaseline, ...] = ()
    static_again: Energy | None = None
    left_out: tuple[str, ...] = field(default=())


def estimate(graph: Graph, ops: Operations, profile: Profile, buffer: int = BUFFER) -> Estimate:
    """Estimate the energy of one image with a hardware profile that has published energies.

    Args:
        graph: The network.
        ops: Mean operations of an image.
        profile: The hardware profile.
        buffer: Bytes of on-chip memory, see `traffic`.

    Raises:
        UsageError: An argument is of a wrong type.

    Examples:
        >>> from spikelet import bundle, metrics, shipped
        >>> contents = bundle.read(shipped.demo())
        >>> images = shipped.images_for(contents.graph.input.shape, contents.manifest.labels).subset(4)
        >>> operations = metrics.measure(contents, images, steps=2, engine="numpy").operations
        >>> energy = estimate(contents.graph, operations, metrics.builtin()["cmos45-int8"])
        >>> [baseline.name for baseline in energy.baselines]
        ['float32', 'int8', '2-bit activations']
    """
    for name, value, kind in (("graph", graph, Graph), ("ops", ops, Operations), ("profile", profile, Profile)):
        instance(name, value, kind)
    buffer = whole("buffer", buffer)
    levels = spiking_levels(graph, ops, profile, buffer)
    baselines = []
    largest_count = ops.steps * max(graph.neuron(name).copies for name in graph.spiking)
    for name, figure, weight_bits, activation_bits in _baseline_types(profile, largest_count):
        dense = _dense_levels(graph, ops, profile, figure, weight_bits, activation_bits, buffer)
        baselines.append(EnergyBaseline(name, dense, _crossovers(graph, ops, profile, dense, buffer)))
    left_out = []
    macs = ops.total("macs") + ops.total("static_macs")
    again = None
    if profile.counts == "events" and "mac" not in profile.figures and macs:
        left_out.append(f"{macs:,.0f} multiply-accumulates of analog values")
    elif macs:
        price = profile.figures["ac" if profile.counts == "connections" else "mac"]
        again = _priced((ops.steps - 1) * ops.total("static_macs"), price)
    return Estimate(profile, levels, tuple(baselines), again, tuple(left_out))


def spiking_levels(graph: Graph, ops: Operations, profile: Profile, buffer: int = BUFFER) -> Levels:
    """Compute the energy levels of the spiking network; the static part is computed once."""
    figures = profile.figures
    macs = ops.total("macs") + ops.total("static_macs")
    adds = ops.total("adds") + ops.total("static_adds")
    if profile.counts == "connections":
        synaptic = _priced(ops.total("dense_events") + macs + adds, figures["ac"])
    else:
        synaptic = _priced(ops.total("acs") + adds, figures["ac"])
        synaptic += _priced(macs, figures["mac"]) if "mac" in figures else Energy(0, 0)
    return _levels(
        profile, synaptic, ops.neuron_updates, lambda: spiking_traffic(graph, ops, profile.weight_bits, buffer), buffer
    )


def activation_bits(steps: float) -> int:
    """Return the number of bits that represent T + 1 spike counts, ceil(log2(T + 1)), T >= 1; with k copies, of k T."""
    return math.ceil(math.log2(steps + 1))


def _baseline_types(profile: Profile, steps: float) -> list[tuple[str, PublishedValue, int, int]]:
    """Return the baselines as (name, energy of a multiply-accumulate, bits of a weight, bits of an activation)."""
    types, figures = [], profile.figures
    if "fp32_mac" in figures:
        types.append(("float32", figures["fp32_mac"], 32, 32))
    if "int8_mac" in figures:
        int8, bits = figures["int8_mac"], activation_bits(steps)
        types.append(("int8", int8, 8, 8))
        # low: a multiplier whose energy is proportional to the bits; high: the existing 8-bit multiplier
        share = bits / 8
        matched = PublishedValue(int8.low * min(share, 1), int8.high * max(share, 1), int8.source)
        types.append((f"{bits}-bit activations", matched, 8, bits))
    return types


def _dense_levels(
    graph: Graph, ops: Operations, profile: Profile, figure: PublishedValue, weight_bits: int, bits: int, buffer: int
) -> Levels:
    """Compute the energy levels of one evaluation of a baseline; each activation costs one neuron update."""
    return _levels(
        profile,
        _priced(ops.dense_macs, figure),
        sum(graph.size(name) for name in ops.neurons),
        lambda: dense_traffic(graph, ops, weight_bits, bits, buffer),
        buffer,
    )


def _levels(
    profile: Profile, synaptic: Energy, updates: float, moved: Callable[[], list[Moved]], buffer: int
) -> Levels:
    neurons = None
    if "neuron_update" in profile.figures:
        neurons = synaptic + _priced(updates, profile.figures["neuron_update"])
    memory = neurons
    if neurons is not None and profile.memory != "included":
        memory = neurons + _memory(profile, moved(), buffer) if profile.memory == "separate" else None
    return {"operations": synaptic, "neurons": neurons, "memory": memory}


def _memory(profile: Profile, moved: Iterable[Moved], buffer: int) -> Energy:
    assert profile.dram is not None
    figures = {"buffer": profile.buffer(buffer), "dram": profile.dram}
    total = Energy(0, 0)
    for transfer in moved:
        figure = figures[transfer.memory]
        total += Energy(transfer.least * figure.low, transfer.most * figure.high)
    return total


def _crossovers(
    graph: Graph, ops: Operations, profile: Profile, baseline: Levels, buffer: int
) -> dict[str, tuple[float, float] | None]:
    rates: dict[str, tuple[float, float] | None] = {}
    for level in LEVELS:
        limit = baseline[level]
        if limit is None:
            rates[level] = None
            continue

        def spiking(rate: float, level: str = level) -> Energy:
            energy = spiking_levels(graph, ops.at_rate(rate), profile, buffer)[level]
            assert energy is not None
            return energy

        low, high = limit.low, limit.high
        rates[level] = (_root(lambda r: spiking(r).low, low), _root(lambda r: spiking(r).high, high))
    return rates


def _root(cost: Callable[[float], float], limit: float) -> float:
    """Find the largest rate in 0…1 at which the non-decreasing `cost` stays within the limit; 0 if there is none.

    The cost is piecewise linear. In an interval without a corner, linear interpolation finds the rate. Every third
    iteration bisects the interval instead, which excludes the corners.
    """
    below, above = 0.0, 1.0
    at_below, at_above = cost(below), cost(above)
    if at_below > limit:
        return 0.0
    if at_above <= limit:
        return 1.0
    for index in range(ITERATIONS):
        share = 0.5 if index % 3 == 2 else (limit - at_below) / (at_above - at_below)
        rate = below + share * (above - below)
        at_rate = cost(rate)
        if abs(at_rate - limit) <= EQUAL * limit:
            return rate
        if at_rate <= limit:
            below, at_below = rate, at_rate
        else:
            above, at_above = rate, at_rate
    return below


def _priced(count: float, figure: PublishedValue) -> Energy:
    return Energy(count * figure.low, count * figure.high)
