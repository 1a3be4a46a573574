"""Tables and sentences of a validation, for the terminal and the report."""

from __future__ import annotations

from spikelet.report.columns import table
from spikelet_converters.brian2.dynamics import BETA, SHIFT, THETA, DynamicsReport
from spikelet_converters.brian2.report import ValidationReport

METHOD = [
    "Brian2 (Stimberg, Brette and Goodman, eLife 8, 2019, e47314) is an independent simulator in double precision. "
    "Neurons are members of NeuronGroups and weights are synapses; convolutions, pools and shortcuts are unrolled.",
    "Brian2's usual schedule would delay every layer by a time-step, and a reset to zero would remove the current that "
    "arrives with the spike. Here the layers run one after another within a time-step, in the order groups, synapses, "
    "thresholds, resets, so the rasters are aligned.",
    "A small exact network is simulated as a whole: every layer receives Brian2's spikes. In a larger network every "
    "layer is driven by the spikes that the engine recorded in the layers before it; a sample of its neurons, from "
    "every channel, is built with all their synapses.",
]
ABOUT_RATES = (
    "Constant current, reset by subtraction and to zero, a tie fires. The values, and "
    "those of the closed form where one exists, are in the JSON."
)


def layer_table(report: ValidationReport) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the table, one row per layer."""
    head = ["layer", "neurons", "spikes", "differing spikes", "potential difference"]
    if not report.exact:
        head += ["at ties", "after ties", "real"]
    rows = []
    for layer in report.layers:
        neurons = f"{layer.neurons:,}" if layer.neurons == layer.of else f"{layer.neurons:,} of {layer.of:,}"
        row = [layer.name, neurons, f"{layer.spikes:,}", f"{layer.differing_spikes:,}"]
        row.append(f"{layer.max_potential_difference:.3g}")
        if not report.exact:
            row += [f"{layer.ties:,}", f"{layer.after_ties:,}", f"{layer.real:,}"]
        rows.append(row)
    return head, rows


def kind_table(report: DynamicsReport) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the table, one row per neuron type, reset and tie rule."""
    head = [
        "neuron",
        "reset",
        "tie",
        "neurons",
        "spikes",
        "differing",
        "potential difference",
        "with formula",
        "off it",
    ]
    rows = [
        [
            kind.kind,
            kind.reset,
            kind.tie,
            f"{kind.layer.neurons}",
            f"{kind.layer.spikes:,}",
            f"{kind.layer.differing_spikes:,}",
            f"{kind.layer.max_potential_difference:.3g}",
            f"{kind.formulas}",
            f"{sum(kind.off_formula)}",
        ]
        for kind in report.kinds
    ]
    return head, rows


def summary(report: ValidationReport) -> str:
    """Return the validation as text for a terminal."""
    lines = [
        f"{report.bundle}, engine {report.engine}, against Brian2 {report.brian2_version}: {circumstances(report)}"
    ]
    return "\n".join([*lines, "", table(*layer_table(report)), "", verdict(report)])


def dynamics_summary(report: DynamicsReport) -> str:
    """Return the sweep of single neurons as text for a terminal."""
    lines = [
        f"single neurons, engine {report.engine}, against Brian2 {report.brian2_version}: {report.steps} time-steps"
    ]
    return "\n".join([*lines, "", table(*kind_table(report)), "", dynamics_verdict(report)])


def about(report: ValidationReport) -> str:
    """Describe the compared runs."""
    text = f"Engine {report.engine} against Brian2 {report.brian2_version}: {circumstances(report)}. The output's "
    text += "potentials are the summed logits."
    if not report.exact:
        text += (
            " This is a float32 bundle: a tie is a difference at a potential that misses theta by at most "
            f"{report.eps:g} times the sums in the neuron; potentials are compared before a "
            "neuron's first tie."
        )
    return text


def about_dynamics(report: DynamicsReport) -> str:
    """Describe the swept neurons and currents."""
    return (
        f"Constant, step, ramp, random and negative currents, from v_init 0 and theta / 2, {report.steps} time-steps; "
        f"theta is {THETA}, the leak v >> {SHIFT} in integers and {BETA:g} v in float32. With formula: neurons whose "
        "spikes follow from a closed form, for IF the number of spikes that the summed current allows, for LIF the "
        "interval between spikes; off it: spikes of the engine and Brian2 that differ from the formula."
    )


def verdict(report: ValidationReport) -> str:
    """Return the result of a validation in one sentence."""
    spikes, differing = report.total("spikes"), report.total("differing_spikes")
    first = report.first_divergence
    compared = f"{spikes:,} spikes, {differing:,} differing"
    if report.ok and first is None:
        same = "all potentials are equal" if report.exact else "potentials differ only by rounding"
        return f"ok: {compared}; {same}"
    if report.ok:
        return (
            f"ok: {compared}, all at threshold ties or after them (a tie: the potential misses theta "
            f"by at most {report.eps:g} times the sums in the neuron); first: {first}"
        )
    return f"DIFFERS: {compared}; first: {first}"


def dynamics_verdict(report: DynamicsReport) -> str:
    """Return the result of the sweep in one sentence."""
    spikes = sum(kind.layer.spikes for kind in report.kinds)
    if report.ok:
        return f"ok: {spikes:,} spikes of single neurons, engine, Brian2 and closed forms agree"
    bad = next(kind for kind in report.kinds if not kind.ok)
    where = f"{bad.kind}, reset {bad.reset}, tie {bad.tie}"
    if bad.layer.first_divergence is not None:
        return f"DIFFERS: {where}; first: {bad.layer.first_divergence}"
    engine, brian2 = bad.off_formula
    return f"DIFFERS: {where}; {engine} spikes of the engine and {brian2} of Brian2 off the formula"


def circumstances(report: ValidationReport) -> str:
    """Return the number of images and time-steps, the mode and the duration."""
    mode = "simulated as a whole" if report.mode == "whole" else "every layer driven by recorded spikes"
    images = f"{report.images} image{'' if report.images == 1 else 's'}"
    return f"{images}, T = {report.steps}, {mode}, {report.seconds:.1f} s"
