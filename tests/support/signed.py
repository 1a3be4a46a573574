"""Bundles with signatures, and policies that require them."""

import numpy as np

from networks import small_graph
from spikelet import signing
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.verify import record_golden


def make(path, seed=0):
    graph = small_graph(seed)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *graph.input.shape)).astype(np.uint8)
    manifest = Manifest("small", bits=4, exact_steps=exact_steps(graph))
    write(Bundle(graph, manifest, record_golden(graph, pixels, 4), "# small\n"), path)
    return path


def sign(path, key):
    signing.signature_file(path).write_bytes(signing.sign(path, key))


def trust(monkeypatch, folder, **keys):
    folder.mkdir(exist_ok=True)
    for name, key in keys.items():
        (folder / f"{name}.pub").write_bytes(signing.encode_public(signing.public_key(key)))
    monkeypatch.setenv(signing.TRUSTED_KEYS, str(folder))
