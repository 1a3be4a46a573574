"""Files that violate one rule and keep all others: digests, sizes and directories are updated."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from conformance_vectors.files import LINES, PIXELS, line, small
from conformance_vectors.making import graph_of, members_of
from conformance_vectors.packing import Entry, Members, archive, fitted, header_of, safetensors, with_header
from conformance_vectors.sketch import Sketch, numbers
from conformance_vectors.vector import Vector
from second_reader.tensors import tensors
from spikelet.lowering.onnx.step import step_model

Tree = dict[str, Any]
Tensors = dict[str, np.ndarray]
Content = Callable[[], bytes]
WEIGHTS, GOLDEN = "weights.safetensors", "golden.safetensors"


def _picture() -> Vector:
    net = Sketch((2, 4, 4), mean=[3, 4])
    net.conv("conv", numbers("a", (4, 1, 3, 3), -7, 7), padding=(1, 1), groups=2)
    root = net.neuron("first", [300, 400, 500, 600])
    net.pool("pool", (2, 2))
    net.scale("left", [1, 2, 3, 4])
    net.pool("right", (2, 2), after=(root,))
    net.add("Add", "add", {}, ("left", "right"))
    net.neuron("leaky", [5, 6, 7, 8], decay=[1, 2, 3, 4])
    net.add("Flatten", "flatten", {})
    return Vector(net.readout("fc", numbers("b", (2, 16), -7, 7)), numbers("p", (1, 2, 4, 4), 0, 255), 2)


def _real() -> Vector:
    net = Sketch((2,), exact=False, high=2)
    net.linear("fc", [[3.5, -2], [1, 4.25]], [0.5, -0.25])
    net.add("LI", "trace", {"decay": np.array([0.5, 0.25], np.float32)})
    net.neuron("spikes", [2, 3], decay=[0.5, 0.25], reset="subtract-late")
    return Vector(net.readout("out", [[1, 2], [4, -1]]), np.array([[1, 2]]), 3)


def _copied() -> Vector:
    net = Sketch((2,))
    net.neuron("first", [10, 20], [1, 4, 8, 3, 9, 15], copies=3)
    return Vector(net.readout("fc", [[1, 2], [3, -1]]), np.array([[9, 17]]), 3)


BASES = {
    "small": lambda: Vector(small(), PIXELS, 4), "picture": _picture, "real": _real, "copied": _copied,
    "line": lambda: Vector(line(), LINES, 4), "once": lambda: Vector(small(), PIXELS, 1),
}  # fmt: skip


@cache
def base(name: str = "small", own: bool = False) -> Members:
    """Return the members of a valid file.

    Unless `own` is set, step.onnx contains its weights and has lowering_version 0, so that a reader does not compare it
    with the graph: a change of the graph or of the weights breaks no rule of step.onnx.
    """
    case = BASES[name]()
    members = members_of(name, case)
    if own:
        return members
    members["step.onnx"] = step_model(graph_of(case.sketch))
    return fitted(members, lambda manifest: manifest.update(lowering_version=0))


def pack(members: Members) -> bytes:
    """Return the archive of the members; the manifest is not changed."""
    return archive(members.items())


def manifest(change: Callable[[Tree], object], name: str = "small") -> Content:
    """Change the manifest."""
    return lambda: pack(fitted(dict(base(name)), lambda tree: change(tree) and None))


def text(old: str | bytes, new: str | bytes, name: str = "small") -> Content:
    """Replace the first occurrence of a text in the manifest."""
    before, after = (value.encode() if isinstance(value, str) else value for value in (old, new))

    def content() -> bytes:
        members = dict(base(name))
        assert before in members["manifest.json"], before
        members["manifest.json"] = members["manifest.json"].replace(before, after, 1)
        return pack(members)

    return content


def graph(change: Callable[[Tree], object], name: str = "small") -> Content:
    """Change the graph of the manifest; nodes can be indexed by name as `tree["node"]`."""

    def apply(tree: Tree) -> None:
        by_name = {node["name"]: node for node in tree["graph"]["nodes"]}
        change(by_name | {"nodes": tree["graph"]["nodes"], "edges": tree["graph"]["edges"], "graph": tree["graph"]})

    return manifest(apply, name)


def stored(member: str, change: Callable[[Tensors], object], name: str = "small", **tree: object) -> Content:
    """Change the tensors of a member; `tree` changes the manifest."""

    def content() -> bytes:
        members = dict(base(name))
        arrays = {key: value.copy() for key, value in tensors(memoryview(members[member]), member).items()}
        change(arrays)
        members[member] = safetensors(arrays)
        return pack(fitted(members, lambda manifest: manifest.update(tree)))

    return content


def weights(change: Callable[[Tensors], object], name: str = "small", **tree: object) -> Content:
    """Change the arrays of the nodes."""
    return stored(WEIGHTS, change, name, **tree)


def golden(change: Callable[[Tensors], object], name: str = "small", **tree: object) -> Content:
    """Change the golden data."""
    return stored(GOLDEN, change, name, **tree)


def header(change: Callable[[Tree, bytes], bytes | None], member: str = WEIGHTS) -> Content:
    """Change the header of a safetensors member, and replace its data by the result of `change`, unless that is None."""

    def content() -> bytes:
        members = dict(base())
        tree, data = header_of(members[member])
        data = change(tree, data) or data
        members[member] = with_header(tree, data)
        return pack(fitted(members))

    return content


def member(name: str, change: Callable[[bytes], bytes], own: bool = False, **tree: object) -> Content:
    """Change the bytes of a member."""

    def content() -> bytes:
        members = dict(base(own=own))
        members[name] = change(members[name])
        return pack(fitted(members, lambda manifest: manifest.update(tree)))

    return content


def entries(change: Callable[[list[Entry]], list[Entry]]) -> Content:
    """Change the list of members that are packed."""
    return lambda: archive(change(list(base().items())))


def whole(change: Callable[[bytearray], bytes | bytearray]) -> Content:
    """Change the bytes of the file."""
    return lambda: bytes(change(bytearray(pack(base()))))


def patched(position: int, data: bytes, end: bool = False) -> Content:
    """Overwrite bytes at a position of the file, or at a position before its end."""

    def change(content: bytearray) -> bytearray:
        at = len(content) - position if end else position
        assert content[at : at + len(data)] != data
        content[at : at + len(data)] = data
        return content

    return whole(change)


def document(text: bytes) -> Content:
    """Replace the manifest by these bytes."""
    return lambda: pack(base() | {"manifest.json": text})


def network(sketch: Sketch, classes: int = 2, **tree: object) -> Content:
    """Replace the network. The golden data has matching shapes and consists of zeros: the network is not executed."""

    def content() -> bytes:
        members = dict(base())
        members[WEIGHTS] = safetensors(sketch.tensors)
        input_type, logit_type = (np.int16, np.int32) if sketch.exact else (np.float32, np.float32)
        arrays = {
            "input": np.zeros((1, *sketch.nodes[0]["shape"]), input_type),  # type: ignore[misc]
            "logits": np.zeros((1, 1, classes), logit_type),
        }
        for node in sketch.nodes:
            if node["kind"] in ("IF", "LIF"):
                count = len(sketch.tensors[f"{node['name']}.theta"])
                arrays[f"spikes.{node['name']}"] = np.zeros((1, 1, (count + 7) // 8), np.uint8)
        members[GOLDEN] = safetensors(arrays)
        return pack(
            fitted(members, lambda manifest: manifest.update({"graph": sketch.document, "exact_steps": 1} | tree))
        )

    return content
