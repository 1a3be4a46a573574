"""The numbers of a report as rows of text: (head, rows), for the terminal and the page alike.

With several bundles the first column names the bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from spikelet.metrics.energy import LEVELS, Estimate
from spikelet.metrics.measurement import Measurement
from spikelet.report.wording import LEVEL_NAMES, count, crossover, microjoules

Rows = list[list[str]]
Table = tuple[list[str], Rows]


def accuracy_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Accuracy and its interval by time-step, then the float network; no rows without labels."""

    def rows(each: Measurement) -> Rows:
        found = [
            [str(e["time_steps"]), f"{e['accuracy']:.2%}", f"{e['low']:.2%} – {e['high']:.2%}"]
            for e in each.accuracy or []
        ]
        if each.float_network["accuracy"] is not None:
            found.append(["float network", f"{each.float_network['accuracy']:.2%}", ""])
        return found

    return _table(["time-steps", "accuracy", "95 % interval (Wilson)"], rows, measured, names)


def exit_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """The early-exit trade-off, threshold by threshold."""

    def rows(each: Measurement) -> Rows:
        return [
            [f"{e.threshold:.3g}", f"{e.steps:.2f}", "" if e.accuracy is None else f"{e.accuracy:.2%}", count(e.events)]
            for e in each.exits
        ]

    return _table(["threshold", "mean time-step", "accuracy", "accumulates"], rows, measured, names)


def rate_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Spike rates by layer."""

    def rows(each: Measurement) -> Rows:
        return [
            [
                r.layer,
                count(r.neurons),
                f"{r.rate:.2%}",
                f"{r.low:.1%} – {r.high:.1%}",
                f"{r.dead:,} ({r.dead / r.neurons:.1%})",
                f"{r.saturated:,}",
            ]
            for r in each.rates
        ]

    head = ["layer", "neurons", "spike rate", "5 % – 95 % of neurons", "dead", "saturated"]
    return _table(head, rows, measured, names)


def operations_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Operations by node, and their sum."""

    def rows(each: Measurement) -> Rows:
        ops = each.operations
        found = [
            [
                r.node,
                r.kind,
                count(r.dense),
                "" if r.rate is None else f"{r.rate:.1%}",
                count(r.acs),
                count(r.macs + r.static_macs),
                count(r.adds + r.static_adds),
            ]
            for r in ops.rows
        ]
        macs, adds = ops.total("macs") + ops.total("static_macs"), ops.total("adds") + ops.total("static_adds")
        found.append(
            [
                "total",
                "",
                count(ops.total("dense")),
                f"{ops.rate:.1%}",
                count(ops.total("acs")),
                count(macs),
                count(adds),
            ]
        )
        return found

    head = ["node", "input", "connections", "spike rate", "accumulates", "multiply-accumulates", "sums"]
    return _table(head, rows, measured, names)


def energy_table(estimates: Sequence[Sequence[Estimate]], names: Sequence[str]) -> Table:
    """µJ by machine, three levels."""

    def rows(each: Sequence[Estimate]) -> Rows:
        return [[e.profile.name, *(microjoules(e.levels[level]) for level in LEVELS)] for e in each]

    head = ["profile", *(f"{name}, µJ" for name in LEVEL_NAMES)]
    return _table(head, rows, estimates, names)


def rivals_table(estimates: Sequence[Estimate], names: Sequence[str]) -> Table:
    """One machine: the spiking network, the others, and the crossovers with each."""

    def rows(each: Estimate) -> Rows:
        found = [["spiking", *(microjoules(each.levels[level]) for level in LEVELS)]]
        for rival in each.baselines:
            found.append([rival.name, *(microjoules(rival.levels[level]) for level in LEVELS)])
        for rival in each.baselines:
            found.append([f"crossover with {rival.name}", *(crossover(rival.crossover[level]) for level in LEVELS)])
        return found

    head = [f"on {estimates[0].profile.name}", *(f"{name}, µJ" for name in LEVEL_NAMES)]
    return _table(head, rows, estimates, names)


def neurobench_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """NeuroBench's metrics, a column a bundle."""
    found = [each.neurobench for each in measured]
    entries = [
        ["footprint, bytes", *(count(each.footprint) for each in found)],
        ["connection sparsity", *(f"{each.connection_sparsity:.4f}" for each in found)],
        ["activation sparsity", *(f"{each.activation_sparsity:.4f}" for each in found)],
        ["effective MACs", *(count(each.effective_macs) for each in found)],
        ["effective ACs", *(count(each.effective_acs) for each in found)],
        ["dense", *(count(each.dense) for each in found)],
        ["membrane updates", *(count(each.membrane_updates) for each in found)],
    ]
    return ["for an image", *names], entries


def conversion_table(measured: Sequence[Measurement], names: Sequence[str]) -> Table:
    """Float activation against spike rate at the largest T that the bundle's report has."""
    head = ["layer", "activation", "T", "spike rate", "over-firing", "under-firing", "correlation"]

    def rows(each: Measurement) -> Rows:
        found = []
        for layer in each.bundle.manifest.conversion.get("layers") or []:
            last = layer["by_step"][-1]
            numbers = [layer["activation"], last["steps"], last["spike_rate"]]
            numbers += [last["over_firing"], last["under_firing"], last["correlation"]]
            forms = [".3f", "d", ".3f", ".1%", ".1%", ".3f"]
            cells = ["-" if n is None else format(n, form) for n, form in zip(numbers, forms, strict=True)]
            found.append([str(layer["layer"]), *cells])
        return found

    def trusted(each: Measurement) -> Rows:
        try:
            return rows(each)
        except (KeyError, IndexError, TypeError, ValueError):  # a bundle without the report, or of another making
            return []

    return _table(head, trusted, measured, names)


def summary_table(measured: Sequence[Measurement], names: Sequence[str], main: Sequence[Estimate]) -> Table:
    """Bundles side by side: a column a bundle."""
    entries = [
        [f"accuracy at T = {t + 1}", *(_accuracy(each, t) for each in measured)]
        for t in range(measured[0].counted.steps)
    ]
    entries += [
        ["float network", *(_share(each.float_network["accuracy"]) for each in measured)],
        ["spike rate at synapses", *(f"{each.operations.rate:.2%}" for each in measured)],
        ["accumulates", *(count(each.operations.total("acs")) for each in measured)],
        ["multiply-accumulates", *(count(_macs(each)) for each in measured)],
        ["neuron updates", *(count(each.operations.neuron_updates) for each in measured)],
        ["neurons", *(count(sum(each.operations.neurons.values())) for each in measured)],
        ["dead neurons", *(count(sum(r.dead for r in each.rates)) for each in measured)],
        ["footprint, bytes", *(count(each.neurobench.footprint) for each in measured)],
    ]
    if main:
        entries += [
            [f"{name}, µJ", *(microjoules(each.levels[level]) for each in main)]
            for name, level in zip(LEVEL_NAMES, LEVELS, strict=True)
        ]
    return ["for an image", *names], entries


def _table(head: list[str], rows: Callable[..., Rows], items: Sequence[object], names: Sequence[str]) -> Table:
    several = len(names) > 1
    found = [[name, *row] if several else row for name, item in zip(names, items, strict=True) for row in rows(item)]
    return (["network", *head] if several else head), found


def _accuracy(each: Measurement, step: int) -> str:
    if each.accuracy is None:
        return "no labels"
    found = each.accuracy[step]
    return f"{found['accuracy']:.2%} ({found['low']:.1%} – {found['high']:.1%})"


def _share(value: float | None) -> str:
    return "not in the bundle" if value is None else f"{value:.2%}"


def _macs(each: Measurement) -> float:
    return each.operations.total("macs") + each.operations.total("static_macs")
