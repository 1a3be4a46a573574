"""Refused files: container, JSON, manifest, card and step model."""

from __future__ import annotations

import io
import zipfile

from conformance_vectors.breaking import (
    GOLDEN,
    WEIGHTS,
    Content,
    base,
    document,
    entries,
    graph_of,
    manifest,
    member,
    pack,
    patched,
    text,
    whole,
)
from conformance_vectors.files import LOG_MEL
from conformance_vectors.sketch import Sketch
from conformance_vectors.vector import differing, refusal
from spikelet.files import protobuf
from spikelet.lowering.onnx.step import step_model


def _zipped(compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in base().items():
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return buffer.getvalue()


def _offset_of(label: bytes, occurrence: int = 0) -> int:
    content, at = pack(base()), -1
    for _ in range(occurrence + 1):
        at = content.index(label, at + 1)
    return at


for name, rule, content in (
    ("no-archive", "The file begins with the signature of a local header", whole(lambda c: b"\x89PNG" + c)),
    ("cut-off", "The end record ends the file: the last byte is missing", whole(lambda c: c[:-1])),
    ("cut-off-in-a-member", "The data of a member is complete", whole(lambda c: c[:900])),
    ("bytes-after-the-end", "Nothing follows the end record", whole(lambda c: c + b"\0")),
    ("bytes-before-the-start", "Nothing precedes the first local header", whole(lambda c: b"#!" + c)),
    ("packed-by-zip", "Data of members begins at multiples of 64 bytes", lambda: _zipped(zipfile.ZIP_STORED)),
    ("compressed", "Members are stored, not compressed", lambda: _zipped(zipfile.ZIP_DEFLATED)),
    ("version-needed", "Version needed is 20", patched(4, b"\x0a\0")),
    ("flags", "Flags are 0", patched(6, b"\0\x08")),
    ("time", "Time is 0", patched(10, b"\x01\0")),
    ("date", "Date is 1 January 1980", patched(12, b"\0\0")),
    ("checksum", "The CRC-32 is that of the data", lambda: patched(70, b"#")()),
    ("extra-field-id", "The id of the extra field is 0xD935", patched(30 + len("manifest.json"), b"\xff\xff")),
    ("padding-not-zero", "The padding is zeros", patched(63, b"\x01")),
    ("local-directory-differ", "The directory repeats the local headers",
     lambda: patched(_offset_of(b"PK\x01\x02") + 16, b"\0\0\0\0")()),
    ("directory-offset", "The directory states the offset of each local header",
     lambda: patched(_offset_of(b"PK\x01\x02", 1) + 42, b"\0\0\0\0")()),
    ("attributes", "External attributes are 0: no links", lambda: patched(_offset_of(b"PK\x01\x02") + 38, b"\0\0\xff\xa1")()),
    ("made-by", "Version made by is 20", lambda: patched(_offset_of(b"PK\x01\x02") + 4, b"\x14\x03")()),
    ("comment", "The archive has no comment", whole(lambda c: c[:-2] + b"\x02\0hi")),
    ("member-count", "The end record counts five members", patched(14, b"\x04\0", end=True)),
    ("member-missing", "All five members are present", entries(lambda e: e[:-1])),
    ("member-added", "There is no sixth member", entries(lambda e: [*e, ("notes.txt", b"")])),
    ("member-twice", "A member occurs once", entries(lambda e: [*e, e[-1]])),
    ("member-order", "The members are in the order of the table", entries(lambda e: [e[0], e[2], e[1], *e[3:]])),
    ("member-name", "The members have the names of the table", entries(lambda e: [("Manifest.json", e[0][1]), *e[1:]])),
    ("member-in-folder", "No name contains a folder", entries(lambda e: [*e[:4], ("../card.md", e[4][1])])),
):  # fmt: skip
    refusal(f"container-{name}", "container", rule, content)

for name, rule, content in (
    ("key-twice", "A key occurs once in an object", text('"ir_version": 1', '"ir_version": 1, "ir_version": 1')),
    ("nan", "NaN is not a number", text('"scale": 1.0', '"scale": NaN')),
    ("infinity", "Infinity is not a number", text('"provenance": {}', '"provenance": {"x": -Infinity}')),
    ("beyond-float64", "A number is finite in float64", text('"provenance": {}', '"provenance": {"x": 1e400}')),
    ("digits", "A whole number has at most 40 characters",
     text('"provenance": {}', f'"provenance": {{"x": {"1" * 41}}}')),
    ("depth", "Nothing is nested deeper than 32 levels",
     text('"provenance": {}', f'"provenance": {{"x": {"[" * 30}0{"]" * 30}}}')),
    ("byte-order-mark", "There is no byte order mark", lambda: document(b"\xef\xbb\xbf" + base()["manifest.json"])()),
    ("encoding", "The text is UTF-8", text('"name": "small"', b'"name": "sm\xe4ll"')),
    ("comma", "RFC 8259: no comma after the last element", text('"provenance": {}', '"provenance": {"x": 1,}')),
    ("no-object", "The manifest is an object", document(b"[]")),
    ("trailing-text", "Nothing follows the object", lambda: document(base()["manifest.json"] + b"{}")()),
    ("leading-zero", "RFC 8259: a number has no leading zero", text('"ir_version": 1', '"ir_version": 01')),
    ("newline", "No text contains a newline", text('"name": "small"', '"name": "sm\\nall"')),
    ("tab", "No text contains a tab, not even in values that are ignored",
     text('"provenance": {}', '"provenance": {"x": "\\t"}')),
    ("escape", "No text contains U+001B, the start of a terminal sequence", text('"name": "small"', '"name": "\\u001b[2J"')),
    ("control-in-key", "No key contains a control character", text('"provenance": {}', '"provenance": {"\\u0000": 1}')),
    ("c1-control", "No text contains U+0080…9F", text('"name": "small"', '"name": "\\u009b2J"')),
    ("line-separator", "No text contains a line separator", text('"name": "small"', '"name": "a\\u2028b"')),
    ("direction", "No text contains U+202E, which changes the direction of text", text('"name": "small"', '"name": "a\\u202eb"')),
    ("direction-mark", "No text contains U+200F", text('"name": "small"', '"name": "a\\u200fb"')),
    ("half-pair", "No text contains half a surrogate pair", text('"name": "small"', '"name": "\\ud83d"')),
    ("key-length", "A key has at most 256 characters", text('"provenance": {}', f'"provenance": {{"{"k" * 257}": 1}}')),
    ("text-length", "A text has at most 10,000 characters",
     text('"provenance": {}', f'"provenance": {{"x": "{"t" * 10_001}"}}')),
):  # fmt: skip
    refusal(f"json-{name}", "json", rule, content)

RESULT = {"data": "d", "images": 1}


def _provenance(**stated: object) -> Content:
    return manifest(lambda m: m.update(provenance=stated), "line")


for name, rule, content in (
    ("major-version", "The major version is 1", manifest(lambda m: m.update(format_version="2.0"))),
    ("version-zeros", "Versions have no leading zeros", manifest(lambda m: m.update(format_version="1.01"))),
    ("version-number", "format_version is a text", manifest(lambda m: m.update(format_version=1.1))),
    ("version-short", "format_version is MAJOR.MINOR", manifest(lambda m: m.update(format_version="1"))),
    ("ir-version", "ir_version is 1 or 2", manifest(lambda m: m.update(ir_version=3))),
    ("ir-version-0", "ir_version is 1 or 2", manifest(lambda m: m.update(ir_version=0))),
    ("ir-version-fraction", "A whole number has no fraction", manifest(lambda m: m.update(ir_version=1.0))),
    ("ir-version-true", "true is not a number", manifest(lambda m: m.update(ir_version=True))),
    ("lowering-negative", "lowering_version is 0 or more", manifest(lambda m: m.update(lowering_version=-1))),
    ("lowering-large", "lowering_version is below 2^31", manifest(lambda m: m.update(lowering_version=2**31))),
    ("lowering-missing", "lowering_version is present", manifest(lambda m: m.pop("lowering_version"))),
    ("producer-null", "producer is an object", manifest(lambda m: m.update(producer=None))),
    ("producer-version", "producer has a version", manifest(lambda m: m.update(producer={"name": "x"}))),
    ("name-missing", "name is present", manifest(lambda m: m.pop("name"))),
    ("name-empty", "name has 1 character or more", manifest(lambda m: m.update(name=""))),
    ("name-length", "name has at most 256 characters", manifest(lambda m: m.update(name="n" * 257))),
    ("arithmetic", "arithmetic agrees with the arrays", manifest(lambda m: m.update(arithmetic="float32"))),
    ("arithmetic-of-floats", "arithmetic agrees with the arrays",
     manifest(lambda m: m.update(arithmetic="exact", bits=8, exact_steps=9), "real")),
    ("arithmetic-unknown", "arithmetic is exact or float32", manifest(lambda m: m.update(arithmetic="int8"))),
    ("bits-null", "An exact bundle has bits", manifest(lambda m: m.update(bits=None))),
    ("bits-1", "bits is 2 or more", manifest(lambda m: m.update(bits=1))),
    ("bits-negative", "bits is 2 or more", manifest(lambda m: m.update(bits=-3))),
    ("bits-17", "bits is at most 16", manifest(lambda m: m.update(bits=17))),
    ("bits-fraction", "bits is a whole number", manifest(lambda m: m.update(bits=8.0))),
    ("bits-float32", "A float32 bundle has no bits", manifest(lambda m: m.update(bits=8), "real")),
    ("exact-steps-float32", "A float32 bundle has no exact_steps", manifest(lambda m: m.update(exact_steps=8), "real")),
    ("exact-steps-0", "exact_steps is 1 or more", manifest(lambda m: m.update(exact_steps=0))),
    ("exact-steps-missing", "An exact bundle has exact_steps", manifest(lambda m: m.pop("exact_steps"))),
    ("labels-count", "There is one label per class", manifest(lambda m: m.update(labels=["a", "b", "c"]))),
    ("labels-number", "A label is a text", manifest(lambda m: m.update(labels=["a", 1]))),
    ("label-empty", "A label has 1 character or more", manifest(lambda m: m.update(labels=["a", ""]))),
    ("label-length", "A label has at most 256 characters", manifest(lambda m: m.update(labels=["a", "b" * 257]))),
    ("provenance-list", "provenance is an object", manifest(lambda m: m.update(provenance=[]))),
    ("provenance-input-range-empty", "high of input_range is above low", manifest(lambda m: m.update(provenance={"input_range": [1, 1.0]}))),
    ("provenance-input-range-rounded", "input_range is not empty after both are rounded to float64",
     manifest(lambda m: m.update(provenance={"input_range": [2**60, 2**60 + 1]}))),
    ("provenance-input-range-null", "input_range is a list", manifest(lambda m: m.update(provenance={"input_range": None}))),
    ("provenance-levels-0", "levels is 1 or more", manifest(lambda m: m.update(provenance={"levels": 0}))),
    ("provenance-levels-4097", "levels is at most 4,096", manifest(lambda m: m.update(provenance={"levels": 4097}))),
    ("provenance-levels-fraction", "levels is a whole number", manifest(lambda m: m.update(provenance={"levels": 4.0}))),
    ("provenance-input-features-text", "input_features is an object", _provenance(input_features="log-mel")),
    ("provenance-input-features-null", "input_features is an object", _provenance(input_features=None)),
    ("provenance-input-features-kind", "kind of input_features is a text", _provenance(input_features={**LOG_MEL, "kind": 1})),
    ("provenance-input-features-missing", "Log-mel features have all of their settings",
     _provenance(input_features={key: value for key, value in LOG_MEL.items() if key != "hop"})),
    ("provenance-input-features-added", "Log-mel features have no other settings", _provenance(input_features={**LOG_MEL, "x": 1})),
    ("provenance-input-features-bands", "The input has one channel per band", _provenance(input_features={**LOG_MEL, "bands": 3})),
    ("provenance-input-features-frames", "The input has one value per frame", _provenance(input_features={**LOG_MEL, "frames": 2})),
    ("provenance-input-features-picture", "The input is (bands, 1, frames)",
     manifest(lambda m: m.update(provenance={"input_features": {**LOG_MEL, "bands": 2, "frames": 16}}), "picture")),
    ("provenance-input-features-whole", "frames is a whole number", _provenance(input_features={**LOG_MEL, "frames": 3.0})),
    ("provenance-input-features-true", "true is not a number", _provenance(input_features={**LOG_MEL, "low": True})),
    ("provenance-input-features-window", "window is 0.001 s or more", _provenance(input_features={**LOG_MEL, "window": 0.0009})),
    ("provenance-input-features-hop", "hop is at most 10 s", _provenance(input_features={**LOG_MEL, "hop": 10**39})),
    ("provenance-input-features-low", "low is 0 Hz or more", _provenance(input_features={**LOG_MEL, "low": -1e-300})),
    ("provenance-input-features-high", "high is at most 10^6 Hz", _provenance(input_features={**LOG_MEL, "high": 1000001})),
    ("provenance-input-features-close", "low and high are at least 1 Hz apart",
     _provenance(input_features={**LOG_MEL, "low": 50, "high": 50.5})),
    ("provenance-input-features-floor", "floor is at most -1 dB", _provenance(input_features={**LOG_MEL, "floor": -0.5})),
    ("provenance-input-features-range", "input_range is [floor, 0]",
     _provenance(input_features=LOG_MEL, input_range=[-61, 0])),
    ("results-object", "results is a list of objects", manifest(lambda m: m.update(results={}))),
    ("results-accuracy-percent", "accuracy lies in 0…1",
     manifest(lambda m: m.update(results=[RESULT | {"accuracy": [92.5]}]))),
    ("results-accuracy-empty", "accuracy has 1 number or more", manifest(lambda m: m.update(results=[RESULT | {"accuracy": []}]))),
    ("results-lengths", "accuracy and accuracy_before_quantisation have equal lengths",
     manifest(lambda m: m.update(results=[RESULT | {"accuracy": [1], "accuracy_before_quantisation": [1, 1]}]))),
    ("results-data-missing", "A result with accuracy has data and images",
     manifest(lambda m: m.update(results=[{"images": 3, "accuracy": [1]}]))),
    ("results-images-text", "images is a whole number", manifest(lambda m: m.update(results=[{"images": "3"}]))),
    ("conversion-missing", "conversion is present", manifest(lambda m: m.pop("conversion"))),
    ("conversion-steps-0", "steps of conversion is 1 or more", manifest(lambda m: m.update(conversion={"steps": 0}))),
    ("conversion-steps-65537", "steps of conversion is at most 2^16", manifest(lambda m: m.update(conversion={"steps": 2**16 + 1}))),
    ("conversion-layers", "layers is a list of objects", manifest(lambda m: m.update(conversion={"layers": ["if1"]}))),
    ("conversion-by-step-empty", "by_step has 1 object or more",
     manifest(lambda m: m.update(conversion={"layers": [{"by_step": []}]}))),
    ("conversion-activation", "activation is a number or null",
     manifest(lambda m: m.update(conversion={"layers": [{"activation": "0.5"}]}))),
    ("conversion-clipped", "A number without a range is at most 2^64 in magnitude",
     manifest(lambda m: m.update(conversion={"layers": [{"clipped": -1e20}]}))),
    ("conversion-clipped-not-rounded", "A whole number is compared with 2^64 before it is rounded",
     manifest(lambda m: m.update(conversion={"layers": [{"clipped": 2**64 + 1}]}))),
    ("members-missing", "members lists the other four members", manifest(lambda m: m["members"].pop("card.md"))),
    ("members-added", "members lists no other member", manifest(lambda m: m["members"].update({"x.md": {"sha256": "", "size": 0}}))),
    ("members-key-added", "An entry of members has exactly sha256 and size",
     manifest(lambda m: m["members"]["card.md"].update(mode=0o644))),
    ("members-size", "size is that of the member", manifest(lambda m: m["members"]["card.md"].update(size=7))),
    ("members-sha256", "sha256 is that of the member", manifest(lambda m: m["members"][WEIGHTS].update(sha256="0" * 64))),
    ("members-sha256-capitals", "sha256 is in lower case",
     manifest(lambda m: m["members"][GOLDEN].update(sha256=m["members"][GOLDEN]["sha256"].upper()))),
):  # fmt: skip
    refusal(f"manifest-{name}", "manifest", rule, content)

for name, rule, change in (
    ("encoding", "The text is UTF-8", lambda c: b"\xff"),
    ("carriage-return", "There is no carriage return", lambda c: b"a\r\nb"),
    ("escape", "There is no control character except tab and newline", lambda c: b"\x1b[2J"),
    ("direction", "No character changes the direction of text", lambda c: "\u2067".encode()),
):
    refusal(f"card-{name}", "card", rule, member("card.md", change))


def _other_step() -> bytes:
    net = Sketch((2,), mean=[128, 0])
    net.linear("fc", [[3, -2], [1, 4], [0, -5]], [10, -20, 0])
    net.neuron("if1", [300, 400, 50], [150, 100, 25])
    return step_model(graph_of(net.readout("out", [[1, 2, 3], [4, -1, 0]])))


def _node(operator: str, domain: str = "", attribute: tuple[str, int] | None = None) -> bytes:
    """Return a node to append to a model. attribute: name and type of one whose value is the number 1."""
    body = (
        protobuf.text(1, "logits")
        + protobuf.text(2, "unused")
        + protobuf.text(4, operator)
        + (protobuf.text(7, domain) if domain else b"")
    )
    if attribute is not None:
        name, kind = attribute
        body += protobuf.message(5, protobuf.text(1, name) + protobuf.integer(3, 1) + protobuf.integer(20, kind))
    return protobuf.message(7, protobuf.message(1, body))


def _input(element_type: int, axis: bytes) -> bytes:
    """Return an input to append to a model, with one axis."""
    shape = protobuf.message(2, protobuf.message(1, axis))
    kind = protobuf.message(1, protobuf.integer(1, element_type) + shape)
    return protobuf.message(7, protobuf.message(11, protobuf.text(1, "added") + protobuf.message(2, kind)))


def _tensor(element_type: int, content: bytes, size: int) -> bytes:
    """Return an initializer to append to a model, with one axis."""
    body = protobuf.integer(1, size) + protobuf.integer(2, element_type) + protobuf.text(8, "added")
    return protobuf.message(7, protobuf.message(5, body + protobuf.message(9, content)))


def _external(location: str) -> bytes:
    entry = [
        protobuf.text(1, key) + protobuf.text(2, value)
        for key, value in (("location", location), ("offset", "0"), ("length", "8"))
    ]
    tensor = protobuf.integer(1, 2) + protobuf.integer(2, 1) + protobuf.text(8, "file") + protobuf.integer(14, 1)
    return protobuf.message(7, protobuf.message(5, tensor + b"".join(protobuf.message(13, item) for item in entry)))


for name, rule, content in (
    ("own-version-other-network", "With the reader's own lowering_version, the member consists of the bytes that the reader computes from the graph",
     member("step.onnx", lambda c: _other_step(), own=True)),
    ("own-version-empty", "With the reader's own lowering_version, the member consists of the bytes that the reader computes from the graph",
     member("step.onnx", lambda c: b"", own=True)),
    ("operator", "Only the listed operators occur", member("step.onnx", lambda c: c + _node("Loop"))),
    ("domain", "Operators are of the default domain", member("step.onnx", lambda c: c + _node("Add", "other"))),
    ("location", "Weights are stored in weights.safetensors", member("step.onnx", lambda c: c + _external("/etc/passwd"))),
    ("offset", "External data is exactly one tensor", member("step.onnx", lambda c: c + _external(WEIGHTS))),
    ("function", "There are no functions", member("step.onnx", lambda c: c + protobuf.message(25, protobuf.text(1, "f")))),
    ("metadata", "There is no metadata", member("step.onnx", lambda c: c + protobuf.message(14, protobuf.text(1, "k") + protobuf.text(2, "v")))),
    ("opset", "The operator set is version 13", member("step.onnx", lambda c: c + protobuf.message(8, protobuf.integer(2, 14)))),
    ("ir-version", "The IR version is 3 to 8", member("step.onnx", lambda c: c + protobuf.integer(1, 9))),
    ("producer", "The producer is empty or spikelet", member("step.onnx", lambda c: c + protobuf.text(2, "other"))),
    ("wire-type", "Only wire types 0 and 2 are read", member("step.onnx", lambda c: c + protobuf.float32(1, 8))),
    ("number-length", "A number has at most 10 bytes", member("step.onnx", lambda c: c + b"\x08\x88" + b"\x80" * 9 + b"\x00")),
    ("text", "A text is ASCII", member("step.onnx", lambda c: c + protobuf.message(7, protobuf.text(2, "é")))),
    ("attribute", "Only the listed attributes occur", member("step.onnx", lambda c: c + _node("Add", attribute=("alpha", 2)))),
    ("attribute-type", "The type of an attribute is that of its value",
     member("step.onnx", lambda c: c + _node("Flatten", attribute=("axis", 7)))),
    ("input-type", "Inputs and outputs are of type FLOAT", member("step.onnx", lambda c: c + _input(6, protobuf.integer(1, 2)))),
    ("input-axis", "An axis of an input has a size or a name", member("step.onnx", lambda c: c + _input(1, b""))),
    ("tensor-type", "A tensor is of a type of a bundle, or BOOL", member("step.onnx", lambda c: c + _tensor(7, bytes(8), 1))),
    ("tensor-size", "The bytes of a tensor are those of its type and shape", member("step.onnx", lambda c: c + _tensor(1, bytes(8), 1))),
    ("tensor-empty", "No axis of a tensor is 0", member("step.onnx", lambda c: c + _tensor(1, b"", 0))),
    ("no-model", "step.onnx is an ONNX model", member("step.onnx", lambda c: b"\xff" * 12)),
):  # fmt: skip
    refusal(f"step-{name}", "step", rule, content)


def _flipped(name: str, index: int, value: int) -> bytes:
    from conformance_vectors.breaking import golden

    def change(tensors: dict) -> None:
        tensors[name].reshape(-1)[index] ^= value

    return golden(change)()


differing(
    "differs-spike",
    "One spike of the golden data differs from that of the network",
    lambda: _flipped("spikes.if1", 0, 128),
)
differing(
    "differs-logit", "One logit of the golden data differs from that of the network", lambda: _flipped("logits", 3, 1)
)
differing(
    "differs-step-model",
    "step.onnx of another writer (lowering_version 0) computes another network: one threshold differs",
    member("step.onnx", lambda content: _other_step()),
)
differing(
    "differs-no-step-model",
    "step.onnx of another writer (lowering_version 0) is empty, as of a writer without ONNX",
    member("step.onnx", lambda content: b""),
)
