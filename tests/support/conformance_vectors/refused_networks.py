"""Refused files: tensors, names, graph, arrays, numbers, exactness and golden data."""

from __future__ import annotations

import numpy as np

from conformance_vectors.breaking import (
    GOLDEN,
    WEIGHTS,
    Tensors,
    Tree,
    golden,
    graph,
    header,
    manifest,
    member,
    network,
    weights,
)
from conformance_vectors.sketch import Sketch, numbers
from conformance_vectors.vector import refusal


def cast(tensors: Tensors, name: str, dtype: str) -> None:
    """Change the element type of a tensor."""
    tensors[name] = tensors[name].astype(dtype)


def put(tensors: Tensors, name: str, value: float, index: int = 0) -> None:
    """Change one element."""
    tensors[name] = tensors[name].copy()
    tensors[name].reshape(-1)[index] = value


def reshaped(tree: Tree, data: bytes, **entry: object) -> None:
    """Change an entry of a header."""
    tree["fc.weight"].update(entry)


def _gap(tree: Tree, data: bytes) -> bytes:
    for entry in tree.values():
        entry["data_offsets"] = [offset + 8 for offset in entry["data_offsets"]]
    return bytes(8) + data


def _overlap(tree: Tree, data: bytes) -> bytes:
    tree["copy.bias"] = dict(tree["fc.bias"])
    return data


def _scalar_type(code: str, width: int):
    def change(tree: Tree, data: bytes) -> bytes:
        last = list(tree)[-1]
        begin, end = tree[last]["data_offsets"]
        count = (end - begin) // 4
        tree[last] = {"dtype": code, "shape": [count], "data_offsets": [begin, begin + count * width]}
        return data[:begin] + bytes([1] * count * width)

    return change


for name, rule, content in (
    ("metadata", "__metadata__ is refused", header(lambda t, d: t.update(__metadata__={"format": "np"}))),
    ("gap", "The first tensor begins at 0", header(_gap)),
    ("overlap", "Tensors do not overlap", header(_overlap)),
    ("beyond", "The last tensor ends with the member", header(lambda t, d: d[:-1])),
    ("remainder", "The last tensor ends with the member", header(lambda t, d: d + b"\0")),
    ("size", "The product of shape and element size is the length", header(lambda t, d: reshaped(t, d, shape=[3, 3]))),
    ("key-added", "An entry has exactly three keys", header(lambda t, d: reshaped(t, d, strides=[2, 1]))),
    ("dtype-f64", "F64 is not a type of a bundle", header(_scalar_type("F64", 8))),
    ("dtype-i64", "I64 is not a type of a bundle", header(_scalar_type("I64", 8))),
    ("dtype-bf16", "BF16 is not a type of a bundle", header(_scalar_type("BF16", 2))),
    ("axes", "A tensor has at most 8 axes", header(lambda t, d: reshaped(t, d, shape=[1] * 7 + [3, 2]))),
    ("shape-fraction", "Sizes are whole numbers", header(lambda t, d: reshaped(t, d, shape=[3.0, 2]))),
    ("shape-negative", "Sizes are 0 or more", header(lambda t, d: reshaped(t, d, shape=[-3, -2]))),
    ("offset-false", "Offsets are whole numbers", header(lambda t, d: t["input.mean"].update(data_offsets=[False, 4]))),
    ("entry-list", "An entry is an object", header(lambda t, d: t.update({"fc.bias": [1, 2]}))),
    ("header-space", "The header begins with {", member(WEIGHTS, lambda c: c[:8] + b" " + c[8:].replace(b"} ", b"}", 1))),
    ("header-beyond", "The header ends within the member", member(GOLDEN, lambda c: (2**40).to_bytes(8, "little") + c[8:])),
    ("empty", "No tensor is empty", weights(lambda t: t.update({"fc.bias": t["fc.bias"][:0]}))),
    ("golden-metadata", "__metadata__ is refused, in golden.safetensors too",
     header(lambda t, d: t.update(__metadata__={}), GOLDEN)),
):  # fmt: skip
    refusal(f"tensors-{name}", "tensors", rule, content)


def renamed(old: str, new: str):
    """Give a node another name everywhere."""

    def content() -> bytes:
        def in_graph(tree: Tree) -> None:
            for node in tree["graph"]["nodes"]:
                node["name"] = new if node["name"] == old else node["name"]
            tree["graph"]["edges"] = [[new if end == old else end for end in edge] for edge in tree["graph"]["edges"]]

        from conformance_vectors import breaking

        members = dict(breaking.base())
        for item in (WEIGHTS, GOLDEN):
            head, data = breaking.header_of(members[item])
            moved = {}
            for key, entry in head.items():
                key = f"{new}.{key.rpartition('.')[2]}" if key.rpartition(".")[0] == old else key
                moved[f"spikes.{new}" if key == f"spikes.{old}" else key] = entry
            members[item] = breaking.with_header(moved, data)
        return breaking.pack(breaking.fitted(members, in_graph))

    return content


for name, rule, new in (
    ("digit-first", "A name begins with a letter or _", "1st"),
    ("empty", "A name has 1 character or more", ""),
    ("length", "A name has at most 64 characters", "n" * 65),
    ("colon", "A name contains no colon", "s:if1"),
    ("slash", "A name contains no slash", "../if1"),
    ("space", "A name contains no space", "if 1"),
    ("letter", "The letters of a name are ASCII", "ïf1"),
    ("digit", "The digits of a name are ASCII", "if١"),
):
    refusal(f"names-{name}", "names", rule, renamed("if1", new))
refusal("names-twice", "names", "Names are unique", graph(lambda g: g["nodes"].append(dict(g["if1"]))))


def edge(source: str, target: str):
    """Append an edge."""
    return lambda g: g["edges"].append([source, target])


def node(name: str, kind: str, *edges: list[str], **attributes: object):
    """Append a node without arrays, and edges."""

    def change(g: Tree) -> None:
        g["nodes"].append({"name": name, "kind": kind, **attributes})
        g["edges"] += edges

    return change


def rewired(old: list[str], *new: list[str]):
    """Replace an edge."""

    def change(g: Tree) -> None:
        g["edges"].remove(old)
        g["edges"] += new

    return change


def _node(tree: Tree, name: str) -> Tree:
    (node,) = (node for node in tree["graph"]["nodes"] if node["name"] == name)
    return node


def _high(tree: Tree) -> None:
    _node(tree, "input")["high"] = 2**15
    tree["exact_steps"] = 4


def _true_copies(tree: Tree) -> None:
    """A reader that takes true for 1 finds a valid network."""
    _node(tree, "if1")["copies"] = True
    tree["ir_version"] = 2


def attribute(name: str, base: str = "picture", **values: object):
    """Change attributes of a node."""
    return graph(lambda g: g[name].update(values), base)


def _image() -> Sketch:
    net = Sketch((2, 1, 1))
    net.neuron("if1", [1, 2])
    return net.output()


def _kernel() -> Sketch:
    net = Sketch((1, 2, 4))
    net.conv("conv", numbers("a", (2, 1, 4, 4), -7, 7), padding=(0, 1))
    net.neuron("if1", [1, 2])
    net.add("Flatten", "flatten", {})
    return net.readout("fc", numbers("b", (2, 6), -7, 7))


def _integrator() -> Sketch:
    net = Sketch((2,))
    net.neuron("if1", [1, 2])
    net.add("LI", "trace", {"decay": np.array([1, 1], np.int32)})
    return net.output()


for name, rule, content in (
    ("kind", "The kind is one of those in the table", graph(lambda g: g["if1"].update(kind="Izhikevich"))),
    ("kind-case", "Kinds are written as in the table", graph(lambda g: g["if1"].update(kind="if"))),
    ("key-added", "graph has exactly nodes and edges", graph(lambda g: g["graph"].update(groups=[]))),
    ("nodes-object", "nodes is a list", graph(lambda g: g["graph"].update(nodes={}))),
    ("attribute-added", "A node has the attributes of its kind and no others", attribute("if1", "small", refractory=2)),
    ("attribute-missing", "A node has all attributes of its kind", graph(lambda g: g["if1"].pop("tie"))),
    ("edge-unknown", "An edge joins nodes", graph(edge("if1", "nowhere"))),
    ("edge-twice", "An edge occurs once", graph(edge("left", "add"), "picture")),
    ("edge-three", "An edge is [from, to]", graph(lambda g: g["edges"][0].append("fc"))),
    ("cycle", "There is no cycle",
     graph(lambda g: (node("loop", "Add", ["input", "loop"], ["if1", "loop"], ["loop", "fc"])(g),
                      g["edges"].remove(["input", "fc"])))),
    ("two-inputs", "There is one Input", graph(node("other", "Add", ["input", "other"]), "small")),
    ("no-output", "There is one Output", graph(lambda g: g["output"].update(kind="Flatten") or g["output"].pop("scale"))),
    ("two-outputs", "There is one Output", graph(node("second", "Output", ["out", "second"], scale=1.0))),
    ("dead-end", "Every node but Output has an outgoing edge", graph(node("end", "Flatten", ["first", "end"]), "picture")),
    ("island", "Every node but Input has an incoming edge", graph(node("lone", "Flatten", ["lone", "left"]), "picture")),
    ("self-loop", "There is no cycle, not even of one node", graph(edge("add", "add"), "picture")),
    ("edge-into-input", "Input has no incoming edge", graph(edge("if1", "input"))),
    ("edge-from-output", "Output has no outgoing edge", graph(edge("output", "fc"))),
    ("add-of-one", "Add has two incoming edges or more",
     graph(lambda g: (g["edges"].remove(["right", "add"]), g["edges"].remove(["first", "right"]), g["nodes"].remove(g["right"])),
           "picture")),
    ("if-of-two", "An IF has one incoming edge", graph(edge("input", "if1"))),
    ("conv-of-two", "A Conv2d has one incoming edge; values are added by an Add", graph(edge("first", "conv"), "picture")),
    ("add-shapes", "Add takes equal shapes", attribute("right", kernel=[2, 1], stride=[2, 1])),
    ("linear-on-image", "Linear takes (F,)",
     graph(lambda g: (g["edges"].remove(["leaky", "flatten"]), g["edges"].remove(["flatten", "fc"]),
                      g["edges"].append(["leaky", "fc"]), g["nodes"].remove(g["flatten"])), "picture")),
    ("pool-on-features", "SumPool2d takes (C, H, W)",
     graph(lambda g: (rewired(["if1", "out"], ["if1", "p"])(g), node("p", "SumPool2d", ["p", "out"], kernel=[1, 1], stride=[1, 1])(g)))),
    ("flatten-of-features", "Flatten takes (C, H, W)",
     graph(lambda g: (rewired(["if1", "out"], ["if1", "f"])(g), node("f", "Flatten", ["f", "out"])(g)))),
    ("output-of-image", "Output takes (K,)", network(_image())),
    ("pool-too-large", "A kernel is at most as large as its input", attribute("pool", kernel=[5, 2])),
    ("conv-too-large", "A kernel is at most as large as its padded input", network(_kernel())),
    ("stride-0", "A stride is 1 or more", attribute("conv", stride=[0, 1])),
    ("stride-one-number", "A stride is [height, width]", attribute("pool", stride=2)),
    ("stride-three", "A stride is [height, width]", attribute("pool", stride=[2, 2, 1])),
    ("padding-negative", "Padding is 0 or more", attribute("conv", padding=[-1, 1])),
    ("padding-fraction", "Padding is a whole number", attribute("conv", padding=[1.0, 1])),
    ("groups-0", "groups is 1 or more", attribute("conv", groups=0)),
    ("groups-divide", "groups divides the outputs", attribute("conv", groups=3)),
    ("shape-two-axes", "shape is (C, H, W) or (F,)", attribute("input", "small", shape=[1, 2])),
    ("shape-0", "Sizes are 1 or more", attribute("input", "small", shape=[0])),
    ("attribute-large", "A number of an attribute is at most 2^28", attribute("pool", stride=[2**28 + 1, 2])),
    ("elements", "A value has at most 2^28 elements", attribute("conv", padding=[2**20, 2**20])),
    ("reset", "reset is one of those in the table", attribute("if1", "small", reset="soft")),
    ("reset-late-if", "Reset subtract-late is for LIF", attribute("if1", "small", reset="subtract-late")),
    ("reset-late-exact", "Reset subtract-late is for float32", attribute("leaky", reset="subtract-late")),
    ("tie", "tie is one of those in the table", attribute("if1", "small", tie=">==")),
    ("copies-0", "copies is 1 or more", attribute("first", "copied", copies=0)),
    ("copies-256", "copies is at most 255", attribute("first", "copied", copies=256)),
    ("copies-fraction", "copies is a whole number", attribute("first", "copied", copies=3.0)),
    ("copies-true", "true is not a number", manifest(_true_copies)),
    ("copies-of-version-1", "Copies require ir_version 2", manifest(lambda m: m.update(ir_version=1), "copied")),
    ("copies-of-a-scale", "Only IF and LIF have copies", attribute("left", copies=1)),
    ("no-neurons", "There is at least one IF or LIF", network(Sketch((2,)).readout("fc", [[1, 2], [3, 4]]))),
):  # fmt: skip
    refusal(f"graph-{name}", "graph", rule, content)

for name, rule, content in (
    ("missing", "Every array of a node is present", weights(lambda t: t.pop("fc.bias"))),
    ("added", "Every tensor belongs to a node", weights(lambda t: t.update({"fc.mask": t["fc.bias"]}))),
    ("mixed", "All arrays are integers, or float32", weights(lambda t: cast(t, "fc.weight", "float32"))),
    ("mean-float", "The mean of an exact network consists of integers", weights(lambda t: cast(t, "input.mean", "float32"))),
    ("unsigned", "U8 is for spikes only", weights(lambda t: cast(t, "if1.theta", "uint8"))),
    ("axes", "A weight of Linear has two axes", weights(lambda t: t.update({"fc.weight": t["fc.weight"][None]}))),
    ("features", "A weight has one column per feature", weights(lambda t: t.update({"fc.weight": t["fc.weight"][:, :1]}))),
    ("bias-length", "A bias has one value per output", weights(lambda t: t.update({"fc.bias": t["fc.bias"][:2]}))),
    ("theta-length", "theta has one value per channel",
     weights(lambda t: t.update({key: t[key][:1] for key in ("if1.theta", "if1.v_init")}))),
    ("v-init-length", "v_init has one value per channel", weights(lambda t: t.update({"if1.v_init": t["if1.v_init"][:1]}))),
    ("v-init-copies", "v_init has one value per copy and channel",
     weights(lambda t: t.update({"first.v_init": t["first.v_init"][::3]}), "copied")),
    ("theta-copies", "theta has one value per channel, not per copy",
     weights(lambda t: t.update({"first.theta": np.repeat(t["first.theta"], 3)}), "copied")),
    ("mean-length", "mean has one value per channel", weights(lambda t: t.update({"input.mean": t["input.mean"][:1]}))),
    ("channels", "A weight of Conv2d has C / groups channels",
     weights(lambda t: t.update({"conv.weight": np.repeat(t["conv.weight"], 2, 1)}), "picture")),
    ("scale-length", "scale has one value per channel",
     weights(lambda t: t.update({"left.scale": t["left.scale"][:3]}), "picture")),
    ("li-exact", "LI is for float32", network(_integrator())),
):  # fmt: skip
    refusal(f"weights-{name}", "weights", rule, content)

for name, rule, content in (
    ("theta-0", "theta is above 0", weights(lambda t: put(t, "if1.theta", 0))),
    ("theta-negative", "theta is above 0", weights(lambda t: put(t, "if1.theta", -300))),
    ("shift-0", "A shift is 1…24", weights(lambda t: put(t, "leaky.decay", 0), "picture")),
    ("shift-25", "A shift is 1…24", weights(lambda t: put(t, "leaky.decay", 25), "picture")),
    ("decay-0", "A factor is above 0", weights(lambda t: put(t, "spikes.decay", 0), "real")),
    ("decay-above-1", "A factor is at most 1", weights(lambda t: put(t, "trace.decay", 1 + 2**-23), "real")),
    ("mean", "A mean lies in -2^15…2^15",
     weights(lambda t: (cast(t, "input.mean", "int32"), put(t, "input.mean", 2**15 + 1)), exact_steps=4)),
    ("low-high", "low is below high", attribute("input", "small", low=255)),
    ("high", "high is at most 2^15 - 1", manifest(_high)),
    ("low-fraction", "low is a whole number", attribute("input", "small", low=0.0)),
    ("scale-0", "Output.scale is 2^-64 or more", attribute("output", "small", scale=0)),
    ("scale-negative", "Output.scale is above 0", attribute("output", "small", scale=-1)),
    ("scale-large", "Output.scale is at most 2^64", attribute("output", "small", scale=1e307)),
    ("scale-text", "Output.scale is a number", attribute("output", "small", scale="1.0")),
    ("scale-true", "true is not a number", attribute("output", "small", scale=True)),
    ("nan", "Arrays are finite", weights(lambda t: put(t, "fc.weight", np.nan), "real")),
    ("infinity", "Arrays are finite", weights(lambda t: put(t, "spikes.v_init", -np.inf), "real")),
    ("value-beyond", "No value of a float32 network can exceed 2^96",
     weights(lambda t: put(t, "fc.weight", 2.0**78), "real")),
    ("bias-beyond", "No value of a float32 network can exceed 2^96", weights(lambda t: put(t, "out.bias", 2.0**97), "real")),
    ("theta-small", "theta is 2^-96 or more", weights(lambda t: put(t, "spikes.theta", 2.0**-97), "real")),
    ("theta-large", "theta is at most 2^96", weights(lambda t: put(t, "spikes.theta", 2.0**97), "real")),
    ("theta-over-decay", "theta / decay is at most 2^96, with reset subtract-late",
     weights(lambda t: (put(t, "spikes.theta", 2.0**90), put(t, "spikes.decay", 2.0**-7)), "real")),
    ("v-init", "v_init is at most 2^96 in magnitude", weights(lambda t: put(t, "spikes.v_init", -(2.0**97)), "real")),
):  # fmt: skip
    refusal(f"numbers-{name}", "numbers", rule, content)


def _without_input(tensors: Tensors) -> None:
    tensors["fc.weight"][:] = tensors["fc.bias"][:] = 0
    cast(tensors, "if1.theta", "int32")
    cast(tensors, "if1.v_init", "int32")
    put(tensors, "if1.theta", 2**24)
    put(tensors, "if1.v_init", 1)


for name, rule, content in (
    ("weight-beyond-bits", "Weights lie within bits", weights(lambda t: put(t, "out.weight", 8, 2), bits=4)),
    ("weight-below-bits", "Weights lie within bits", weights(lambda t: put(t, "fc.weight", -9, 2), bits=4, exact_steps=4)),
    ("scale-beyond-bits", "Factors of Scale lie within bits", weights(lambda t: put(t, "left.scale", 8), "picture", bits=4)),
    ("more-steps", "exact_steps is at most the proven number", manifest(lambda m: m.update(exact_steps=13159))),
    ("one-step", "No sum can exceed 2^24 in magnitude in one time-step",
     weights(lambda t: (cast(t, "fc.bias", "int32"), put(t, "fc.bias", 2**24)), "once", exact_steps=1)),
    ("partial-sum", "No partial sum can exceed 2^24 in magnitude, even if terms of the other sign follow",
     weights(lambda t: put(t, "fc.bias", 2**24 - 500), "once", exact_steps=1)),
    ("threshold", "Thresholds and initial potentials permit at least one time-step",
     weights(lambda t: put(t, "if1.theta", 2**24), "once", exact_steps=1)),
    ("v-init", "Initial potentials count by their magnitude", weights(lambda t: put(t, "if1.v_init", -(2**31)), "once", exact_steps=1)),
    ("threshold-without-input", "A threshold is at most 2^24 less the initial potential, even if its neuron has no input",
     weights(_without_input, "once", exact_steps=1)),
):  # fmt: skip
    refusal(f"exactness-{name}", "exactness", rule, content)

for name, rule, content in (
    ("pixel-above", "Golden inputs are at most high", golden(lambda t: put(t, "input", 256))),
    ("pixel-below", "Golden inputs are at least low", golden(lambda t: put(t, "input", -1))),
    ("pixel-nan", "Golden inputs are numbers", golden(lambda t: put(t, "input", np.nan), "real")),
    ("logit-infinite", "Logits are at most 2^96 in magnitude", golden(lambda t: put(t, "logits", np.inf), "real")),
    ("logit-nan", "Logits are numbers", golden(lambda t: put(t, "logits", np.nan), "real")),
    ("padding-bits", "Unused bits of the last byte are 0", golden(lambda t: put(t, "spikes.if1", 1))),
    ("spikes-missing", "There are spikes of each IF and LIF", golden(lambda t: t.pop("spikes.if1"))),
    ("spikes-added", "There are no spikes of other nodes", golden(lambda t: t.update({"spikes.fc": t["spikes.if1"]}))),
    ("potentials", "There are no potentials", golden(lambda t: t.update(potentials=t["logits"]))),
    ("input-dtype", "Golden inputs of an exact bundle are I16", golden(lambda t: cast(t, "input", "uint8"))),
    ("input-dtype-float32", "Golden inputs of a float32 bundle are F32", golden(lambda t: cast(t, "input", "int16"), "real")),
    ("logits-dtype", "Logits of an exact bundle are I32", golden(lambda t: cast(t, "logits", "int16"))),
    ("input-shape", "input is (N, *shape)", golden(lambda t: t.update(input=t["input"][..., None]))),
    ("input-sequence", "Golden inputs are constant", golden(lambda t: t.update(input=np.stack([t["input"]] * 4)))),
    ("samples", "input and logits have the same N", golden(lambda t: t.update(input=t["input"][:1]))),
    ("classes", "logits is (T, N, K)", golden(lambda t: t.update(logits=t["logits"][..., :1]))),
    ("logits-summed", "logits is (T, N, K), of each time-step", golden(lambda t: t.update(logits=t["logits"].sum(0, dtype=np.int32)))),
    ("spikes-bytes", "Spikes are packed, 8 to a byte", golden(lambda t: t.update({"spikes.if1": np.repeat(t["spikes.if1"], 3, 2)}))),
    ("spikes-steps", "Spikes have the T of the logits", golden(lambda t: t.update({"spikes.if1": t["spikes.if1"][:3]}))),
    ("steps", "T is at most exact_steps", manifest(lambda m: m.update(exact_steps=3))),
):  # fmt: skip
    refusal(f"golden-{name}", "golden", rule, content)
