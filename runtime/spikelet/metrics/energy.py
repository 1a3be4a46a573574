"""Energy of one image: an estimate from counted operations and published figures, never a measurement.

Three levels, each with what the one before it has:

    operations  synaptic operations: accumulates of spikes, multiply-accumulates of analog values
    neurons     and neuron updates
    memory      and memory traffic

The same levels for networks that are not spiking and do the same work: float (fp32), int8, and as many bits for
an activation as T time-steps can tell apart, ceil(log2(T + 1)) (Yan et al., 2024, arXiv:2409.08290).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from spikelet.graph import Graph
from spikelet.metrics.hardware import Figure, Profile
from spikelet.metrics.operations import Operations
from spikelet.metrics.traffic import BUFFER, Moved, dense_traffic, spiking_traffic

LEVELS = ("operations", "neurons", "memory")


@dataclass(frozen=True)
class Energy:
    """pJ, least and most."""

    low: float
    high: float

    def __add__(self, other: Energy) -> Energy:
        return Energy(self.low + other.low, self.high + other.high)


Levels = dict[str, Energy | None]  # by level; None: the profile has no figure for it


@dataclass(frozen=True)
class Baseline:
    """A network that is not spiking, for the same image.

    crossover: by level, (of the low figures, of the high ones): the spike rate at the synapses under which the
        spiking network needs less; 0 never, 1 always, None where a level is unknown.
    """

    name: str
    levels: Levels
    crossover: dict[str, tuple[float, float] | None]


@dataclass(frozen=True)
class Estimate:
    """What one image costs on one machine.

    static_again: energy that is added if what depends on the image alone is computed at every time-step.
    left_out: operations that the profile has no figure for.
    """

    profile: Profile
    levels: Levels
    baselines: tuple[Baseline, ...] = ()
    static_again: Energy | None = None
    left_out: tuple[str, ...] = field(default=())


def estimate(graph: Graph, ops: Operations, profile: Profile, buffer: int = BUFFER) -> Estimate:
    """The estimate for a profile that has figures. buffer: bytes of on-chip memory, see `traffic`."""
    levels = spiking_levels(graph, ops, profile, buffer)
    baselines = []
    for name, figure, weight_bits, activation_bits in _rivals(profile, ops.steps):
        rival = _dense_levels(graph, ops, profile, figure, weight_bits, activation_bits, buffer)
        baselines.append(Baseline(name, rival, _crossovers(graph, ops, profile, rival, buffer)))
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
    """Of the spiking network; what depends on the image alone is computed once."""
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
    """Bits that tell T + 1 spike counts apart: ceil(log2(T + 1))."""
    return max(1, math.ceil(math.log2(steps + 1)))


def _rivals(profile: Profile, steps: float) -> list[tuple[str, Figure, int, int]]:
    """(name, energy of a multiply-accumulate, bits of a weight, bits of an activation)."""
    found, figures = [], profile.figures
    if "fp32_mac" in figures:
        found.append(("float32", figures["fp32_mac"], 32, 32))
    if "int8_mac" in figures:
        int8, bits = figures["int8_mac"], activation_bits(steps)
        found.append(("int8", int8, 8, 8))
        # between a multiplier made for so few bits, its energy in proportion, and the one for 8 bits that exists
        share = bits / 8
        matched = Figure(int8.low * min(share, 1), int8.high * max(share, 1), int8.source)
        found.append((f"{bits}-bit activations", matched, 8, bits))
    return found


def _dense_levels(
    graph: Graph, ops: Operations, profile: Profile, figure: Figure, weight_bits: int, bits: int, buffer: int
) -> Levels:
    """One evaluation, every activation priced as one neuron update."""
    return _levels(
        profile,
        _priced(ops.dense_macs, figure),
        sum(ops.neurons.values()),
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
    for each in moved:
        figure = figures[each.place]
        total += Energy(each.least * figure.low, each.most * figure.high)
    return total


def _crossovers(
    graph: Graph, ops: Operations, profile: Profile, rival: Levels, buffer: int
) -> dict[str, tuple[float, float] | None]:
    found: dict[str, tuple[float, float] | None] = {}
    for level in LEVELS:
        other = rival[level]
        if other is None:
            found[level] = None
            continue

        def spiking(rate: float, level: str = level) -> Energy:
            each = spiking_levels(graph, ops.at_rate(rate), profile, buffer)[level]
            assert each is not None
            return each

        low, high = other.low, other.high
        found[level] = (_root(lambda r: spiking(r).low, low), _root(lambda r: spiking(r).high, high))
    return found


def _root(cost: Callable[[float], float], limit: float) -> float:
    """The largest rate in 0…1 at which `cost`, which never falls, stays within the limit; 0 if none does."""
    if cost(0.0) > limit:
        return 0.0
    if cost(1.0) <= limit:
        return 1.0
    below, above = 0.0, 1.0
    for _ in range(40):
        middle = (below + above) / 2
        below, above = (middle, above) if cost(middle) <= limit else (below, middle)
    return below


def _priced(count: float, figure: Figure) -> Energy:
    return Energy(count * figure.low, count * figure.high)
