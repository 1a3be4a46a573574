"""Format numbers and notes for the terminal and the page."""

from __future__ import annotations

from collections.abc import Sequence

from spikelet.display import significant
from spikelet.metrics.accuracy import order_of_labels
from spikelet.metrics.energy import Energy, Estimate
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement

LEVEL_NAMES = ("synaptic operations", "+ neuron updates", "+ memory traffic")
NO_LABELS = "The images have no labels, so there is no accuracy."
ESTIMATE = (
    "Energy is an estimate, not a measurement: operations counted on these images, times published energies per "
    "operation."
)


def note_on_labels(measured: Measurement) -> str:
    """Return what the reader of an accuracy must know about the labels, or ""."""
    return order_of_labels(measured.counted.predictions[-1], measured.data.labels) if measured.accuracy else NO_LABELS


def assumptions(measured: Measurement) -> list[str]:
    """List the assumptions of the estimate."""
    again = measured.operations.total("static_macs")
    return [
        "A spike causes one accumulate per non-zero weight that it reaches; at a border of the image it reaches fewer.",
        "A spike that passes a sum pool counts as one event per window that contains it; the sum itself costs nothing.",
        f"Layers that depend on the image only ({again:,.0f} multiply-accumulates) are computed once per image, as the "
        f"engines do; computed at every time-step they would need {again * measured.counted.steps:,.0f}.",
        "Every neuron is updated at every time-step; the update includes its bias or constant current.",
        "Baselines that do not spike: one operation per connection, zero activations and weights included, and one "
        "neuron update per activation. The third baseline has as many bits as T + 1 spike counts need; its energy lies "
        "between that of an int8 multiplier (high) and that of a multiplier whose energy falls with the bits (low).",
        f"Memory: a buffer of {measured.buffer:,} bytes each for the weights, the sums and the inputs of a layer, "
        "DRAM for the rest. Low: each word moves once per evaluation (a time-step, or an image). High: "
        "every operation loads its operands and stores its sum. Sums and spike addresses are words of 32 bits, "
        "weights of 8 (of 32 in a float32 profile).",
        "Not counted: control, clock, leakage, transfers on and off the device.",
    ]


def microjoules(energy: Energy | None) -> str:
    """Format an energy as low – high in µJ."""
    if energy is None:
        return "no figure"
    low, high = significant(energy.low / 1e6), significant(energy.high / 1e6)
    return low if low == high else f"{low} – {high}"


def break_even(rates: tuple[float, float] | None) -> str:
    """Format the spike rate below which the spiking network needs less energy than a baseline."""
    if rates is None:
        return "no figure"
    low, high = map(_bound, rates)
    return low if low == high else f"{low} (low), {high} (high)"


def _bound(rate: float) -> str:
    """Format one break-even rate; spike rates are above 0 and at most 1."""
    if rate <= 0:
        return "spiking never cheaper"
    return "spiking always cheaper" if rate >= 1 else f"{rate:.1%}"


def count(value: float) -> str:
    """Format a number as an integer with separators."""
    return f"{value:,.0f}"


def left_out(estimates: Sequence[Estimate]) -> list[str]:
    """List the operations that the estimates do not include, one line per type of operation."""
    profiles: dict[str, list[str]] = {}
    for estimate in estimates:
        for text in estimate.left_out:
            profiles.setdefault(text, []).append(estimate.profile.name)
    return [
        f"Not included, since no figure is published: {text}, on {', '.join(names)}."
        for text, names in profiles.items()
    ]


def power(profile: Profile) -> str:
    """Return the power figures of a chip as text."""
    texts = []
    for value in profile.power:
        ends = f"{_watts(value.low)}" if value.low == value.high else f"{_watts(value.low)} – {_watts(value.high)}"
        texts.append(f"{value.quantity}: {ends} ({value.source})")
    return "; ".join(texts)


def _watts(value: float) -> str:
    return f"{value * 1000:.3g} mW"
