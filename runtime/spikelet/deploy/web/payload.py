"""Data of a web page: facts about its bundle as JSON, and arrays as one block of tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle, Golden
from spikelet.data.images import ImageSet
from spikelet.graph import Graph
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.copies import proven_steps
from spikelet.metrics.fanout import Site, sites
from spikelet.metrics.tally import costs
from spikelet.nodes import IF, Array
from spikelet.version import __version__

PICTURES = 10  # golden inputs and sample images together
GOLDEN_BYTES = 2**25  # of the golden spikes in a page; the number of inputs, at least 1, is reduced to that
MOST_STEPS = 256  # time-steps that a page offers
RECORDED = 2**26  # bytes for the recorded spikes of a run in the page, one byte for each neuron and time-step


@dataclass(frozen=True)
class Payload:
    """The data of a page.

    Attributes:
        facts: JSON object: names, shapes and numbers.
        tensors: Arrays by name: parameters, costs, golden record, sample images.
    """

    facts: dict[str, object]
    tensors: dict[str, Array]


def payload(bundle: Bundle, program: HostProgram, samples: ImageSet | None) -> Payload:
    """Collect the data of a page.

    Args:
        bundle: The bundle, exact.
        program: The network in C.
        samples: Images offered beside the golden inputs, at most `PICTURES` together with them; None for none.
    """
    graph, golden = bundle.graph, _golden(bundle)
    count = PICTURES - golden.inputs.shape[0]
    chosen = None if samples is None or count < 1 or not takes_bytes(graph) else _one_by_class(samples, count)
    network_sites = sites(graph)
    arrays: dict[str, Array] = {
        f"parameter.{parameter.name}": _signed(parameter.values) for parameter in program.parameters
    }
    by_layer = costs(graph, network_sites)
    arrays["costs"] = np.concatenate([_channel_last(by_layer[name]) for name in program.graph.spiking])
    arrays |= {"golden.input": golden.inputs, "golden.logits": golden.logits}
    arrays |= {f"golden.spikes.{name}": np.packbits(value, axis=-1) for name, value in golden.spikes.items()}
    if chosen is not None:
        arrays["samples"] = chosen.images
    facts = _about(bundle, program) | {
        "goldenInputs": golden.inputs.shape[0],
        "goldenTotal": bundle.golden.inputs.shape[0],
        "goldenSteps": golden.steps,
        "samples": [] if chosen is None else _captions(chosen),
        "operations": _operations(network_sites),
    }
    return Payload(facts, arrays)


def takes_bytes(graph: Graph) -> bool:
    """Return whether the input takes values 0…255, as data sets have them."""
    return graph.input.low <= 0 and graph.input.high >= 255


def takes_pictures(graph: Graph) -> bool:
    """Return whether images fit the input: one or three channels of a plane, and pixels 0…255."""
    shape = graph.input.shape
    return len(shape) == 3 and shape[0] in (1, 3) and takes_bytes(graph)


def _about(bundle: Bundle, program: HostProgram) -> dict[str, object]:
    graph, manifest = bundle.graph, bundle.manifest
    neurons = graph.neuron_count
    proven = min(bundle.step_limit or 1, proven_steps(graph))
    steps = max(1, min(proven, MOST_STEPS, RECORDED // neurons))
    return {
        "name": manifest.name,
        "digest": bundle.digest,
        "version": __version__,
        "bits": manifest.bits,
        "exactSteps": manifest.exact_steps,
        "mostSteps": steps,
        "firstSteps": min(bundle.default_steps, steps),
        "labels": list(manifest.labels or map(str, range(graph.classes))),
        "scale": graph.output.scale,
        "shape": list(graph.input.shape),
        "low": graph.input.low,
        "high": graph.input.high,
        "takesPictures": takes_pictures(graph),
        "pixel": program.pixel_type,
        "window": program.window,
        # copies of a neuron are shown as channels
        "layers": [
            {"name": name, "kind": graph.nodes[name].kind, "shape": list(graph.population(name))}
            for name in program.graph.spiking
        ],
        "copies": sorted({node.copies for node in graph.nodes.values() if isinstance(node, IF)}),
        "parameters": [parameter.name for parameter in program.parameters],
    }


def _operations(network_sites: tuple[Site, ...]) -> dict[str, int]:
    """Return the operations of one image that do not depend on its spikes; `floatMacs` of the source network."""
    multiplied = [site for site in network_sites if site.operation == "mac"]
    return {
        "macsOnce": sum(site.nonzero for site in multiplied if site.static),
        "macsPerStep": sum(site.nonzero for site in multiplied if not site.static),
        "floatMacs": sum(site.dense for site in network_sites if site.weights),
    }


def _golden(bundle: Bundle) -> Golden:
    """Return the golden record with at most `PICTURES` inputs and about `GOLDEN_BYTES` of spikes."""
    golden, graph = bundle.golden, bundle.graph
    size = golden.steps * sum(-(-graph.neurons(name) // 8) for name in graph.spiking)
    count = min(PICTURES, max(1, GOLDEN_BYTES // size))
    spikes = {name: golden.spikes[name][:, :count] for name in graph.spiking}
    return Golden(golden.inputs[:count], golden.logits[:, :count], spikes)


def _one_by_class(images: ImageSet, count: int) -> ImageSet:
    """Return `count` images: the first of every class, then the second of every class, and so on."""
    if images.labels is None:
        return images.take(slice(count))
    rank = np.zeros(len(images), np.int64)
    for label in np.unique(images.labels):
        (positions,) = np.nonzero(images.labels == label)
        rank[positions] = np.arange(len(positions))
    return images.take(np.lexsort((images.labels, rank))[:count])


def _captions(images: ImageSet) -> list[int | None]:
    """Return the class of every image, or None."""
    return [None] * len(images) if images.labels is None else images.labels.tolist()


def _channel_last(value: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    last = value.transpose(1, 2, 0) if value.ndim == 3 else value
    return last.reshape(-1).astype(np.int32)


def _signed(values: Array) -> Array:
    """Return integers as a signed type of the same size, with the same bytes."""
    return values.view(f"i{values.dtype.itemsize}")
