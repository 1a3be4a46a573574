"""The measurement of a bundle as a JSON object, with the estimated energy."""

from __future__ import annotations

from collections.abc import Sequence

from spikelet.metrics.energy import LEVELS, Energy, EnergyBaseline, Estimate
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet.metrics.traffic import as_json as traffic_json
from spikelet.metrics.traffic import dense_traffic, spiking_traffic
from spikelet.report import wording


def measured_json(
    measured: Measurement, estimates: Sequence[Estimate], profiles: Sequence[Profile]
) -> dict[str, object]:
    """Convert a measurement to a JSON object.

    Args:
        measured: The measurement.
        estimates: Estimates of its energy with the profiles that have figures.
        profiles: All profiles.
    """
    return measured.as_json() | {"energy": _energy(measured, estimates, profiles)}


def _energy(measured: Measurement, estimates: Sequence[Estimate], profiles: Sequence[Profile]) -> dict[str, object]:
    """Return the estimates in µJ, with their assumptions and the source of each number."""
    return {
        "note": wording.ESTIMATE,
        "assumptions": wording.assumptions(measured),
        "unit": "µJ for one image",
        "crossover": "spike rate at the synapses below which the spiking network needs less; 0: never, 1: always",
        "profiles": [_estimate_json(measured, estimate) for estimate in estimates],
        "without_figures": [
            {
                "profile": profile.name,
                "title": profile.title,
                "unpublished": profile.unpublished,
                "power": wording.power(profile),
            }
            for profile in profiles
            if not profile.priced
        ],
    }


def _estimate_json(measured: Measurement, estimate: Estimate) -> dict[str, object]:
    graph, ops, profile = measured.bundle.graph, measured.operations, estimate.profile
    facts: dict[str, object] = {
        "profile": profile.name,
        "title": profile.title,
        "counts": profile.counts,
        "memory": profile.memory,
        "spiking": _levels_json(estimate.levels),
        "baselines": {
            baseline.name: {"levels": _levels_json(baseline.levels), "crossover_spike_rate": _crossover_json(baseline)}
            for baseline in estimate.baselines
        },
        "first_layer_at_every_step_adds": _energy_json(estimate.static_again),
        "left_out": list(estimate.left_out),
        "sources": [
            {"quantity": quantity, "low": figure.low, "high": figure.high, "source": figure.source}
            for quantity, figure in profile.sources()
        ],
    }
    if profile.memory == "separate":
        moved = spiking_traffic(graph, ops, profile.weight_bits, measured.buffer)
        facts["traffic"] = traffic_json(moved)
        facts["traffic_of_int8"] = traffic_json(dense_traffic(graph, ops, 8, 8, measured.buffer))
    return facts


def _levels_json(levels: dict[str, Energy | None]) -> dict[str, object]:
    return {level: _energy_json(levels[level]) for level in LEVELS}


def _energy_json(energy: Energy | None) -> dict[str, float] | None:
    return None if energy is None else {"low": energy.low / 1e6, "high": energy.high / 1e6}


def _crossover_json(baseline: EnergyBaseline) -> dict[str, object]:
    return {
        level: None if rates is None else {"low": rates[0], "high": rates[1]}
        for level, rates in baseline.crossover.items()
    }
