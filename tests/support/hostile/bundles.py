"""Bundles with valid digests: small valid bundles, bundles with arbitrary graphs, and the cost of reading one."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import fields
from functools import cache
from itertools import pairwise

import numpy as np

from counts.calls import operations, peak_bytes
from networks import Builder, small_graph
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, archive, decode, golden, manifest, safetensors, schema, step, write
from spikelet.errors import BundleError
from spikelet.graph import Graph
from spikelet.nodes import SumPool2d
from spikelet.verify import record_golden

Members = dict[str, bytes]
MEMORY = 64 * 2**20  # bytes that a reader may allocate beyond the size of the file
OPERATIONS = 25_000  # limit for reading a file of few nodes, for any real or declared size of its tensors
ONE = np.ones(1, np.int32)


@cache
def bases() -> list[Members]:
    """Return small bundles: exact and float32, images and features, pools, a residual block, leaks, groups."""
    return [
        take_apart(pack(bundle))
        for bundle in (_make(small_graph()), _make(small_graph(exact=False)), _make(_features()), _make(_groups()))
    ]


def _make(graph: Graph) -> Bundle:
    node = graph.input
    pixels = np.random.default_rng(0).integers(node.low, node.high + 1, (1, *node.shape)).astype(np.uint8)
    steps = exact_steps(graph) if graph.exact else None
    manifest = Manifest(
        "small", tuple("abc"), 4 if graph.exact else None, steps, {"seed": 1}, [{"data": "d", "digest": "e"}]
    )
    return Bundle(graph, manifest, record_golden(graph, pixels, 2), "# small\n")


def _features() -> Graph:
    net = Builder((5,), np.random.default_rng(1))
    net.linear("fc1", 4)
    net.neuron("if1", tie=">", reset="zero")
    return net.graph()


def _groups() -> Graph:
    net = Builder((2, 5, 5), np.random.default_rng(2))
    net.conv("conv1", 4, groups=2)
    net.neuron("lif", leaky=True)
    net.add("pool", SumPool2d((3, 3), (1, 1)))
    return net.graph()


def pack(bundle: Bundle) -> bytes:
    """Return the bytes of a bundle."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        write(bundle, Path(folder) / "x.snnb")
        return (Path(folder) / "x.snnb").read_bytes()


def take_apart(content: bytes) -> Members:
    return {name: bytes(data) for name, data in archive.unpack(content).items()}


def put_together(members: Members, **changed: object) -> bytes:
    """Return the bytes of a bundle, with updated digests. changed: entries of the manifest."""
    manifest = json.loads(members["manifest.json"])
    manifest |= changed
    manifest["members"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in members.items()
        if name != "manifest.json"
    }
    text = json.dumps(manifest, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"".join(archive.pack(members | {"manifest.json": text}))


def loosely_packed(entries: list[tuple[str, bytes]]) -> bytes:
    """Return an archive in the canonical layout with arbitrary names, also duplicates, as an attacker could write it."""
    parts, directory, offset = [], [], 0
    for name, data in entries:
        entry = archive._Entry(name.encode("utf-8", "surrogatepass"), zlib.crc32(data), len(data), offset)
        header = archive._local(entry)
        parts += [header, data]
        directory.append(entry)
        offset += len(header) + len(data)
    return b"".join([*parts, archive._directory(directory, offset)])


def cost(content):
    """Return (error or None, peak bytes beyond the file, operations) of reading; they do not depend on the machine."""
    decode(pack_small())  # load modules first, which are not counted
    errors = []

    def read():
        try:
            decode(content)
        except BundleError as error:
            errors.append(error)

    peak, count = peak_bytes(read), operations(read)
    return (errors[0] if errors else None), peak, count


@cache
def pack_small():
    return put_together(bases()[1])


def described(nodes, edges, weights=None, golden=None, base=None, **changed):
    """Return the bytes of a bundle with an arbitrary graph and valid digests; nothing is checked."""
    tensors = {}
    entries = []
    for name, node in nodes.items():
        entry = {"name": name, "kind": node.kind}
        for field in (item.name for item in fields(node)):
            value = getattr(node, field)
            if isinstance(value, np.ndarray):
                tensors[f"{name}.{field}"] = value
            elif field != "copies" or value != 1:
                entry[field] = list(value) if isinstance(value, tuple) else value
        entries.append(entry)
    content = dict(base or bases()[0])
    content["weights.safetensors"] = safetensors.encode(tensors)
    if golden is not None:
        content["golden.safetensors"] = safetensors.encode(golden)
    version = 2 if any("copies" in entry for entry in entries) else 1
    changed = {
        "labels": None,
        "ir_version": version,
        "graph": {"nodes": entries, "edges": [list(edge) for edge in edges]},
    } | changed
    return put_together(content, **changed)


def chain(**nodes):
    names = list(nodes)
    return nodes, list(pairwise(names))


def unchecked(bundle, **changed):
    """Return the bytes of a bundle with matching digests and step model, without the checks of the writer.

    changed: entries of the manifest.
    """
    document, tensors = schema.encode(bundle.graph)
    weights = safetensors.encode(tensors)
    members = {
        "manifest.json": json.dumps(
            json.loads(bases()[0]["manifest.json"]) | manifest.encode(bundle.manifest) | {"graph": document}
        ).encode(),
        "weights.safetensors": weights,
        "step.onnx": step.encode(bundle.graph, weights).content,
        "golden.safetensors": safetensors.encode(golden.encode(bundle.golden)),
        "card.md": bundle.card.encode(),
    }
    return put_together(members, **changed)
