"""Numbers and caveats in words: what the terminal and the page say alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spikelet.metrics.energy import LEVELS, Baseline, Energy, Estimate
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet.metrics.traffic import as_json as traffic_json
from spikelet.metrics.traffic import dense_traffic, spiking_traffic

LEVEL_NAMES = ("synaptic operations", "+ neuron updates", "+ memory traffic")
NO_LABELS = "The images have no labels, so there is no accuracy."
ESTIMATE = (
    "Energy here is an estimate, not a measurement: operations counted on these images, times published energies "
    "of one operation."
)


def assumptions(measured: Measurement) -> list[str]:
    """What the estimate takes for granted."""
    again = measured.operations.total("static_macs")
    return [
        "A spike costs one accumulate for each non-zero weight that it meets; a spike at a border meets fewer.",
        "A spike that passes a sum pool is one event for each window it lies in; sums of spikes cost nothing else.",
        f"What depends on the image alone ({again:,.0f} multiply-accumulates) is computed once an image, as the "
        f"engines here do it; at every time-step it would be {again * measured.counted.steps:,.0f}.",
        "Every neuron is updated at every time-step; its bias or constant current is part of that.",
        "Networks that do not spike: every connection once, zero activations and weights included; each activation "
        "priced as one neuron update. Bits of the third: as many as T + 1 spike counts need; between an int8 "
        "multiplier (high) and one whose energy falls with the bits (low).",
        f"Memory: a buffer of {measured.buffer:,} bytes each for the weights, the sums and the inputs of a layer, "
        "DRAM for what does not fit. Low: each word moves once an evaluation (a time-step, or an image). High: "
        "every operation fetches its operands and stores its sum. Sums and spike addresses are words of 32 bits, "
        "weights of 8 (of 32 in a float32 profile).",
        "Not counted: control, clock, leakage, transfers on and off the device.",
    ]


def microjoules(energy: Energy | None) -> str:
    """Low to high, in µJ."""
    if energy is None:
        return "no figure"
    low, high = _three(energy.low / 1e6), _three(energy.high / 1e6)
    return low if low == high else f"{low} – {high}"


def crossover(found: tuple[float, float] | None) -> str:
    """Under which spike rate the spiking network needs less, in words."""
    if found is None:
        return "no figure"
    words = ["never" if each <= 0 else "always" if each >= 1 else f"{each:.1%}" for each in found]
    return words[0] if words[0] == words[1] else f"{words[0]} (low), {words[1]} (high)"


def count(value: float) -> str:
    """A count with separators, rounded to whole."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """1,234,000 as 1.23 M."""
    for factor, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {sign}"
    return f"{value:.3g}"


def left_out(estimates: Sequence[Estimate]) -> list[str]:
    """What the estimates do not hold, one line for each kind of operation."""
    by_what: dict[str, list[str]] = {}
    for each in estimates:
        for what in each.left_out:
            by_what.setdefault(what, []).append(each.profile.name)
    return [f"Left out, as no figure is published: {what}, on {', '.join(on)}." for what, on in by_what.items()]


def power(profile: Profile) -> str:
    """The power figures of a chip."""
    found = []
    for each in profile.power:
        ends = f"{_watts(each.low)}" if each.low == each.high else f"{_watts(each.low)} – {_watts(each.high)}"
        found.append(f"{each.what}: {ends} ({each.source})")
    return "; ".join(found)


def energy_json(measured: Measurement, estimates: Sequence[Estimate], profiles: Sequence[Profile]) -> dict[str, Any]:
    """The estimates for JSON, in µJ, with what they assume and where each number is from."""
    return {
        "note": ESTIMATE,
        "assumptions": assumptions(measured),
        "unit": "µJ for one image",
        "crossover": "spike rate at the synapses under which the spiking network needs less; 0: never, 1: always",
        "profiles": [_estimate_json(measured, each) for each in estimates],
        "without_figures": [
            {"profile": each.name, "title": each.title, "unpublished": each.unpublished, "power": power(each)}
            for each in profiles
            if not each.priced
        ],
    }


def _estimate_json(measured: Measurement, each: Estimate) -> dict[str, Any]:
    graph, ops, profile = measured.bundle.graph, measured.operations, each.profile
    found: dict[str, Any] = {
        "profile": profile.name,
        "title": profile.title,
        "counts": profile.counts,
        "memory": profile.memory,
        "spiking": _levels_json(each.levels),
        "baselines": {
            rival.name: {"levels": _levels_json(rival.levels), "crossover_spike_rate": _crossover_json(rival)}
            for rival in each.baselines
        },
        "first_layer_at_every_step_adds": _energy_json(each.static_again),
        "left_out": list(each.left_out),
        "sources": [
            {"what": what, "low": figure.low, "high": figure.high, "source": figure.source}
            for what, figure in profile.sources()
        ],
    }
    if profile.memory == "separate":
        moved = spiking_traffic(graph, ops, profile.weight_bits, measured.buffer)
        found["traffic"] = traffic_json(moved)
        found["traffic_of_int8"] = traffic_json(dense_traffic(graph, ops, 8, 8, measured.buffer))
    return found


def _levels_json(levels: dict[str, Energy | None]) -> dict[str, Any]:
    return {level: _energy_json(levels[level]) for level in LEVELS}


def _energy_json(energy: Energy | None) -> dict[str, float] | None:
    return None if energy is None else {"low": energy.low / 1e6, "high": energy.high / 1e6}


def _crossover_json(rival: Baseline) -> dict[str, Any]:
    return {
        level: None if each is None else {"low": each[0], "high": each[1]} for level, each in rival.crossover.items()
    }


def _three(value: float) -> str:
    """Three digits, with separators where there are more."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def _watts(value: float) -> str:
    return f"{value * 1000:.3g} mW"
