"""From a checkpoint to a bundle: trace, quantise, prove, measure, describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle, Manifest
from spikelet.bundle.card import card
from spikelet.data.images import ImageSet
from spikelet.graph import Graph
from spikelet.ranges import accumulators, exact_steps
from spikelet.verify import record_golden
from spikelet_converters.conversion.quantise import Quantised, quantise
from spikelet_converters.conversion.report import STEPS, Reference, checkpoint_reference, conversion_report
from spikelet_converters.frontends.torch_fx import trace
from spikelet_converters.training.checkpoint import Checkpoint

GOLDEN_IMAGES = 2
GOLDEN_STEPS = 8


def convert(
    checkpoint: Checkpoint,
    name: str,
    *,
    bits: int = 8,
    float32: bool = False,
    data: Sequence[ImageSet] = (),
    labels: tuple[str, ...] | None = None,
    command: str = "",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Bundle:
    """The bundle of a trained source network.

    bits: of the weights, 4…12. float32: keep float weights instead; engines then agree up to threshold ties.
    data: sets of images on which the conversion is measured; the report by layer is of the first. Without any,
        accuracies and rates are left out.

    Raises:
        ConversionError: the network has no spiking form, or no exact one at these bits.
    """
    network = checkpoint.network()
    spec = checkpoint.spec
    return assemble(
        trace(network, spec.shape),
        name,
        bits=None if float32 else bits,
        reference=checkpoint_reference(network),
        data=data,
        labels=labels,
        provenance={
            "network": spec.model,
            "levels": spec.levels,
            "residual": spec.residual,
            **checkpoint.provenance,
        },
        command=command,
        on_progress=on_progress,
    )


def assemble(
    source: Graph,
    name: str,
    *,
    bits: int | None,
    reference: Reference | None,
    data: Sequence[ImageSet],
    labels: tuple[str, ...] | None,
    provenance: dict[str, Any],
    command: str,
    steps: tuple[int, ...] = STEPS,
    golden: npt.NDArray[Any] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Bundle:
    """The bundle of a float32 graph: quantised, proven, measured against its source, described.

    bits: of the weights; None keeps them float32. reference: the source network, needed where there is `data`.
    steps: T of the report. golden: inputs of the proof; by default images of `data`, or random ones.

    Raises:
        ConversionError: the network has no exact form at these bits.
    """
    quantised = None if bits is None else quantise(source, bits)
    graph = source if quantised is None else quantised.graph
    conversion: dict[str, Any] = {"bits": bits, "layers": _layers(graph, quantised)}
    results = []
    for index, images in enumerate(data):
        assert reference is not None
        measured, result = conversion_report(reference, source, graph, images, on_progress, steps)
        results.append({**result, "command": command})
        if index == 0:
            for entry, more in zip(conversion["layers"], measured, strict=True):
                entry.update(more)
    manifest = Manifest(
        name=name,
        labels=labels,
        bits=bits,
        exact_steps=None if bits is None else exact_steps(graph),
        provenance={**provenance, "convert_command": command},
        results=results,
        conversion=conversion,
    )
    length = min(GOLDEN_STEPS, manifest.exact_steps or GOLDEN_STEPS)
    proof = record_golden(graph, _golden_images(graph, data) if golden is None else golden, length)
    return Bundle(graph, manifest, proof, card(graph, manifest))


def _layers(graph: Graph, quantised: Quantised | None) -> list[dict[str, Any]]:
    """One entry a spiking layer: neurons, exact steps, and what rounding the weights before it cost."""
    entries: list[dict[str, Any]] = [{"layer": name, "neurons": graph.neurons(name)} for name in graph.spiking]
    if quantised is None:
        return entries
    limits = {each.node: each.steps() for each in accumulators(graph)}
    for entry in entries:
        entry["exact_steps"] = limits[entry["layer"]]
        errors = [
            quantised.weight_error[name] for name in _feeding(graph, entry["layer"]) if name in quantised.weight_error
        ]
        entry["weight_error"] = max(errors, default=0.0)
    return entries


def _feeding(graph: Graph, layer: str) -> list[str]:
    """Nodes whose current reaches a layer without passing another neuron."""
    found, waiting = [], list(graph.predecessors[layer])
    while waiting:
        name = waiting.pop()
        if name not in graph.spiking and name not in found:
            found.append(name)
            waiting.extend(graph.predecessors[name])
    return found


def _golden_images(graph: Graph, data: Sequence[ImageSet]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    if data:
        return data[0].images[:GOLDEN_IMAGES]
    rng = np.random.default_rng(0)
    return rng.integers(graph.input.low, graph.input.high + 1, (GOLDEN_IMAGES, *graph.input.shape)).astype(np.uint8)
