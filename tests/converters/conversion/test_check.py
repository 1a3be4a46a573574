"""Faults in the import of an ONNX file are found by the comparison of the imported graph with its source.

A misreading gives the graph of another network. Therefore each fault is a change of the source: the changed source is
imported, and the imported graph is compared with the original source.
"""

import copy
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from converters_support import assert_misreading_is_refused, is_refused, misread, misread_averages, smooth_images
from onnx_forms import FORMS, RAW, RELU, SHAPE, body, conv, logits, model, n, pixels, tail
from spikelet.errors import ConversionError
from spikelet_converters.conversion.agreement import agree, agree_on_answers
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read

# ONNX: every attribute of every form that is left out, one after another


def without_attributes(nodes):
    """Yield (attribute, nodes without it) for every attribute."""
    for index, node in enumerate(nodes):
        for attribute in node.attribute:
            changed = [copy.deepcopy(other) for other in nodes]
            kept = [other for other in node.attribute if other.name != attribute.name]
            changed[index].ClearField("attribute")
            changed[index].attribute.extend(kept)
            yield f"{node.op_type}.{attribute.name}", changed


@pytest.mark.parametrize("form", [form for form in FORMS if "order" not in form])
def test_an_attribute_that_the_import_ignores(form, tmp_path):
    """The fault is found, or the import fails, or the attribute has no effect."""
    source = read(model(tmp_path / "a.onnx", FORMS[form]), RAW)
    expected = logits(source, pixels(SHAPE))
    for name, changed in without_attributes(FORMS[form]):
        try:
            other = read(model(tmp_path / "b.onnx", changed), RAW)
        except ConversionError:
            continue
        if np.allclose(logits(other, pixels(SHAPE)), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()):
            continue
        assert is_refused(misread(source, other)), name


# ONNX: parameters that are misread, behind every ending


def network(ending):
    """Return a network: convolution with uneven padding, batch norm, a clipped rectifier, a pool, linear layers, an ending."""
    nodes = [
        conv(pads=[0, 1, 1, 1], strides=[1, 2]),
        n("BatchNormalization", ["c", "gamma", "beta", "mean", "var"], ["bn"]),
        n("Clip", ["bn", "zero", "six"], ["r"]),
        conv(("r", "w2"), "c2", pads=[1] * 4), n("Relu", ["c2"], ["r2"]),
        *tail("r2")[:-1], n("Gemm", ["f", "f4", "bias"], ["z"], transB=1, alpha=0.5),
    ]  # fmt: skip
    if ending == "logits":
        return [*nodes, n("Identity", ["z"], ["y"])]
    return [*nodes, n(ending, ["z"], ["y"], **({} if ending == "Sigmoid" else {"axis": 1}))]


def saved(path, nodes, own=None):
    """Write the network; its output is an integer if it is an ArgMax."""
    model(path, nodes, own=own)
    if nodes[-1].op_type == "ArgMax":
        file = onnx.load(path)
        file.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
        onnx.save(file, path)
    return path


def tensor(name):
    from onnx_forms import weights

    return weights()[name]


ONNX_FAULTS = {
    "a bias is missing": {"b": 0 * tensor("b")},
    "the bias of the last layer is missing": {"bias": 0 * tensor("bias")},
    "the axes of a kernel are swapped": {"w": tensor("w").transpose(0, 1, 3, 2).copy()},
    "a kernel is mirrored": {"w2": tensor("w2")[:, :, ::-1].copy()},
    "channels are in another order": {"w": tensor("w")[:, ::-1].copy()},
    "mean and variance are swapped": {"mean": tensor("var"), "var": np.abs(tensor("mean"))},
    "the factor of batch norm is missing": {"gamma": np.ones(4, np.float32)},
    "the shift of batch norm is missing": {"beta": np.zeros(4, np.float32)},
    "the cap of a rectifier is ignored": {"six": np.float32(np.inf)},
    "the cap of a rectifier is another": {"six": np.float32(1.7)},
    "a linear layer is not transposed": {"f4": np.ascontiguousarray(np.resize(tensor("f4").T, (5, 4)))},
    "one weight is wrong": {"f4": np.where(np.arange(20).reshape(5, 4) == 7, -tensor("f4"), tensor("f4"))},
}
ATTRIBUTE_FAULTS = {
    "the padding is on the other side": (0, "pads", [1, 1, 0, 1]),
    "the strides are swapped": (0, "strides", [2, 1]),
    "the padding is missing": (3, "pads", [0] * 4),
    "a factor of a linear layer is ignored": (7, "alpha", 1.0),
    "epsilon is another": (1, "epsilon", 0.5),
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The network of each ending without a fault, compared with its source."""
    known = {}

    def of(ending):
        if ending not in known:
            known[ending] = read(saved(tmp_path_factory.mktemp("source") / "a.onnx", network(ending)))
            assert check_graph(known[ending], smooth_images(SHAPE) if ending == "ArgMax" else None) is not None
        return known[ending]

    return of


FAULTS = [*ONNX_FAULTS, *ATTRIBUTE_FAULTS]
# An ending changes how outputs are compared: every fault where they are logits or classes alone, some with each other.
BEHIND = {"logits": FAULTS, "ArgMax": FAULTS} | dict.fromkeys(("Softmax", "LogSoftmax", "Sigmoid"), FAULTS[::4])


@pytest.mark.parametrize(("ending", "fault"), [(ending, fault) for ending in BEHIND for fault in BEHIND[ending]])
def test_a_misread_onnx_file(sources, ending, fault, tmp_path):
    nodes, source = network(ending), sources(ending)
    if fault in ONNX_FAULTS:
        changed = read(saved(tmp_path / "b.onnx", nodes, ONNX_FAULTS[fault]))
    else:
        index, name, value = ATTRIBUTE_FAULTS[fault]
        nodes = [copy.deepcopy(node) for node in nodes]
        kept = [attribute for attribute in nodes[index].attribute if attribute.name != name]
        nodes[index].ClearField("attribute")
        nodes[index].attribute.extend([*kept, helper.make_attribute(name, value)])
        changed = read(saved(tmp_path / "b.onnx", nodes))
    assert is_refused(misread(source, changed), smooth_images(SHAPE) if ending == "ArgMax" else None)


@pytest.mark.parametrize("fault", ["b", "w1x1", "kernel", "stride"])
def test_a_fault_beside_max_pools_that_are_replaced(fault, tmp_path):
    def nodes(**pool):
        return [*body(RELU)[:2], n("MaxPool", ["r"], ["m"], **pool), conv(("m", "w1x1"), "d"),
                n("Relu", ["d"], ["e"]), *tail("e")]  # fmt: skip

    right = {"kernel_shape": [2, 2], "strides": [2, 2]}
    wrong = {"kernel": {**right, "kernel_shape": [3, 2]}, "stride": {**right, "strides": [2, 1]}}.get(fault, right)
    source = read(model(tmp_path / "a.onnx", nodes(**right)), RAW, max_pools="average")
    own = {fault: tensor(fault) * np.float32(1.1)} if wrong is right else {}
    changed = read(model(tmp_path / "b.onnx", nodes(**wrong), own=own), RAW, max_pools="average")
    assert_misreading_is_refused(source, changed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sw", np.float32(0.012)),
        ("za", np.uint8(0)),
        ("sa", np.float32(0.04)),
        ("qw", np.random.default_rng(9).integers(-127, 128, (6, 192)).astype(np.int8)),
        ("b1", np.zeros(6, np.float32)),
        ("w2", np.ones((3, 6), np.float32)),
    ],
)
def test_a_misread_quantised_file(name, value, tmp_path):
    rng = np.random.default_rng(0)
    own = {
        "qw": rng.integers(-127, 128, (6, 192)).astype(np.int8), "sw": np.float32(0.01), "zw": np.int8(0),
        "sx": np.float32(1 / 255), "zx": np.uint8(0), "b1": rng.normal(size=6).astype(np.float32) * 3,
        "sa": np.float32(0.08), "za": np.uint8(0), "w2": rng.standard_normal((3, 6)).astype(np.float32),
    }  # fmt: skip
    nodes = [
        n("QuantizeLinear", ["x", "sx", "zx"], ["xq"]), n("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
        n("Flatten", ["xd"], ["f"]), n("DequantizeLinear", ["qw", "sw", "zw"], ["w1"]),
        n("Gemm", ["f", "w1", "b1"], ["g"], transB=1), n("Relu", ["g"], ["r"]),
        n("QuantizeLinear", ["r", "sa", "za"], ["q"]), n("DequantizeLinear", ["q", "sa", "za"], ["d"]),
        n("Gemm", ["d", "w2"], ["y"], transB=1),
    ]  # fmt: skip
    source = read(model(tmp_path / "a.onnx", nodes, (3, 8, 8), own=own))
    if name == "za":
        own["za"] = np.uint8(100)
        source = read(model(tmp_path / "a.onnx", nodes, (3, 8, 8), own=own))
    changed = read(model(tmp_path / "b.onnx", nodes, (3, 8, 8), own={**own, name: value}))
    assert_misreading_is_refused(source, changed, smooth_images((3, 8, 8)))


def test_a_misread_mean_of_integers_at_ties(monkeypatch, tmp_path):
    """A mean of six integers is often at a tie if it has their scale: then ties explain large differences."""
    own = {"one": np.float32(1), "sq": np.float32(2.53), "s2": np.float32(0.418), "zero8": np.uint8(0)}

    def quantiser(source, scale):
        names = [scale, "zero8"]
        return [n("QuantizeLinear", [source, *names], [f"{source}q"]),
                n("DequantizeLinear", [f"{source}q", *names], [f"{source}d"])]  # fmt: skip

    nodes = [
        *quantiser("x", "one"), conv(("xd", "w", "b"), pads=[1] * 4), n("Relu", ["c"], ["q"]), *quantiser("q", "sq"),
        n("AveragePool", ["qd"], ["p"], kernel_shape=[2, 3], strides=[1, 2]), *quantiser("p", "sq"),
        conv(("pd", "w2"), "c2"), n("Relu", ["c2"], ["r"]), *quantiser("r", "s2"), *tail("rd"),
    ]  # fmt: skip
    path = model(tmp_path / "a.onnx", nodes, own=own)
    assert check_graph(read(path, RAW), None) is not None

    misread_averages(monkeypatch)
    source = read(path, RAW)
    assert not is_refused(replace(source, perturbed=None))  # the ties explain the difference
    assert is_refused(source)


def test_nan_in_the_source_is_refused(tmp_path):
    source = read(model(tmp_path / "a.onnx", body(RELU)), RAW)
    broken = replace(source, predict=lambda inputs: source.predict(inputs) * np.inf)
    with pytest.raises(ConversionError, match="returns NaN or infinity for random inputs; check its weights"):
        check_graph(broken, None)


@pytest.mark.parametrize("name", ["w", "b", "gamma", "mean", "f4", "bias"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_in_weights_is_refused_by_name(name, value, tmp_path):
    nodes = network("logits")
    index, user = next((index, node) for index, node in enumerate(nodes) if name in node.input)
    with pytest.raises(ConversionError, match=rf"node #{index} \({user.op_type}\): .*NaN or infinity"):
        read(saved(tmp_path / "a.onnx", nodes, {name: np.full_like(tensor(name), value)}))


def test_a_negative_variance_is_refused_by_name(tmp_path):
    with pytest.raises(ConversionError, match=r"node #1 \(BatchNormalization\): has a variance of -1"):
        read(saved(tmp_path / "a.onnx", network("logits"), {"var": np.full(4, -1, np.float32)}))


def test_a_constant_is_read_from_the_file(tmp_path):
    """A changed initializer changes the source, too: the graph is compared with the file, not with the values read from it."""
    path = model(tmp_path / "a.onnx", body(RELU))
    before = read(path, RAW).predict(pixels(SHAPE))
    file = onnx.load(path)
    bias = next(tensor for tensor in file.graph.initializer if tensor.name == "b")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 1, "b"))
    onnx.save(file, path)
    assert not np.allclose(read(path, RAW).predict(pixels(SHAPE)), before)


def test_shifted_thresholds_are_evaluated_only_if_the_outputs_differ():
    """They cost several evaluations of the network, which takes minutes for a large one."""
    calls = []

    def moved():
        calls.append(1)
        return [outputs + 0.5]

    outputs = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    agree("inputs", outputs, outputs + 1e-6, moved)
    agree_on_answers("inputs", outputs.argmax(1), outputs, moved)
    assert not calls
    agree("inputs", outputs, outputs + 0.05, moved)
    assert calls == [1]
    with pytest.raises(ConversionError, match="other predictions"):
        agree_on_answers("inputs", outputs.argmin(1), outputs, moved)
    assert calls == [1, 1]


@pytest.mark.parametrize(
    ("difference", "ties", "limit", "explained"),
    [(0.1, 0.06, 0.2, True), (0.1, 0.04, 0.2, False), (0.25, 0.2, 0.2, False), (0.25, 0.2, np.inf, True)],
)
def test_ties_explain_differences_of_their_size_that_are_not_too_large(difference, ties, limit, explained):
    """Root mean squares, relative to the largest logit of each input."""
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(8, 10)).astype(np.float32)
    signs = rng.choice([-1, 1], outputs.shape) * np.abs(outputs).max(1, keepdims=True)
    logits = (outputs + difference * signs).astype(np.float32)
    moved = (logits + ties * signs).astype(np.float32)
    if explained:
        assert agree("inputs", outputs, logits, lambda: [logits, moved], tied=limit).largest > 0
    else:
        with pytest.raises(ConversionError, match="computes other outputs than the network on inputs"):
            agree("inputs", outputs, logits, lambda: [logits, moved], tied=limit)


def test_faint_logits_are_compared_relative_to_those_of_other_inputs():
    """Rounding is proportional to the sums in a network, which may cancel for one input."""
    outputs = np.array([[1, -1], [1e-4, -1e-4]], np.float32)
    agree("inputs", outputs, outputs + np.array([[0, 0], [5e-6, 0]], np.float32))
    with pytest.raises(ConversionError, match="computes other outputs"):
        agree("inputs", outputs, outputs + np.array([[0, 0], [2e-5, 0]], np.float32))
