"""Return the tables of a report as (head, rows) of text, for the terminal and the page.

With several bundles, the first column names the bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spikelet.metrics.energy import LEVELS, Estimate
from spikelet.metrics.measurement import Measurement
from spikelet.report.wording import LEVEL_NAMES, break_even, count, microjoules

ALL_NODES = "all nodes"  # names of nodes contain no space
Rows = list[list[str]]
Table = tuple[list[str], Rows]


def accuracy_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Return the accuracy and its interval by time-step, and that of the source network; no rows without labels."""

    def rows(measurement: Measurement) -> Rows:
        lines = [
            [str(point["time_steps"]), f"{point['accuracy']:.2%}", f"{point['low']:.2%} – {point['high']:.2%}"]
            for point in measurement.accuracy or []
        ]
        if measurement.source_results["accuracy"] is not None:
            lines.append(["source network", f"{measurement.source_results['accuracy']:.2%}", ""])
        return lines

    return _table(["time-steps", "accuracy", "95% interval (Wilson)"], rows, measured, names)


def exit_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Return the early-exit trade-off by threshold."""

    def rows(measurement: Measurement) -> Rows:
        steps = measurement.counted.steps
        return [
            [
                "no early exit" if early.steps == steps > 1 else f"{early.threshold:.3g}",
                f"{early.steps:.2f}",
                "" if early.accuracy is None else f"{early.accuracy:.2%}",
                count(early.events),
            ]
            for early in measurement.exits
        ]

    return _table(["threshold", "mean time-step", "accuracy", "accumulates"], rows, measured, names)


def rate_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Return the spike rates by layer."""

    def rows(measurement: Measurement) -> Rows:
        return [
            [
                layer.layer,
                count(layer.neurons),
                f"{layer.rate:.2%}",
                f"{layer.low:.1%} – {layer.high:.1%}",
                f"{layer.dead:,} ({layer.dead / layer.neurons:.1%})",
                f"{layer.saturated:,}",
            ]
            for layer in measurement.rates
        ]

    head = ["layer", "neurons", "spike rate", "5% – 95% of neurons", "dead", "saturated"]
    return _table(head, rows, measured, names)


def operations_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Return the operations by node, and their sum."""

    def rows(measurement: Measurement) -> Rows:
        ops = measurement.operations
        lines = [
            [
                row.node,
                row.kind,
                count(row.dense),
                "" if row.rate is None else f"{row.rate:.1%}",
                count(row.acs),
                count(row.macs + row.static_macs),
                count(row.adds + row.static_adds),
            ]
            for row in ops.rows
        ]
        macs, adds = ops.total("macs") + ops.total("static_macs"), ops.total("adds") + ops.total("static_adds")
        lines.append(
            [
                ALL_NODES,
                "",
                count(ops.total("dense")),
                f"{ops.rate:.1%}",
                count(ops.total("acs")),
                count(macs),
                count(adds),
            ]
        )
        return lines

    head = ["node", "input", "connections", "spike rate", "accumulates", "multiply-accumulates", "sums"]
    return _table(head, rows, measured, names)


def energy_table(estimates: Sequence[Sequence[Estimate]], names: Sequence[str]) -> Table:
    """Return the energy in µJ by profile, at three levels."""

    def rows(profiles: Sequence[Estimate]) -> Rows:
        return [
            [estimate.profile.name, *(microjoules(estimate.levels[level]) for level in LEVELS)] for estimate in profiles
        ]

    head = ["profile", *(f"{name}, µJ" for name in LEVEL_NAMES)]
    return _table(head, rows, estimates, names)


def baselines_table(estimates: Sequence[Estimate], names: Sequence[str]) -> Table:
    """Return the energy of the spiking network and the baselines with one profile, and the break-even spike rates."""

    def rows(estimate: Estimate) -> Rows:
        lines = [["spiking", *(microjoules(estimate.levels[level]) for level in LEVELS)]]
        for baseline in estimate.baselines:
            lines.append([baseline.name, *(microjoules(baseline.levels[level]) for level in LEVELS)])
        for baseline in estimate.baselines:
            lines.append(
                [f"break-even with {baseline.name}", *(break_even(baseline.crossover[level]) for level in LEVELS)]
            )
        return lines

    head = [f"on {estimates[0].profile.name}", *(f"{name}, µJ" for name in LEVEL_NAMES)]
    return _table(head, rows, estimates, names)


def neurobench_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Return the NeuroBench metrics, one column per bundle."""
    results = [measurement.neurobench for measurement in measured]
    entries = [
        ["footprint, bytes", *(count(result.footprint) for result in results)],
        ["connection sparsity", *(f"{result.connection_sparsity:.4f}" for result in results)],
        ["activation sparsity", *(f"{result.activation_sparsity:.4f}" for result in results)],
        ["effective MACs", *(count(result.effective_macs) for result in results)],
        ["effective ACs", *(count(result.effective_acs) for result in results)],
        ["dense", *(count(result.dense) for result in results)],
        ["membrane updates", *(count(result.membrane_updates) for result in results)],
    ]
    return ["per image", *names], entries


def conversion_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Return the source activation and the spike rate by layer, at the largest T of the conversion report."""
    head = ["layer", "activation", "T", "spike rate", "over-firing", "under-firing", "correlation"]

    def rows(measurement: Measurement) -> Rows:
        lines = []
        for layer in measurement.bundle.manifest.conversion.get("layers") or []:
            last = layer["by_step"][-1]
            numbers = [layer["activation"], last["steps"], last["spike_rate"]]
            numbers += [last["over_firing"], last["under_firing"], last["correlation"]]
            forms = [".3f", "d", ".3f", ".1%", ".1%", ".3f"]
            cells = ["-" if n is None else format(n, form) for n, form in zip(numbers, forms, strict=True)]
            lines.append([str(layer["layer"]), *cells])
        return lines

    def trusted(measurement: Measurement) -> Rows:
        try:
            return rows(measurement)
        except (KeyError, IndexError, TypeError, ValueError):  # a bundle without the report, or by another program
            return []

    return _table(head, trusted, measured, names)


def summary_table(measured: Sequence[Measurement], names: Sequence[str], main: Sequence[Estimate]) -> Table:
    """Return a summary of the bundles, one column per bundle."""
    entries = [
        [f"accuracy at T = {t + 1}", *(_accuracy(measurement, t) for measurement in measured)]
        for t in range(measured[0].counted.steps)
    ]
    entries += [
        ["source network", *(_share(measurement.source_results["accuracy"]) for measurement in measured)],
        ["spike rate at synapses", *(f"{measurement.operations.rate:.2%}" for measurement in measured)],
        ["accumulates", *(count(measurement.operations.total("acs")) for measurement in measured)],
        ["multiply-accumulates", *(count(_macs(measurement)) for measurement in measured)],
        ["neuron updates", *(count(measurement.operations.neuron_updates) for measurement in measured)],
        ["neurons", *(count(sum(measurement.operations.neurons.values())) for measurement in measured)],
        ["dead neurons", *(count(sum(layer.dead for layer in measurement.rates)) for measurement in measured)],
        ["footprint, bytes", *(count(measurement.neurobench.footprint) for measurement in measured)],
    ]
    if main:
        entries += [
            [f"{name}, µJ", *(microjoules(estimate.levels[level]) for estimate in main)]
            for name, level in zip(LEVEL_NAMES, LEVELS, strict=True)
        ]
    return ["per image", *names], entries


def _table(head: list[str], rows: Callable[..., Rows], items: Sequence[object], names: Sequence[str]) -> Table:
    several = len(names) > 1
    lines = [[name, *row] if several else row for name, item in zip(names, items, strict=True) for row in rows(item)]
    return (["network", *head] if several else head), lines


def _accuracy(measurement: Measurement, step: int) -> str:
    if measurement.accuracy is None:
        return "no labels"
    point = measurement.accuracy[step]
    return f"{point['accuracy']:.2%} ({point['low']:.1%} – {point['high']:.1%})"


def _share(value: float | None) -> str:
    return "not recorded" if value is None else f"{value:.2%}"


def _macs(measurement: Measurement) -> float:
    return measurement.operations.total("macs") + measurement.operations.total("static_macs")
