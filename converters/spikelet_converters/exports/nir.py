"""Export a bundle as NIR (Neuromorphic Intermediate Representation).

NIR's neurons fire at v > v_threshold and are then set to v_reset, here 0. NIR does not represent reset by subtraction,
v_init, ties that fire, or integers. There are three forms:

    annotated   one NIR neuron for every neuron of the bundle; the graph's metadata contains the rest, so that
                spikelet's import is lossless. Other readers reset to zero instead
    normalised  the annotated form of the network in float32 with thresholds of 1 and without a scale of the output,
                which more readers accept, see `normalise.py`
    expressed   the same neurons in NIR's own nodes: a threshold lowered below the tie and by v_init; reset by
                subtraction as an integrator, a Threshold, and its spikes fed back as -theta a time-step later

Copies of neurons are written as channels in all forms, see `spikelet.copies`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spikelet import options
from spikelet.bounds import cost
from spikelet.bundle import Bundle, schema
from spikelet.copies import expand
from spikelet.errors import ConversionError
from spikelet.files.atomic import replacing
from spikelet.graph import Graph
from spikelet.limits import Limits
from spikelet.nodes import Add, Conv2d, Linear
from spikelet_converters.choices import NIR_FORMS, TIME_STEP, NirForm
from spikelet_converters.exports.nir_differences import nir_differences
from spikelet_converters.exports.nir_nodes import NirNode, load_nir, nir_nodes
from spikelet_converters.exports.normalise import normalised

METADATA = "spikelet"
BYTES = 16  # memory per value of a NIR node, including the written file
ARRAYS = 4  # largest number of arrays of a NIR node that have a value per neuron
VERSION = 2  # version of the annotation
# separator before the suffix of an additional NIR node, by version; names of nodes contain dots but no colons
SEPARATORS = {1: ".", 2: ":"}
COPIES_AS_CHANNELS = "copies of neurons are written as channels, which any reader runs; the weights are repeated"

__all__ = ["METADATA", "NirNode", "export", "load_nir", "to_nir"]


def export(bundle: Bundle, path: str | Path, form: NirForm = "annotated", dt: float = TIME_STEP) -> list[str]:
    """Write a NIR file.

    Args:
        bundle: The bundle.
        path: The file to write.
        form: "annotated", "normalised" or "expressed".
        dt: Length of a time-step in seconds, for the time constants of leaks.

    Returns:
        The differences in other readers, one sentence per difference.

    Raises:
        UsageError: An argument is of a wrong type.
        ConversionError: NIR has no nodes for the network in this form.
        MissingDependency: The package `nir` is not installed.
        SpikeletError: The folder is not writable or the disk is full.

    Examples:
        >>> import tempfile
        >>> from spikelet import bundle, shipped
        >>> contents = bundle.read(shipped.named("vgg5-fashion-mnist"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     differences = export(contents, f"{folder}/vgg5.nir", "normalised")
        >>> len(differences)
        3
    """
    options.instance("bundle", bundle, Bundle)
    path = options.path("path", path)
    options.choice("form", form, NIR_FORMS)
    dt = options.real("dt", dt, math.ulp(0.0))
    facts = _bundle_facts(bundle)
    if form == "normalised":
        facts["bits"] = None
    expanded = expand(bundle.graph)
    nir_graph = to_nir(expanded, form, dt, facts)
    with replacing(path) as file:
        load_nir().write(file, nir_graph)
    return [*([COPIES_AS_CHANNELS] if bundle.graph.copied else []), *nir_differences(expanded, form)]


def to_nir(
    graph: Graph,
    form: NirForm = "annotated",
    dt: float = TIME_STEP,
    facts: Mapping[str, object] | None = None,
    version: int = VERSION,
) -> NirNode:
    """Convert a network to a nir.NIRGraph.

    Args:
        graph: The network.
        form: "annotated", "normalised" or "expressed".
        dt: Length of a time-step in seconds.
        facts: Additional entries of the annotation.
        version: Version of the annotation. 1 was written by earlier versions of spikelet; names can collide in it.

    Raises:
        ConversionError: NIR has no nodes for the network in this form, or two NIR nodes have one name.
        CostError: The network needs more memory than the limits of the environment permit.
    """
    nir, graph = load_nir(), expand(graph)
    if form == "normalised":
        graph = normalised(graph)
    Limits().check("the network as NIR", BYTES * _values(graph))
    nodes: dict[str, NirNode] = {}
    edges: list[tuple[str, str]] = []
    outputs: dict[str, str] = {}  # by node of the graph, the NIR node with its output

    for name in graph.order:
        sources = [outputs[source] for source in graph.predecessors[name]]
        if isinstance(graph.nodes[name], Add):
            # NIR sums the inputs of a node, here a Scale of ones
            built = {name: nir.Scale(scale=np.ones(graph.shapes[name], np.float32))}
            first, last, inner = name, name, list[tuple[str, str]]()
        else:
            built, first, last, inner = nir_nodes(nir, graph, name, form, dt, SEPARATORS[version])
        for added, node in built.items():
            if added in nodes:
                raise ConversionError(f"node {name}: two NIR nodes are called {added!r}; export the bundle again")
            nodes[added] = node
        edges += [(source, first) for source in sources] + inner
        outputs[name] = last
    metadata = {METADATA: json.dumps(_annotation(graph, form, dt, facts or {}, version))}
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata=metadata, type_check=False)


def _values(graph: Graph) -> int:
    """Return an upper bound of the number of values in the arrays of the NIR nodes, which are repeated by neuron."""
    return cost.weights(graph) + sum(ARRAYS * graph.neurons(name) for name in graph.order)


def _annotation(graph: Graph, form: NirForm, dt: float, facts: Mapping[str, object], version: int) -> dict[str, object]:
    """Return the graph in the schema of bundles: small arrays by value, weights by reference to their NIR node."""
    document, tensors = schema.encode(graph)
    large = {f"{n}.{f}" for n, node in graph.nodes.items() if isinstance(node, Conv2d | Linear) for f in node.tensors}
    return {
        "version": version,
        "form": form,
        "dt": dt,
        "graph": document,
        "dtypes": {key: value.dtype.name for key, value in tensors.items()},
        "values": {key: value.tolist() for key, value in tensors.items() if key not in large},
        **facts,
    }


def _bundle_facts(bundle: Bundle) -> dict[str, object]:
    manifest = bundle.manifest
    labels = None if manifest.labels is None else list(manifest.labels)
    return {"name": manifest.name, "bits": manifest.bits, "labels": labels}
