"""A validation in words: the table of the terminal, and of the report."""

from __future__ import annotations

from spikelet.cli.common import table
from spikelet.converters.brian2.validation import ValidationReport


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


def summary(report: ValidationReport) -> str:
    """All of it, for a terminal."""
    lines = [
        f"{report.bundle}, engine {report.engine}, against Brian2 {report.brian2_version}: {circumstances(report)}"
    ]
    return "\n".join([*lines, "", table(*layer_table(report)), "", verdict(report)])


def circumstances(report: ValidationReport) -> str:
    """How it was done."""
    how = "simulated whole" if report.mode == "whole" else "each layer driven with the spikes recorded before it"
    return f"{report.images} images, T = {report.steps}, {how}, {report.seconds:.1f} s"


def verdict(report: ValidationReport) -> str:
    """What came of it, in a sentence or two."""
    spikes, differing = report.total("spikes"), report.total("differing_spikes")
    first = report.first_divergence
    compared = f"{spikes:,} spikes, {differing:,} differing"
    if report.ok and first is None:
        return f"ok: {compared}; every potential is the same"
    if report.ok:
        return (
            f"ok: {compared}, all at threshold ties or after them (a tie: the potential misses theta "
            f"by at most {report.eps:g} of the sums that meet in it); first: {first}"
        )
    return f"DIFFERS: {compared}; first: {first}"
