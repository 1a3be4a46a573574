"""Write the sections of the report: convert measurements to HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikelet.display import number_of
from spikelet.metrics.energy import Estimate
from spikelet.metrics.hardware import Profile
from spikelet.metrics.measurement import Measurement
from spikelet.metrics.rates import SATURATED
from spikelet.report import wording
from spikelet.report.page import Section, bullets, paragraph, table
from spikelet.report.tables import (
    accuracy_table,
    baselines_table,
    conversion_table,
    energy_table,
    exit_table,
    neurobench_table,
    operations_table,
    rate_table,
)
from spikelet.report.validation import validation_tables
from spikelet.verify import StepVerification, Verification

Art = dict[str, str]  # HTML of the figures by name


def accuracy_section(measured: Sequence[Measurement], names: Sequence[str], art: Art) -> Section:
    """Write the accuracy by time-step, and the recorded results of the source network."""
    body = art.get("accuracy", "")
    head, rows = accuracy_table(measured, names)
    body += table(head, rows) if rows else ""
    notes = dict.fromkeys(map(wording.note_on_labels, measured))
    body += "".join(paragraph(note, "note") for note in notes if note)
    for name, measurement in zip(names, measured, strict=True):
        recorded, prefix = measurement.source_results, f"{name}: " if len(names) > 1 else ""
        if recorded["agreement"] is not None:
            body += paragraph(
                f"{prefix}Agreement with the source network at T = {recorded['agreement_steps']}: "
                f"{recorded['agreement']:.1%} "
                "of the images get the same prediction (measured when the bundle was converted)."
            )
        else:
            body += paragraph(f"{prefix}The bundle does not contain the source network's predictions on these images.")
    return Section("accuracy", "Accuracy", body)


def exit_section(measured: Sequence[Measurement], names: Sequence[str], art: Art) -> Section:
    """Write the early-exit trade-off."""
    body = _pictures(art, "early-exit") + paragraph(
        "An image exits when the mean logit of its best class is the threshold or more above the second. "
        "Accumulates are those of the time-steps until then; the first layer is added once."
    )
    head, rows = exit_table(measured, names)
    return Section("early-exit", "Early exit", body + table(head, rows))


def rate_section(measured: Sequence[Measurement], names: Sequence[str], art: Art) -> Section:
    """Write the spike rates, the numbers of dead and saturated neurons, and a raster."""
    head, rows = rate_table(measured, names)
    body = _pictures(art, "spike-rates") + table(head, rows)
    body += paragraph(
        f"Dead: never fired on any of these images. Saturated: fired at {SATURATED:.0%} of all time-steps or more."
    )
    return Section("spikes", "Spikes", body + _pictures(art, "raster"))


def operations_section(measured: Sequence[Measurement], names: Sequence[str], art: Art) -> Section:
    """Write the operations by node."""
    head, rows = operations_table(measured, names)
    body = _pictures(art, "operations") + table(head, rows)
    for name, measurement in zip(names, measured, strict=True):
        ops, prefix = measurement.operations, f"{name}: " if len(names) > 1 else ""
        once, every_step = ops.total("static_macs"), ops.total("static_macs") * ops.steps
        body += paragraph(
            f"{prefix}{wording.count(ops.total('acs'))} accumulates and {wording.count(once + ops.total('macs'))} "
            f"multiply-accumulates per image, {wording.count(ops.neuron_updates)} neuron updates. The first layer is "
            f"analog and counted once per image; computed at every time-step it would need "
            f"{wording.count(every_step)} multiply-accumulates. Spike rate at the synapses: {ops.rate:.2%}."
        )
    return Section("operations", "Operations", body)


def energy_section(
    measured: Sequence[Measurement],
    names: Sequence[str],
    estimates: Sequence[Sequence[Estimate]],
    main: Sequence[Estimate],
    art: Art,
) -> Section:
    """Write the energy by profile, and the comparison with baselines."""
    body = paragraph(wording.ESTIMATE, "note")
    if not main:
        return Section("energy", "Energy (estimate)", body + paragraph("None of the profiles has published energies."))
    body += _pictures(art, f"energy-{main[0].profile.name}")
    head, rows = baselines_table(main, names)
    body += table(head, rows)
    rates = ", ".join(f"{measurement.operations.rate:.2%}" for measurement in measured)
    body += paragraph(
        "Break-even: the spike rate at the synapses below which the spiking network needs less energy than the "
        f"baseline, for low and for high figures. Measured: {rates}."
    )
    body += "".join(art[key] for key in art if key == "energy" or key in [f"energy-{i + 1}" for i in range(len(names))])
    head, rows = energy_table(estimates, names)
    body += table(head, rows)
    body += bullets(wording.left_out(estimates[0]))
    return Section("energy", "Energy (estimate)", body + "<h3>Assumptions</h3>" + bullets(_assumptions(measured)))


def neurobench_section(measured: Sequence[Measurement], names: Sequence[str]) -> Section:
    """Write the NeuroBench metrics."""
    head, rows = neurobench_table(measured, names)
    note = (
        f"By the definitions of NeuroBench, on the first {number_of(measured[0].neurobench.images, 'image')}: MACs are "
        "counted if the input of a layer contains values other than 0, 1 and -1, so that spikes summed by a pool count "
        "as MACs, once per value. The first layer is counted at every time-step."
    )
    return Section("neurobench", "NeuroBench", table(head, rows) + paragraph(note))


def verification_section(
    names: Sequence[str],
    verification: Sequence[Sequence[Verification]],
    step_models: Sequence[StepVerification],
    validation: Mapping[str, object] | None,
) -> Section:
    """Write the replay of the golden inputs on this machine, and the validation with an independent simulator."""
    rows = [
        [
            name,
            result.engine,
            "ok" if result.ok else "DIFFERS",
            f"{result.spikes:,}",
            f"{result.differing_spikes:,}",
            f"{result.differing_logits:,}",
        ]
        for name, results in zip(names, verification, strict=False)
        for result in results
    ]
    head = ["network", "engine", "golden inputs", "spikes", "differing spikes", "differing logits"]
    body = table(head, rows) if rows else paragraph("Not replayed.")
    for name, step in zip(names, step_models, strict=False):
        body += paragraph(f"step.onnx of {name}: {'ok' if step.ok else 'DIFFERS'}: {step}.")
    if validation is None:
        body += paragraph("No result of an independent simulator was given (--validation FILE).")
    else:
        body += validation_tables(validation)
    return Section("verification", "Verification", body)


def conversion_section(measured: Sequence[Measurement], names: Sequence[str]) -> Section:
    """Write the differences between activation and spike rate by layer, as recorded in the bundle."""
    head, rows = conversion_table(measured, names)
    if not rows:
        return Section("conversion", "Conversion", paragraph("The bundle contains no report by layer."))
    note = "Over- and under-firing: share of neurons more than half a spike above or below the source activation."
    return Section("conversion", "Conversion", paragraph(note) + table(head, rows))


def sources_section(profiles: Sequence[Profile]) -> Section:
    """Write the sources of all numbers, and the hardware without published energies."""
    rows = [
        [
            profile.title,
            quantity,
            f"{figure.low:.4g}" if figure.low == figure.high else f"{figure.low:.4g} – {figure.high:.4g}",
            figure.source,
        ]
        for profile in profiles
        if profile.priced
        for quantity, figure in profile.sources()
    ]
    body = table(["machine", "figure", "pJ", "source"], rows, text=True) if rows else ""
    bare = [[profile.title, profile.unpublished, wording.power(profile)] for profile in profiles if not profile.priced]
    if bare:
        body += "<h3>Machines without published energies per operation</h3>"
        body += table(["machine", "not published", "power figures"], bare, text=True)
    return Section("sources", "Sources", body)


def _assumptions(measured: Sequence[Measurement]) -> list[str]:
    texts: list[str] = []
    for measurement in measured:
        texts += [text for text in wording.assumptions(measurement) if text not in texts]
    return texts


def _pictures(art: Art, start: str) -> str:
    return "".join(html for name, html in art.items() if name == start or name.startswith(f"{start}-"))
