"""Faults planted in every importer are found by the comparison of the imported graph with its source.

A network that an importer misreads is another network, read rightly. So each fault is a change of the source: the
imported graph is that of the changed source, and is compared with the source as it was.
"""

import copy
import re
from dataclasses import replace

import nir
import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn
from torch.ao.quantization import FakeQuantize, MinMaxObserver

from onnx_forms import FORMS, RAW, RELU, SHAPE, body, conv, logits, model, n, pixels, tail
from spikelet.data import ImageSet
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.nir import from_nir
from spikelet_converters.frontends.onnx import read
from spikelet_converters.frontends.torch import from_module, from_program

FOUND = "the imported graph (computes other outputs|gives other answers) "


def misread(source, changed):
    """The source, imported as the changed one."""
    return replace(changed, predict=source.predict, logits=source.logits, simulate=source.simulate)


def images(shape, count=12):
    """Smooth images."""
    rng = np.random.default_rng(5)
    x = np.clip(rng.integers(0, 200, (count, shape[0], 1, 1)) + rng.integers(0, 60, (count, *shape)), 0, 255)
    return ImageSet(x.astype(np.uint8), None, None, "images")


def is_refused(source, data=None):
    """Whether the comparison refuses the imported graph."""
    try:
        check_graph(source, data)
    except ConversionError as error:
        return re.match(FOUND, str(error)) is not None
    return False


def assert_found(source, changed, data=None):
    assert check_graph(source, data) is not None
    assert is_refused(misread(source, changed), data)


# ONNX: every attribute of every form that is left out, one after another


def without_attributes(nodes):
    """(attribute, nodes without it) for every attribute."""
    for index, node in enumerate(nodes):
        for attribute in node.attribute:
            changed = [copy.deepcopy(other) for other in nodes]
            kept = [other for other in node.attribute if other.name != attribute.name]
            changed[index].ClearField("attribute")
            changed[index].attribute.extend(kept)
            yield f"{node.op_type}.{attribute.name}", changed


@pytest.mark.parametrize("form", [form for form in FORMS if "order" not in form])
def test_an_attribute_that_the_import_ignores(form, tmp_path):
    """It is found, or the imported graph could not be built, or it changes nothing."""
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
    """Convolution with uneven padding, batch norm, a rectifier with a cap, a pool, linear layers, an ending."""
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
        whole = onnx.load(path)
        whole.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
        onnx.save(whole, path)
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


@pytest.mark.parametrize("ending", ["logits", "Softmax", "LogSoftmax", "Sigmoid", "ArgMax"])
@pytest.mark.parametrize("fault", [*ONNX_FAULTS, *ATTRIBUTE_FAULTS])
def test_a_misread_onnx_file(ending, fault, tmp_path):
    nodes = network(ending)
    source = read(saved(tmp_path / "a.onnx", nodes))
    if fault in ONNX_FAULTS:
        changed = read(saved(tmp_path / "b.onnx", nodes, ONNX_FAULTS[fault]))
    else:
        index, name, value = ATTRIBUTE_FAULTS[fault]
        nodes = [copy.deepcopy(node) for node in nodes]
        kept = [attribute for attribute in nodes[index].attribute if attribute.name != name]
        nodes[index].ClearField("attribute")
        nodes[index].attribute.extend([*kept, helper.make_attribute(name, value)])
        changed = read(saved(tmp_path / "b.onnx", nodes))
    assert_found(source, changed, images(SHAPE) if ending == "ArgMax" else None)


@pytest.mark.parametrize("fault", ["b", "w1x1", "kernel", "stride"])
def test_a_fault_beside_max_pools_that_are_replaced(fault, tmp_path):
    def nodes(**pool):
        return [*body(RELU)[:2], n("MaxPool", ["r"], ["m"], **pool), conv(("m", "w1x1"), "d"),
                n("Relu", ["d"], ["e"]), *tail("e")]  # fmt: skip

    right = {"kernel_shape": [2, 2], "strides": [2, 2]}
    wrong = {"kernel": {**right, "kernel_shape": [3, 2]}, "stride": {**right, "strides": [2, 1]}}.get(fault, right)
    source = read(model(tmp_path / "a.onnx", nodes(**right)), RAW, average_pools=True)
    own = {fault: tensor(fault) * np.float32(1.1)} if wrong is right else {}
    changed = read(model(tmp_path / "b.onnx", nodes(**wrong), own=own), RAW, average_pools=True)
    assert_found(source, changed)


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
    assert_found(source, changed, images((3, 8, 8)))


# torch modules and exported programs


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.conv, self.bn = nn.Conv2d(3, 4, 3, padding=1, stride=(1, 2)), nn.BatchNorm2d(4)
        self.pool, self.cap = nn.AvgPool2d(2), nn.ReLU6()
        self.conv2, self.fc = nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.Linear(4 * 4 * 2, 5)
        with torch.no_grad():
            self.conv.weight *= 30
            self.bn.running_mean.copy_(torch.randn(4))
            self.bn.running_var.copy_(torch.rand(4) * 4)

    def forward(self, x):
        x = self.pool(self.cap(self.bn(self.conv(x))))
        return self.fc(torch.relu(self.conv2(x) + x).flatten(1))


def change(module, **parameters):
    with torch.no_grad():
        for name, value in parameters.items():
            setattr(module, name, value(getattr(module, name)))


TORCH_FAULTS = {
    "a bias is missing": lambda m: change(m.conv2, bias=lambda b: None),
    "epsilon is ignored": lambda m: change(m.bn, eps=lambda e: 0.5),
    "the running mean is ignored": lambda m: m.bn.running_mean.zero_(),
    "the running variance is ignored": lambda m: m.bn.running_var.fill_(1),
    "the cap is ignored": lambda m: setattr(m, "cap", nn.ReLU()),
    "the kernel is transposed": lambda m: change(m.conv, weight=lambda w: nn.Parameter(w.transpose(2, 3))),
    "the groups are in another order": lambda m: change(m.conv2, weight=lambda w: nn.Parameter(w.flip(0))),
    "the linear layer has another order": lambda m: change(m.fc, weight=lambda w: nn.Parameter(w.roll(1, 1))),
    "the strides are swapped": lambda m: (
        change(m.conv, stride=lambda s: (2, 1)),
        change(m.fc, weight=lambda w: nn.Parameter(w)),
    ),
}


@pytest.mark.parametrize("fault", [fault for fault in TORCH_FAULTS if "swapped" not in fault])
@pytest.mark.parametrize("exported", [False, True])
def test_a_misread_torch_network(fault, exported):
    def imported(module):
        if not exported:
            return from_module(module, (3, 8, 8), RAW)
        program = torch.export.export(module.eval(), (torch.zeros(2, 3, 8, 8),))
        return from_program(program, RAW)

    source, changed = Plain().eval(), Plain().eval()
    TORCH_FAULTS[fault](changed)
    assert_found(imported(source), imported(changed))


@pytest.mark.parametrize("fault", ["scale", "levels", "weights", "bias"])
def test_a_misread_quantisation_aware_network(fault):
    def quantised_module(scale=0.5, levels=7):
        torch.manual_seed(4)
        quantiser = FakeQuantize(observer=MinMaxObserver, quant_min=0, quant_max=levels, dtype=torch.quint8)
        quantiser.scale.fill_(scale)
        quantiser.disable_observer()
        return nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), quantiser, nn.Linear(16, 4)).eval()

    source = quantised_module()
    changed = quantised_module(**{"scale": {"scale": 0.55}, "levels": {"levels": 5}}.get(fault, {}))
    if fault == "weights":
        change(changed[4], weight=lambda w: nn.Parameter(w * 1.1))
    if fault == "bias":
        change(changed[1], bias=lambda b: nn.Parameter(b * 0 + 1))
    assert_found(*(from_module(m, (3, 4, 4), Preprocessing((0.5,), (0.1,))) for m in (source, changed)))


# spiking sources


class Snn(nn.Module):
    def __init__(self, **options):
        super().__init__()
        snn = pytest.importorskip("snntorch")
        torch.manual_seed(6)
        self.fc1, self.fc2 = nn.Linear(6, 12), nn.Linear(12, 3)
        self.lif = snn.Leaky(**{"beta": 0.8, "threshold": 40.0, "init_hidden": True, **options})

    def forward(self, x):
        return self.fc2(self.lif(self.fc1(x)))


@pytest.mark.parametrize(
    "options", [{"beta": 0.9}, {"threshold": 30.0}, {"reset_mechanism": "zero"}, {"beta": 1.0}, "bias"], ids=str
)
def test_a_misread_spiking_network(options):
    source, changed = Snn(), Snn(**({} if options == "bias" else options))
    if options == "bias":
        change(changed.fc2, bias=lambda b: None)
    assert_found(*(from_module(m.eval(), (6,), RAW) for m in (source, changed)))


def test_the_states_of_a_spiking_network_are_not_those_of_an_earlier_comparison():
    network = Snn().eval()
    source = from_module(network, (6,), RAW)
    steps = np.random.default_rng(0).integers(0, 256, (4, 3, 6)).astype(np.float32)
    first = source.simulate(steps)
    network(torch.ones(5, 6) * 200)
    assert np.array_equal(source.simulate(steps), first)


def nir_network():
    rng = np.random.default_rng(3)

    def full(shape, value):
        return np.full(shape, value)

    layers = {
        "input": nir.Input({"input": np.array([2, 6, 6])}),
        "conv": nir.Conv2d((6, 6), rng.normal(size=(4, 2, 3, 3)), (1, 2), (1, 0), 1, 1, rng.normal(size=4) * 20),
        "if": nir.IF(full((4, 6, 2), 0.5), full((4, 6, 2), 200.0), full((4, 6, 2), 30.0)),
        "pool": nir.SumPool2d((2, 1), (2, 1), (0, 0)),
        "scale": nir.Scale(np.array([0.5])),
        "flat": nir.Flatten(start_dim=0, input_type=np.array([4, 3, 2])),
        "fc": nir.Affine(rng.normal(size=(8, 24)), rng.normal(size=8)),
        "cuba": nir.CubaLIF(full(8, 2e-4), full(8, 5e-4), full(8, 1.5), full(8, 0.0), full(8, 0.4), full(8, 0.0),
                            w_in=full(8, 2.0)),
        "fc2": nir.Affine(rng.normal(size=(5, 8)), np.abs(rng.normal(size=5))),
        "lif": nir.LIF(full(5, 4e-4), full(5, 1.5), full(5, -1.0), full(5, 0.3), full(5, -0.1)),
        "out": nir.Linear(rng.normal(size=(3, 5))),
        "li": nir.LI(full(3, 1e-3), full(3, 2.0), full(3, 0.0)),
        "output": nir.Output({"output": np.array([3])}),
    }  # fmt: skip
    names = list(layers)
    edges = list(zip(names, names[1:]))  # noqa: B905, RUF007
    return nir.NIRGraph(layers, edges, type_check=False)


NIR_FAULTS = [
    ("conv", "bias", 0), ("conv", "weight", -1), ("if", "r", 2), ("if", "v_threshold", 1.3), ("if", "v_reset", 0),
    ("scale", "scale", 2), ("fc", "bias", 0), ("cuba", "tau_syn", 2), ("cuba", "tau_mem", 2), ("cuba", "r", 2),
    ("cuba", "w_in", 0.5), ("cuba", "v_threshold", 2), ("lif", "tau", 2), ("lif", "r", 1.5), ("lif", "v_leak", 0),
    ("lif", "v_reset", 0), ("lif", "v_threshold", 1.5), ("li", "tau", 2), ("li", "r", 0.5), ("out", "weight", -1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "field", "factor"), NIR_FAULTS, ids=lambda value: str(value))
def test_a_misread_nir_file(name, field, factor):
    network, changed = nir_network(), nir_network()
    node = changed.nodes[name]
    setattr(node, field, np.asarray(getattr(node, field)) * factor)
    assert_found(from_nir(network), from_nir(changed))


def test_a_misread_time_step_of_a_nir_file():
    assert_found(from_nir(nir_network()), from_nir(nir_network(), dt=5e-5))


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
    with pytest.raises(ConversionError, match=r"node #1 \(BatchNormalization\): its weights contain NaN or infinity"):
        read(saved(tmp_path / "a.onnx", network("logits"), {"var": np.full(4, -1, np.float32)}))


def test_a_constant_is_read_from_the_file(tmp_path):
    """A changed initializer changes the source, too: the comparison is with the file, not with what was read."""
    path = model(tmp_path / "a.onnx", body(RELU))
    before = read(path, RAW).predict(pixels(SHAPE))
    whole = onnx.load(path)
    bias = next(tensor for tensor in whole.graph.initializer if tensor.name == "b")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 1, "b"))
    onnx.save(whole, path)
    assert not np.allclose(read(path, RAW).predict(pixels(SHAPE)), before)
