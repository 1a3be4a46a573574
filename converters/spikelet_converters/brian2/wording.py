"""A validation in words: the tables of the terminal and of the report."""

from __future__ import annotations

from spikelet.report.columns import table
from spikelet_converters.brian2.dynamics import BETA, SHIFT, THETA, DynamicsReport
from spikelet_converters.brian2.validation import ValidationReport

METHOD = [
    "Brian2 (Stimberg, Brette and Goodman, eLife 8, 2019, e47314) is an independent simulator in double precision. "
    "Every neuron is one of its NeuronGroups', every weight one of its synapses; convolutions, pools and shortcuts are "
    "unrolled.",
    "Brian2's usual schedule would delay each layer by a time-step and let a reset to zero wipe what arrives with the "
    "spike. Here the layers run one after another within a time-step, each by groups, synapses, thresholds, resets, so "
    "that the rasters lie on each other unshifted.",
    "A small exact network is simulated whole, each layer listening to Brian2's own spikes. Of a larger one each layer "
    "is driven with the spikes that the engine recorded in the layers before it; some of its neurons, of every "
    "channel, are built with all their synapses.",
]
ABOUT_RATES = (
    "Constant current, reset by subtraction and to zero, a tie fires. The curves of engine and Brian2 lie on each "
    "other; the numbers, and the closed form where there is one, are in the JSON."
)


def layer_table(report: ValidationReport) -> tuple[list[str], list[list[str]]]:
    """Head and rows: one a layer."""
    head = ["layer", "neurons", "spikes", "differing spikes", "potential difference"]
    if not report.exact:
        head += ["at ties", "after ties", "real"]
    rows = []
    for each in report.layers:
        neurons = f"{each.neurons:,}" if each.neurons == each.of else f"{each.neurons:,} of {each.of:,}"
        row = [each.name, neurons, f"{each.spikes:,}", f"{each.differing_spikes:,}"]
        row.append(f"{each.max_potential_difference:.3g}")
        if not report.exact:
            row += [f"{each.ties:,}", f"{each.after_ties:,}", f"{each.real:,}"]
        rows.append(row)
    return head, rows


def kind_table(report: DynamicsReport) -> tuple[list[str], list[list[str]]]:
    """Head and rows: one a kind of neuron, reset and tie rule."""
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
            each.kind,
            each.reset,
            each.tie,
            f"{each.layer.neurons}",
            f"{each.layer.spikes:,}",
            f"{each.layer.differing_spikes:,}",
            f"{each.layer.max_potential_difference:.3g}",
            f"{each.formulas}",
            f"{sum(each.off_formula)}",
        ]
        for each in report.kinds
    ]
    return head, rows


def summary(report: ValidationReport) -> str:
    """All of it, for a terminal."""
    lines = [
        f"{report.bundle}, engine {report.engine}, against Brian2 {report.brian2_version}: {circumstances(report)}"
    ]
    return "\n".join([*lines, "", table(*layer_table(report)), "", verdict(report)])


def dynamics_summary(report: DynamicsReport) -> str:
    """The sweep of single neurons, for a terminal."""
    lines = [
        f"single neurons, engine {report.engine}, against Brian2 {report.brian2_version}: {report.steps} time-steps"
    ]
    return "\n".join([*lines, "", table(*kind_table(report)), "", dynamics_verdict(report)])


def about(report: ValidationReport) -> str:
    """What was compared, in a sentence."""
    text = f"Engine {report.engine} against Brian2 {report.brian2_version}: {circumstances(report)}. The output's "
    text += "potentials are the logits summed so far."
    if not report.exact:
        text += (
            " This is a float32 bundle: a tie is a difference at a potential that misses theta by at most "
            f"{report.eps:g} of the sums that meet in the neuron; the difference of potentials is taken before a "
            "neuron's first tie."
        )
    return text


def about_dynamics(report: DynamicsReport) -> str:
    """What was swept, in a few sentences."""
    return (
        f"Constant, step, ramp, random and negative currents, from v_init 0 and theta / 2, {report.steps} time-steps; "
        f"theta is {THETA}, the leak v >> {SHIFT} in integers and {BETA:g} v in float32. With formula: neurons whose "
        "spikes follow from a closed form, for IF the number of spikes that the summed current allows, for LIF the "
        "interval between spikes; off it: spikes of engine and Brian2 that differ from the formula."
    )


def verdict(report: ValidationReport) -> str:
    """What came of it, in a sentence or two."""
    spikes, differing = report.total("spikes"), report.total("differing_spikes")
    first = report.first_divergence
    compared = f"{spikes:,} spikes, {differing:,} differing"
    if report.ok and first is None:
        same = "every potential is the same" if report.exact else "potentials differ by rounding alone"
        return f"ok: {compared}; {same}"
    if report.ok:
        return (
            f"ok: {compared}, all at threshold ties or after them (a tie: the potential misses theta "
            f"by at most {report.eps:g} of the sums that meet in it); first: {first}"
        )
    return f"DIFFERS: {compared}; first: {first}"


def dynamics_verdict(report: DynamicsReport) -> str:
    """What came of the sweep."""
    spikes = sum(each.layer.spikes for each in report.kinds)
    if report.ok:
        return f"ok: {spikes:,} spikes of single neurons, engine, Brian2 and closed forms agree"
    bad = next(each for each in report.kinds if not each.ok)
    where = f"{bad.kind}, reset {bad.reset}, tie {bad.tie}"
    if bad.layer.first_divergence is not None:
        return f"DIFFERS: {where}; first: {bad.layer.first_divergence}"
    mine, theirs = bad.off_formula
    return f"DIFFERS: {where}; {mine} spikes of the engine and {theirs} of Brian2 off the formula"


def circumstances(report: ValidationReport) -> str:
    """How it was done, in half a sentence."""
    how = "simulated whole" if report.mode == "whole" else "each layer driven with the spikes recorded before it"
    images = f"{report.images} image{'' if report.images == 1 else 's'}"
    return f"{images}, T = {report.steps}, {how}, {report.seconds:.1f} s"
