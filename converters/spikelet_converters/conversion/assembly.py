"""Assemble a bundle from a float32 graph: quantise it, prove the range, measure and describe it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spikelet.bounds.ranges import accumulators, exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.bundle.card import card
from spikelet.data.images import ImageSet
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.verify import golden_inputs, golden_steps, record_golden
from spikelet_converters.conversion.fitting import fitted
from spikelet_converters.conversion.folding import folded
from spikelet_converters.conversion.layer_report import REPORTED_STEPS, Reference, conversion_report
from spikelet_converters.conversion.quantise import Quantised


@dataclass(frozen=True)
class Description:
    """Entries of the manifest that are known before conversion.

    Attributes:
        name: Name of the network.
        labels: Class names, or None.
        provenance: Origin of the network.
        command: Command line of the conversion.
    """

    name: str
    labels: tuple[str, ...] | None
    provenance: Document
    command: str


@dataclass(frozen=True)
class SourceComparison:
    """Measurement of a conversion against its source network.

    Attributes:
        reference: Predictions and activations of the source network.
        data: Image sets; the report by layer uses the first.
        steps: Numbers of time-steps T in the report.
        on_progress: Called with the number of images done and the total.
    """

    reference: Reference
    data: Sequence[ImageSet]
    steps: tuple[int, ...] = REPORTED_STEPS
    on_progress: Callable[[int, int], None] = lambda done, total: None


def assemble(
    source: Graph,
    bits: int | None,
    description: Description,
    measurement: SourceComparison | None = None,
    golden: Sequence[ImageSet] | None = None,
    steps: int | None = None,
) -> Bundle:
    """Quantise a float32 graph, measure it against its source network and return the bundle.

    Args:
        source: float32 graph, or an exact one, which stays as it is.
        bits: Bits of the weights, or None to keep float32.
        description: Entries of the manifest.
        measurement: Source network and data to measure on.
        golden: Image sets, of which the first one gives the golden inputs; without any, they are random. By default
            the data to measure on.
        steps: Number of time-steps T for which the network is exact, and the default of commands that run it; None
            for any.

    Raises:
        ConversionError: The network has no exact form at these bits, or for T time-steps.
    """
    data = () if measurement is None else measurement.data
    golden = data if golden is None else golden
    quantised = None
    if bits is not None and not source.exact:
        source = folded(source)
        quantised = fitted(source, bits, steps or 1)
    graph = source if quantised is None else quantised.graph
    conversion: Document = {"bits": bits, "layers": layer_entries(graph, _weight_errors(quantised))}
    if steps is not None:
        conversion["steps"] = steps
    if quantised is not None:
        conversion["notes"] = _notes(quantised, bits or 0, steps or 1)
    results = []
    for index, images in enumerate(data):
        assert measurement is not None
        layers, result = conversion_report(
            measurement.reference, source, graph, images, measurement.on_progress, measurement.steps
        )
        results.append({**result, "command": description.command})
        if index == 0:
            for entry, layer in zip(conversion["layers"], layers, strict=True):
                entry.update(layer)
    manifest = Manifest(
        name=description.name,
        labels=description.labels,
        bits=bits,
        exact_steps=exact_steps(graph) if graph.exact else None,
        provenance={**description.provenance, "convert_command": description.command},
        results=results,
        conversion=conversion,
    )
    inputs = golden_inputs(graph, golden[0].images if golden else None)
    recording = record_golden(graph, inputs, golden_steps(graph))
    return Bundle(graph, manifest, recording, card(graph, manifest))


def _notes(quantised: Quantised, bits: int, steps: int) -> list[str]:
    """Return notes on the changes that make the network exact for a number of time-steps."""
    notes = [
        f"{name}: weights of {reduced} bits instead of {bits} in some channels, so that {steps} time-steps are exact"
        for name, reduced in quantised.bits.items()
        if reduced < bits
    ]
    limit = exact_steps(quantised.graph)
    if steps > limit:
        notes.append(
            f"{steps} time-steps are exact on the engines native and numpy and in exported C, whose accumulators are "
            f"wider than float32; the engine onnx runs {limit}"
        )
    return notes


def layer_entries(graph: Graph, weight_errors: Mapping[str, float]) -> list[Document]:
    """Return an entry of the manifest per spiking layer: neurons, exact time-steps, rounding error of the weights.

    Args:
        graph: The network.
        weight_errors: By layer, the relative rounding error of the weights before it.
    """
    limits = {accumulator.node: accumulator.steps() for accumulator in accumulators(graph)} if graph.exact else {}
    entries = []
    for name in graph.spiking:
        entry: Document = {"layer": name, "neurons": graph.neurons(name)}
        if name in limits:
            entry["exact_steps"] = limits[name]
        if name in weight_errors:
            entry["weight_error"] = weight_errors[name]
        entries.append(entry)
    return entries


def _weight_errors(quantised: Quantised | None) -> dict[str, float]:
    """Return, by spiking layer of a quantised network, the largest rounding error of the weights before it."""
    if quantised is None:
        return {}
    errors = quantised.weight_error
    return {
        layer: max((errors[name] for name in _feeding(quantised.graph, layer) if name in errors), default=0.0)
        for layer in quantised.graph.spiking
    }


def _feeding(graph: Graph, layer: str) -> list[str]:
    """Return the nodes whose current reaches a layer without passing through other neurons."""
    feeding, pending = [], list(graph.predecessors[layer])
    while pending:
        name = pending.pop()
        if name not in graph.spiking and name not in feeding:
            feeding.append(name)
            pending.extend(graph.predecessors[name])
    return feeding
