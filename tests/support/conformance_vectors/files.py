"""Vectors of the file rather than of the network: names, order, versions, what a reader ignores, other writers."""

from __future__ import annotations

import json

import numpy as np

from conformance_vectors.making import graph_of
from conformance_vectors.packing import header_of, with_header
from conformance_vectors.sketch import Sketch, numbers
from conformance_vectors.vector import Members, Vector, vector
from spikelet.bundle.step import encode
from spikelet.lowering.onnx.step import step_model


def small() -> Sketch:
    """Return a network of two features, three neurons and two classes."""
    net = Sketch((2,), mean=[128, 0])
    net.linear("fc", [[3, -2], [1, 4], [0, -5]], [10, -20, 0])
    net.neuron("if1", [300, 200, 50], [150, 100, 25])
    return net.readout("out", [[1, 2, 3], [4, -1, 0]])


PIXELS = np.array([[200, 60], [0, 255]])

LOG_MEL = {
    "kind": "log-mel",
    "bands": 2,
    "frames": 3,
    "window": 0.032,
    "hop": 0.016,
    "low": 50,
    "high": 4000.0,
    "floor": -60,
}


def line() -> Sketch:
    """Return a network of a line of two channels with three values, and two classes."""
    net = Sketch((2, 1, 3), mean=[9, 8])
    net.conv("conv", numbers("line", (2, 2, 1, 3), -7, 7))
    net.neuron("if1", [300, 400])
    net.add("Flatten", "flatten", {})
    return net.readout("out", [[1, 2], [4, -1]])


LINES = numbers("lines", (2, 2, 1, 3), 0, 255)


@vector(
    "names-of-roles",
    "Nodes called x, v, s, bias, v.a, a.v, logits, step, Add and _: names that other parts of a file use as well",
)
def _roles() -> Vector:
    net = Sketch((3,), name="v.a")
    net.linear("x", numbers("a", (4, 3), -7, 7))
    net.neuron("bias", [200, 250, 300, 350])
    net.linear("x.weight", numbers("b", (4, 4), -7, 7))
    root = net.neuron("x.f32", [5, 6, 7, 8])
    net.linear("s", numbers("c", (4, 4), -7, 7))
    net.scale("v", [3, 3, 3, 3], (root,))
    net.add("Add", "Add", {}, ("s", "v"))
    net.neuron("s.x", [4, 4, 4, 4], decay=[1, 2, 3, 4])
    net.linear("a.v", numbers("d", (4, 4), -7, 7))
    net.neuron("v_next", [3, 3, 3, 3], reset="zero", tie=">")
    net.scale("logits", [1, 2, 3, 4])
    net.neuron("_", [1, 2, 3, 4])
    net.linear("step", numbers("e", (2, 4), -7, 7))
    net.add("Output", "input", {}, scale=1.0)
    return Vector(net, numbers("p", (3, 3), 0, 255), 6)


@vector("names-of-two-values", "Layers a and x.a, s.a and v.a: names that collide if a program joins them by dots")
def _collision() -> Vector:
    net = Sketch((4,))
    net.neuron("a", [100, 110, 120, 130])
    net.scale("x.a", [5, 6, 7, 8])
    net.neuron("s.a", [9, 9, 9, 9])
    net.linear("v.a", numbers("a", (4, 4), -7, 7))
    net.neuron("v_next.a", [5, 5, 5, 5])
    net.readout("a.f32", numbers("b", (3, 4), -7, 7))
    return Vector(net, numbers("p", (3, 4), 0, 255), 6)


@vector("name-of-64-characters", "A name of 64 characters")
def _long_name() -> Vector:
    net = Sketch((2,), name="i" * 64)
    net.neuron("N" + "a.0_" * 15 + "end", [100, 150])
    return Vector(net.readout("fc", [[1, 2], [3, 4]]), PIXELS, 4)


@vector("nodes-in-another-order", "Nodes and edges of the manifest in reverse order, which has no meaning")
def _order() -> Vector:
    net = Sketch((3,))
    root = net.neuron("first", [100, 150, 200])
    net.linear("left", numbers("a", (3, 3), -7, 7))
    net.scale("right", [5, 6, 7], (root,))
    net.add("Add", "add", {}, ("left", "right"))
    net.neuron("second", [6, 6, 6])
    net.readout("fc", numbers("b", (2, 3), -7, 7))

    def edit(members: Members) -> Members:
        graph = json.loads(members["manifest.json"])["graph"]
        assert graph["nodes"][0]["kind"] == "Input"
        turned = {"nodes": graph["nodes"][::-1], "edges": graph["edges"][::-1]}
        # the sum of an Add is taken in the order of its edges, which step.onnx of spikelet shows
        step = step_model(graph_of(net))
        return _manifest(members, graph=turned, lowering_version=0) | {"step.onnx": step}

    return Vector(net, numbers("p", (2, 3), 0, 255), 5, edit=edit)


@vector("labels", "Labels with characters outside ASCII, two of them equal")
def _labels() -> Vector:
    return Vector(small(), PIXELS, 4, labels=("katze ≥ 🐈", "katze ≥ 🐈"))


def _manifest(members: Members, **changed: object) -> Members:
    return members | {"manifest.json": json.dumps(json.loads(members["manifest.json"]) | changed).encode()}


@vector("later-minor-version", "format_version 1.4711: a later minor version is read")
def _later() -> Vector:
    return Vector(small(), PIXELS, 4, edit=lambda members: _manifest(members, format_version="1.4711"))


@vector("version-1.0", "format_version 1.0")
def _earlier() -> Vector:
    return Vector(small(), PIXELS, 4, edit=lambda members: _manifest(members, format_version="1.0"))


@vector(
    "unknown-keys", "Keys that no version defines, in the manifest, its producer, provenance, results and conversion"
)
def _unknown() -> Vector:
    added = {"x": [None, 1e-300, -0.0, {"y": []}]}
    keys = {
        **added,
        "producer": {"name": "other", "version": "", **added},
        "provenance": {"": "", **added},
        "results": [{"data": "d", "images": 3, "accuracy": [0, 0.5, 1], **added}],
        "conversion": {"bits": 8, "layers": [{"layer": "if1", "activation": None, **added}], **added},
    }
    return Vector(small(), PIXELS, 4, edit=lambda members: _manifest(members, **keys))


@vector(
    "measured-values", "A range of measured values and a number of time-steps that concern runs, not the golden inputs"
)
def _measured() -> Vector:
    keys = {
        "provenance": {"input_range": [-0.1, 2**64], "input_features": {"kind": "mfcc", "bands": 0}, "levels": None},
        "conversion": {"steps": 2**16},
    }
    return Vector(small(), PIXELS, 4, edit=lambda members: _manifest(members, **keys))


@vector("features-of-sound", "Log-mel features of sound whose settings have the least and the greatest values")
def _sound() -> Vector:
    least = {"window": 0.001, "hop": 10, "low": 999_999, "high": 1e6, "floor": -200}
    provenance = {"input_features": LOG_MEL | least, "input_range": [-200.0, -0.0], "levels": 4096}
    return Vector(line(), LINES, 4, edit=lambda members: _manifest(members, provenance=provenance))


@vector(
    "another-writer",
    "lowering_version 0, as of a writer that is not spikelet: no producer, no labels, weights inside step.onnx, an empty card.md",
)
def _foreign() -> Vector:
    def edit(members: Members) -> Members:
        manifest = json.loads(members["manifest.json"])
        del manifest["producer"], manifest["labels"]
        text = json.dumps(manifest | {"lowering_version": 0}).encode()
        return members | {"manifest.json": text, "step.onnx": step_model(graph_of(small())), "card.md": b""}

    return Vector(small(), PIXELS, 4, edit=edit)


@vector("lowering-version-1", "step.onnx of lowering_version 1: names with a dot in place of the colon")
def _version_1() -> Vector:
    def edit(members: Members) -> Members:
        model = encode(graph_of(small()), members["weights.safetensors"], 1)
        return _manifest(members, lowering_version=1) | {"step.onnx": bytes(model.content)}

    return Vector(small(), PIXELS, 4, edit=edit)


@vector("tensors-in-another-order", "Golden tensors in another order, a header without padding")
def _tensor_order() -> Vector:
    def edit(members: Members) -> Members:
        header, data = header_of(members["golden.safetensors"])
        turned: dict[str, object] = {}
        moved = b""
        for name, entry in reversed(header.items()):
            begin, end = entry["data_offsets"]  # type: ignore[misc]
            turned[name] = entry | {"data_offsets": [len(moved), len(moved) + end - begin]}
            moved += data[begin:end]
        text = json.dumps(turned).encode()
        assert len(with_header(turned, moved)) != len(text) + 8 + len(moved)
        return members | {"golden.safetensors": len(text).to_bytes(8, "little") + text + moved}

    return Vector(small(), PIXELS, 4, edit=edit)


@vector("card-with-tabs", "card.md with tabs, empty lines and characters outside ASCII")
def _card() -> Vector:
    return Vector(small(), PIXELS, 4, edit=lambda members: members | {"card.md": "# Karte\n\n\tüber 🐈\n".encode()})


@vector("numbers-in-json", "Numbers in other spellings: a scale of 5e-1, a whole number of -0, escapes in texts")
def _spellings() -> Vector:
    def edit(members: Members) -> Members:
        text = members["manifest.json"].replace(b'"scale": 1.0', b'"scale": 5e-1').replace(b'"low": 0', b'"low": -0')
        text = text.replace(b'"name": "fc"', b'"name": "\\u0066c"')
        assert text.count(b"5e-1") == text.count(b"-0") == text.count(b"\\u0066c") == 1
        return members | {"manifest.json": text}

    return Vector(small(), PIXELS, 4, edit=edit)
