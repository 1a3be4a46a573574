"""A small bundle, and variants of it in which a member, the manifest or the weights are changed."""

import hashlib
import json

import numpy as np

from networks import small_graph
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, archive, safetensors
from spikelet.verify import record_golden

MEMBERS = ("manifest.json", "weights.safetensors", "step.onnx", "golden.safetensors", "card.md")


def make(graph=None, exact=True):
    graph = graph or small_graph(exact=exact)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *graph.input.shape)).astype(np.uint8)
    steps = exact_steps(graph) if exact else None
    manifest = Manifest("small", bits=4 if exact else None, exact_steps=steps, provenance={"seed": 1, "μ": "é"})
    return Bundle(graph, manifest, record_golden(graph, pixels, min(4, steps or 4)), "# small\n")


def repacked(path, **changes):
    """Return the bytes of the bundle with members replaced, or removed by None; the digests in the manifest stay as they are."""
    members = {name: bytes(data) for name, data in archive.unpack(path.read_bytes()).items()}
    for key, data in changes.items():
        name = key.replace("__", ".")
        if data is None:
            del members[name]
        else:
            members[name] = data
    return b"".join(archive.pack(members))


def with_manifest(path, change):
    """Return the bytes of the bundle with a changed manifest; the other members stay as they are."""
    manifest = json.loads(bytes(archive.unpack(path.read_bytes())["manifest.json"]))
    change(manifest)
    return repacked(path, manifest__json=json.dumps(manifest).encode())


def with_tensors(path, change):
    """Return the bytes of the bundle with changed weights; the digest in the manifest is updated."""
    members = archive.unpack(path.read_bytes())
    tensors = dict(safetensors.decode("weights", members["weights.safetensors"]))
    change(tensors)
    data = safetensors.encode(tensors)
    manifest = json.loads(bytes(members["manifest.json"]))
    manifest["members"]["weights.safetensors"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    return repacked(path, weights__safetensors=data, manifest__json=json.dumps(manifest).encode())
