"""The output of `spikelet convert`: JSON values, and a report with a line for every layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikelet.display import number_of
from spikelet.files.decoded import Document
from spikelet.report.columns import table

if TYPE_CHECKING:
    from spikelet.bundle import Bundle


def facts(path: Path, bundle: Bundle, digest: str) -> Document:
    """Return what --json prints."""
    conversion = bundle.manifest.conversion
    return {
        "bundle": str(path),
        "digest": digest,
        "bytes": path.stat().st_size,
        "bits": bundle.manifest.bits,
        "exact_steps": bundle.manifest.exact_steps,
        "results": bundle.manifest.results,
        "layers": conversion["layers"],
        "notes": conversion.get("notes", []),
        "advice": conversion.get("advice", []),
    }


def text(path: Path, bundle: Bundle) -> str:
    """Return what the command prints."""
    manifest = bundle.manifest
    lines = [f"wrote {path}, {path.stat().st_size:,} bytes"]
    if manifest.exact_steps is not None:
        lines[0] += f", {manifest.bits} bits, exact for {number_of(manifest.exact_steps, 'time-step')}"
    lines += [f"note: {note}" for note in manifest.conversion.get("notes", [])]
    layers = manifest.conversion["layers"]
    if "by_step" not in layers[0]:
        if not manifest.results:
            lines.append("no shipped images fit this network, so nothing was measured; give images with --data")
        return "\n".join([*lines, *(_result(result) for result in manifest.results)])
    lines += ["", _layers(layers), ""]
    lines += [_result(result) for result in manifest.results]
    lines += [f"advice: {advice}" for advice in manifest.conversion.get("advice", [])]
    return "\n".join(lines)


def _layers(layers: list[Document]) -> str:
    steps = [entry["steps"] for entry in layers[0]["by_step"]]
    through = "agreement_through" in layers[0]
    head = [
        "layer",
        "activation",
        *(f"T = {t} rate, over/under" for t in steps),
        f"corr. T = {steps[-1]}",
        "weight error",
        *(["clipped", "agrees so far"] if through else []),
    ]
    rows = []
    for layer in layers:
        cells = [f"{e['spike_rate']:.3f}, {e['over_firing']:.1%}/{e['under_firing']:.1%}" for e in layer["by_step"]]
        correlation = layer["by_step"][-1]["correlation"]
        end = ["-" if correlation is None else f"{correlation:.3f}", f"{layer.get('weight_error', 0):.2%}"]
        shares = [f"{layer['clipped']:.2%}", f"{layer['agreement_through']:.1%}"] if through else []
        rows.append([layer["layer"], f"{layer['activation']:.3f}", *cells, *end, *shares])
    return table(head, rows)


def _result(result: Document) -> str:
    text = _answers(result)
    if result.get("distinct_answers") == 1 and result["images"] > 1:
        text += "; note: the source network has the same prediction for all of them, so that agreement has no meaning"
    note = result.get("note_on_labels")
    return f"{text}\n{note}" if note else text


def _answers(result: Document) -> str:
    images = number_of(result["images"], "image")
    if "accuracy" not in result:
        agreement = result.get("agreement_with_float")
        if agreement is None:
            return f"{result['data']}: {images} without labels"
        return f"{result['data']}: {images} without labels; {agreement:.1%} agreement with the source network"
    last = result["accuracy"][-1]
    if "float_accuracy" not in result:
        first = f" {result['accuracy'][0]:.1%} at T = 1," if len(result["accuracy"]) > 1 else ""
        return f"{result['data']}, {images}: spiking{first} {last:.1%} at T = {result['steps']}"
    if "accuracy_before_quantisation" not in result:
        return (
            f"{result['data']}, {images}: source network {result['float_accuracy']:.1%}, spiking "
            f"{result['accuracy'][0]:.1%} at T = 1, {last:.1%} at T = {result['steps']}"
        )
    before = result["accuracy_before_quantisation"][-1]
    replaced = result.get("accuracy_before_replacement")
    before_pools = "" if replaced is None else f" ({replaced:.1%} before its max pools were replaced)"
    return (
        f"{result['data']}, {images}: source network {result['float_accuracy']:.1%}{before_pools}, "
        f"spiking {last:.1%} at T = {result['steps']}; quantisation cost {100 * (before - last):+.1f} points"
    )
