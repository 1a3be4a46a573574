"""Bytes of the vectors: the second reader computes the results, and spikelet writes the files."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from conformance_vectors.packing import Members, archive, fitted, safetensors
from conformance_vectors.sketch import Sketch
from conformance_vectors.vector import ACCEPTED, Pixels, Vector
from second_reader import Run, execute, packed
from second_reader.container import split
from second_reader.proofs import proven_steps
from spikelet.bundle import Bundle, Golden, Manifest, schema, write
from spikelet.bundle.fields import Fields
from spikelet.graph import Graph

PRODUCER = {"name": "conformance vectors of spikelet", "version": "1"}


@dataclass(frozen=True)
class Written:
    """Files of a vector and its computed results.

    Attributes:
        bundle: Bytes of the bundle.
        sequence: Bytes of the sequence beside it, or None.
        golden: Results of the golden inputs.
        frames: Results of the sequence, or None.
    """

    bundle: bytes
    sequence: bytes | None
    golden: Run
    frames: Run | None


def graph_of(sketch: Sketch) -> Graph:
    """Return the network as a graph of spikelet."""
    return schema.decode(Fields("graph", sketch.document), sketch.tensors)


def run(sketch: Sketch, inputs: Pixels, steps: int) -> Run:
    """Execute a network with the second reader. inputs: (1 or T, N, *shape)."""
    return execute(sketch.network, inputs, steps)


def recorded(sketch: Sketch, inputs: Pixels, outcome: Run) -> dict[str, Pixels]:
    """Return inputs and their results in the layout of golden data."""
    input_type, logit_type = (np.int16, np.int32) if sketch.exact else (np.float32, np.float32)
    spikes = {f"spikes.{name}": packed(value) for name, value in outcome.spikes.items()}
    return {"input": inputs.astype(input_type), "logits": outcome.logits.astype(logit_type), **spikes}


def members_of(name: str, case: Vector) -> Members:
    """Return the members of a vector as spikelet writes them."""
    sketch = case.sketch
    outcome = run(sketch, case.inputs[None], case.steps)
    stored = recorded(sketch, case.inputs, outcome)
    bits = sketch.bits if sketch.exact else None
    steps = proven_steps(sketch.network, bits) if bits is not None else None
    manifest = Manifest(name, case.labels, bits, case.exact_steps or steps)
    golden = Golden(stored["input"], stored["logits"], outcome.spikes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vector.snnb"
        write(Bundle(graph_of(sketch), manifest, golden, f"# {name}\n"), path)
        members = {member: bytes(data) for member, data in split(memoryview(path.read_bytes())).items()}
    # a fixed producer: a new version of spikelet does not change the bytes
    return fitted(members, lambda tree: tree.update(producer=PRODUCER))


def bundle_of(name: str, case: Vector) -> bytes:
    """Return the bytes of a vector's bundle."""
    members = members_of(name, case)
    edited = case.edit(members)
    if any(edited[member] != data for member, data in members.items() if member != "manifest.json"):
        edited = fitted(edited)
    return archive(edited.items())


@cache
def make(name: str) -> Written:
    """Make an accepted vector."""
    case = ACCEPTED[name][1]()
    frames = None if case.frames is None else run(case.sketch, case.frames, len(case.frames))
    sequence = None
    if case.frames is not None and frames is not None:
        sequence = safetensors(recorded(case.sketch, case.frames, frames))
    return Written(bundle_of(name, case), sequence, run(case.sketch, case.inputs[None], case.steps), frames)
