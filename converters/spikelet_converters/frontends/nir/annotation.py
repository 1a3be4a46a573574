"""Read the annotation in which spikelet stores the properties that NIR does not represent."""

from __future__ import annotations

import json

import numpy as np

from spikelet.bundle import schema
from spikelet.bundle.fields import Fields
from spikelet.errors import BundleError, ConversionError
from spikelet_converters.exports.nir import NirNode, to_nir
from spikelet_converters.frontends.source import Source

_DAMAGED = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    RecursionError,
    BundleError,
)  # raised by a damaged annotation


def annotated(network: NirNode, text: str) -> Source | None:
    """Return the network in the annotation, or None if the file was changed after it was written."""
    try:
        annotation = json.loads(text)
        tensors = {key: np.asarray(value, annotation["dtypes"][key]) for key, value in annotation["values"].items()}
        for key, dtype in annotation["dtypes"].items():
            if key not in tensors:
                name, _, field = key.rpartition(".")
                tensors[key] = np.asarray(getattr(network.nodes[name], field)).astype(dtype)
        graph = schema.decode(Fields("annotation", annotation["graph"]), tensors)
        exported = to_nir(graph, annotation["form"], annotation["dt"], version=annotation["version"])
        bits = annotation.get("bits")
        labels = None if annotation.get("labels") is None else tuple(map(str, annotation["labels"]))
    except _DAMAGED as error:
        raise ConversionError(f"the annotation of this NIR file is damaged ({error})") from None
    if not _same(network, exported):
        return None
    return Source(
        "NIR, annotated by spikelet",
        graph,
        labels=labels if labels is not None and len(labels) == graph.classes else None,
        bits=bits if isinstance(bits, int) else None,
    )


def _same(a: NirNode, b: NirNode) -> bool:
    if set(a.nodes) != set(b.nodes) or sorted(map(tuple, a.edges)) != sorted(map(tuple, b.edges)):
        return False
    for name, node in b.nodes.items():
        other = a.nodes[name]
        if type(node) is not type(other):
            return False
        for field, value in vars(node).items():
            if isinstance(value, np.ndarray) and not np.array_equal(value, np.asarray(getattr(other, field))):
                return False
    return True
