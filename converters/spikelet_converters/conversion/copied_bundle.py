"""Convert a bundle to one with copies of its neurons, which needs fewer time-steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from spikelet import options
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle
from spikelet.bundle.card import card
from spikelet.bundle.golden import Golden
from spikelet.data.images import ImageSet
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.inputs import MAX_STEPS
from spikelet.verify import golden_steps, record_golden
from spikelet_converters.conversion.assembly import layer_entries
from spikelet_converters.conversion.copies import Start, with_copies
from spikelet_converters.conversion.measured import measured
from spikelet_converters.conversion.quantise import least_bits
from spikelet_converters.maxima import maxima

MEASURED_STEPS = 4  # number of time-steps of the measurement


def convert_copies(
    bundle: Bundle,
    copies: int | Mapping[str, int],
    *,
    start: Start = "half",
    name: str | None = None,
    steps: int | None = None,
    data: Sequence[ImageSet] = (),
    command: str = "",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Bundle:
    """Convert a bundle to one with copies of its neurons, which need 1/k of the time-steps.

    Args:
        bundle: The bundle, of IF neurons with reset by subtraction and without copies.
        copies: Number of copies k of every neuron, or by layer; see `copies.with_copies`.
        start: Initial potentials: "half" staggers them around theta / 2, "trained" around those of the bundle. If the
            bundle has others than theta / 2, the accuracy of both is measured.
        name: Name of the network in the manifest; None for that of the bundle.
        steps: Default number of time-steps T; None keeps the number of levels k T of the bundle.
        data: Image sets to measure on. Results of the bundle are dropped, except those of the source network.
        command: Command line, for the manifest.
        on_progress: Called with the number of images done and the total.

    Raises:
        UsageError: An argument is of a wrong type.
        ConversionError: The network cannot have copies; the message names the layer and the reason.

    Examples:
        >>> import spikelet.bundle
        >>> from spikelet import shipped
        >>> bundle = convert_copies(spikelet.bundle.read(shipped.demo()), 4)
        >>> bundle.graph.neuron("if1").copies, bundle.graph.ir_version
        (4, 2)
    """
    options.instance("bundle", bundle, Bundle)
    options.instance("command", command, str)
    options.instances("data", data, ImageSet)
    if name is not None:
        options.instance("name", name, str)
    if steps is not None:
        options.whole("steps", steps, 1, MAX_STEPS)
    graph = with_copies(bundle.graph, copies, start)
    # numbers of NumPy become int, for the manifest
    copies = {name: int(n) for name, n in copies.items()} if isinstance(copies, Mapping) else int(copies)
    measured_steps = min(MEASURED_STEPS, exact_steps(graph)) if graph.exact else MEASURED_STEPS
    results = [_result(bundle, graph, images, measured_steps, command, on_progress) for images in data]
    largest = copies if isinstance(copies, int) else max([1, *copies.values()])
    default_steps = -(-bundle.default_steps // largest) if steps is None else steps
    notes = [note for note in [_initial_potential_note(bundle.graph, copies, start, data)] if note]
    source_manifest = bundle.manifest
    source_layers = [layer for layer in source_manifest.conversion.get("layers", []) if "layer" in layer]
    errors = {layer["layer"]: layer["weight_error"] for layer in source_layers if "weight_error" in layer}
    bits = source_manifest.bits if source_manifest.bits is None else max(source_manifest.bits, least_bits(graph))
    manifest = replace(
        source_manifest,
        name=source_manifest.name if name is None else name,
        bits=bits,
        exact_steps=exact_steps(graph) if graph.exact else None,
        provenance={
            **source_manifest.provenance,
            "copies": copies,
            "initial_potentials_of_copies": start,
            "bundle_without_copies": bundle.digest,
            "convert_command": command,
        },
        results=results,
        conversion={"bits": bits, "layers": layer_entries(graph, errors), "notes": notes, "steps": default_steps},
    )
    return Bundle(graph, manifest, golden_of_copies(bundle, graph, largest), card(graph, manifest))


def golden_of_copies(bundle: Bundle, graph: Graph, copies: int) -> Golden:
    """Record the golden inputs of a bundle with the graph that has copies of its neurons.

    It records as many spikes as without copies, so that the file does not grow with their number.

    Args:
        bundle: The bundle.
        graph: Its graph with copies.
        copies: Largest number of copies k of a layer.
    """
    return record_golden(graph, bundle.golden.inputs, max(1, golden_steps(graph) // copies))


def trained_potentials(graph: Graph) -> int:
    """Return the number of channels, over all layers, whose initial potential is not half of their threshold."""
    count, pools = 0, maxima(graph)
    for name in graph.spiking:
        node = graph.neuron(name)
        if name in pools:
            continue
        count += int(np.count_nonzero(node.v_init != (node.theta // 2 if graph.exact else node.theta / 2)))
    return count


def _initial_potential_note(
    graph: Graph, copies: int | Mapping[str, int], start: Start, data: Sequence[ImageSet]
) -> str:
    """Return a note on trained initial potentials and, on the first labelled images, on their effect; or ""."""
    trained = trained_potentials(graph)
    if not trained:
        return ""
    channels = sum(len(graph.neuron(name).theta) for name in graph.spiking)
    used = "those were used" if start == "trained" else "theta / 2 was used"
    note = f"{trained} of {channels} channels have a trained initial potential; {used}, staggered over the copies"
    labelled = next((images for images in data if images.labels is not None), None)
    if labelled is None:
        return note
    accuracy = {
        kind: measured(with_copies(graph, copies, kind), labelled, 1)["accuracy"][0] for kind in ("half", "trained")
    }
    return (
        f"{note} (T = 1 on {labelled.name}, {len(labelled)} images: {accuracy['trained']:.2%} with the trained ones, "
        f"{accuracy['half']:.2%} with theta / 2)"
    )


def _result(
    bundle: Bundle, graph: Graph, images: ImageSet, steps: int, command: str, on_progress: Callable[[int, int], None]
) -> Document:
    """Measure a set of images. Results of the source network on the same images are kept."""
    result = {**measured(graph, images, steps, on_progress), "command": command}
    for before in bundle.manifest.results:
        same_images = before.get("digest") == images.digest and before.get("images") == len(images)
        if same_images and "float_accuracy" in before:
            result["float_accuracy"] = before["float_accuracy"]
    return result
