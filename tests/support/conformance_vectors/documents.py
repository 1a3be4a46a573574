"""Vectors of unusual but valid encodings: JSON at its limits, all keys of the description, Protocol Buffers."""

from __future__ import annotations

import json

from conformance_vectors.files import PIXELS, small
from conformance_vectors.making import graph_of
from conformance_vectors.vector import Members, Vector, vector
from hostile.protobuf import MODEL, Tree, decode, encode
from spikelet.lowering.onnx.step import step_model

LEVELS = 32
COUNT, NUMBER = 2**53, 2**64  # largest numbers of the description


def _edited(**changed: object) -> Vector:
    def edit(members: Members) -> Members:
        text = json.dumps(json.loads(members["manifest.json"]) | changed)
        return members | {"manifest.json": text.encode()}

    return Vector(small(), PIXELS, 4, edit=edit)


@vector(
    "limits-of-json",
    "JSON at its limits: a number at level 32, a key of 256 and a text of 10,000 characters, a whole number of 40, a number that "
    "rounds to 0, a name of 256 characters with U+FEFF, a surrogate pair as escapes, white space around the document",
)
def _limits() -> Vector:
    def edit(members: Members) -> Members:
        manifest = json.loads(members["manifest.json"])
        provenance = {
            "k" * 255 + "🐈": "t" * 9_999 + "🐈",
            "whole": -(10**39 - 1),
            "small": "1e-400",
            "deep": 0,
            "escapes": "\U0001f408",
        }
        for _ in range(LEVELS - 3):  # the manifest, provenance and its values are levels 1 to 3
            provenance["deep"] = [provenance["deep"]]
        text = json.dumps(manifest | {"provenance": provenance, "name": "\ufeff" + "🐈" * 255}, ensure_ascii=False)
        text = text.replace('"1e-400"', "1e-400").replace('"escapes": "🐈"', r'"escapes": "\ud83d\uDC08"')
        return members | {"manifest.json": f" \t\r\n{text}\n".encode()}

    return Vector(small(), PIXELS, 4, edit=edit)


@vector("all-keys", "Every key of results and conversion, with the least or the greatest value")
def _keys() -> Vector:
    texts = dict.fromkeys(("data", "digest", "engine", "command"), "")
    shares = {"accuracy": [0, 1], "accuracy_before_quantisation": [1.0, -0.0], "float_accuracy": 0}
    step = {"steps": 0, "spike_rate": NUMBER, "over_firing": -NUMBER, "under_firing": None, "correlation": -1.0}
    layer = {
        "layer": "",
        "neurons": COUNT,
        "exact_steps": 0,
        "weight_error": None,
        "activation": -1.8446744073709552e19,
    }
    layer |= {"agreement_through": 0, "clipped": NUMBER, "by_step": [step | {"rms_residual": 1e-300}, {}]}
    conversion = {"steps": 1, "bits": COUNT, "advice": [], "notes": [""], "layers": [layer, {}]}
    result = texts | shares | {"images": COUNT, "steps": 0, "agreement_with_float": 1}
    return _edited(results=[result, {}], conversion=conversion, provenance={"levels": 1})


@vector("ir-version-2-without-copies", "ir_version 2 in a file of version 1.1, whose neurons have no copies")
def _no_copies() -> Vector:
    return _edited(ir_version=2, format_version="1.1")


@vector(
    "step-encoded-differently",
    "step.onnx in other forms of Protocol Buffers: fields in reverse order, numbers that a later one replaces, packed numbers, a graph in two parts, "
    "numbers of 10 bytes",
)
def _encoding() -> Vector:
    def edit(members: Members) -> Members:
        tree = decode(step_model(graph_of(small())), MODEL)
        (graph,) = (value for number, _, value in tree if number == 7)
        assert isinstance(graph, list)
        # only the order of nodes has a meaning: each is evaluated after its predecessors
        nodes = [field for field in graph if field[0] == 1]
        others: Tree = [
            (5, 2, _packed(value)) if number == 5 else (number, 2, value) for number, _, value in graph if number != 1
        ]
        opset: Tree = [(8, 2, [(2, 0, 9), (1, 2, b"")]), (8, 2, [(2, 0, 12), (2, 0, 13)])]
        model = encode([*opset, (7, 2, others[::-1]), (2, 2, b""), (7, 2, nodes), (1, 0, 99)])
        manifest = json.loads(members["manifest.json"]) | {"lowering_version": 0}
        # 0x88 0x80 … 0x7e is 8: of its 70 bits, 64 are used
        number = b"\x08\x88" + b"\x80" * 8 + b"\x7e"
        return {**members, "manifest.json": json.dumps(manifest).encode(), "step.onnx": model + number}

    return Vector(small(), PIXELS, 4, edit=edit)


def _packed(tensor: object) -> Tree:
    """Pack the sizes of a tensor, all of which have one byte, and reverse its fields."""
    assert isinstance(tensor, list)
    sizes = bytes(value for number, _, value in tensor if number == 1)
    return [*(field for field in tensor[::-1] if field[0] != 1), (1, 2, sizes)]
