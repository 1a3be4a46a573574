"""Quantisers of QONNX are read as those of ONNX; the expected outputs are computed from their definition."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional as F

from mutation.mutants import mutants_of
from onnx_forms import RAW, SHAPE, conv, model, n, pixels, tail, weights
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.onnx import qonnx, read

PARAMETERS = ("scale", "zero", "bits")
UNSIGNED, SIGNED, NARROW = (
    {"signed": int(signed), "narrow": int(narrow)} for signed, narrow in ((0, 0), (1, 0), (1, 1))
)
ACTIVATIONS = {  # scale, zero point, bits, attributes; levels of the neuron
    "4 bits": ((6.0, 0, 4, UNSIGNED), [15]),
    "2 bits, narrow": ((6.0, 0, 2, {"signed": 0, "narrow": 1}), [2]),
    "4 bits with a sign": ((6.0, 0, 4, SIGNED), [7]),
    "a zero point": ((6.0, 4, 4, UNSIGNED), [11]),
    "10 bits": ((0.5, 0, 10, UNSIGNED), []),
    "by channel": ((np.linspace(4, 8, 4).reshape(1, 4, 1, 1), 0, 4, UNSIGNED), [15]),
    "10 bits by channel": ((np.linspace(0.1, 0.2, 4).reshape(1, 4, 1, 1), 0, 10, UNSIGNED), []),
}
WITHOUT_RECTIFIER = {  # scale, zero point, bits, attributes; levels of the neuron
    "2 bits, narrow": ((40.0, 0, 2, NARROW), 2),
    "3 bits": ((20.0, 0, 3, SIGNED), 7),
    "a zero point": ((10.0, 6, 4, UNSIGNED), 15),
    "by channel": ((np.linspace(10, 30, 4).reshape(1, 4, 1, 1), 0, 3, NARROW), 6),
}
WEIGHTS = {
    "8 bits, narrow": (0.01, 0, 8, {**NARROW, "rounding_mode": "ROUND"}),
    "3 bits by channel, floor": (
        np.linspace(0.1, 0.3, 4).reshape(4, 1, 1, 1),
        0,
        3,
        {**SIGNED, "rounding_mode": "FLOOR"},
    ),
    "3 bits, ceil": (0.2, 0, 3, {**SIGNED, "rounding_mode": "CEIL"}),
    "a zero point": (0.05, 6, 4, UNSIGNED),
}


def quant(x, scale, zero, bits, attributes):
    """Return the output of a quantiser as https://github.com/fastmachinelearning/qonnx defines it."""
    signed, narrow = attributes["signed"], attributes["narrow"]
    low = -(2 ** (bits - 1)) + narrow if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
    rounded = {"ROUND": np.round, "FLOOR": np.floor, "CEIL": np.ceil}[attributes.get("rounding_mode", "ROUND")]
    return np.asarray((rounded(np.clip(x / np.float32(scale) + zero, low, high)) - zero) * scale, np.float32)


def network(path, activation, weight=None, operators=("Quant", "IntQuant"), opset=13):
    """Write a file with a convolution, a Relu, a quantiser of its output, and the end; `weight` quantises weights."""
    values, nodes = {}, [conv(), n("Relu", ["c"], ["e"])]
    if weight is not None:
        nodes[0] = conv(("x", "few", "b"))
    for source, output, name, settings in (("w", "few", "k", weight), ("e", "r", "a", activation)):
        if settings is not None:
            values |= {f"{name}.{key}": np.asarray(v, np.float32) for key, v in zip(PARAMETERS, settings, strict=False)}
            inputs = [source, *(f"{name}.{key}" for key in PARAMETERS)]
            operator = operators[name == "k"]
            node = n(operator, inputs, [output], domain="qonnx.custom_op.general", **settings[3])
            nodes.insert(0 if name == "k" else len(nodes), node)
    return model(path, [*nodes, *tail()], own=values, opset=opset)


def check(path, activation, kernel):
    """Read a file and compare its outputs in the source with those of the definition."""
    source, images = read(path, RAW), pixels(SHAPE)
    tensors = {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in weights().items()}
    rates = torch.relu(F.conv2d(torch.from_numpy(images), torch.from_numpy(kernel), tensors["b"])).numpy()
    mean = torch.from_numpy(quant(rates, *activation)).mean((2, 3))
    expected = F.linear(mean, tensors["f4"], tensors["bias"]).numpy()
    actual = source.predict(images)
    assert np.abs(actual - expected).max() < 1e-3 * np.abs(expected).max()
    assert check_graph(source, None) is not None
    return source


@pytest.mark.parametrize("form", ACTIVATIONS)
def test_activations(form, tmp_path):
    activation, levels = ACTIVATIONS[form]
    source = check(network(tmp_path / "a.onnx", activation), activation, weights()["w"])
    assert list(source.levels.values()) == levels


def quantised(source, output, name, settings):
    """Return the node and the tensors of a quantiser."""
    values = {f"{name}.{key}": np.asarray(v, np.float32) for key, v in zip(PARAMETERS, settings, strict=False)}
    return n("Quant", [source, *values], [output], domain="qonnx.custom_op.general", **settings[3]), values


@pytest.mark.parametrize("pool", [(), (n("MaxPool", ["e"], ["p"], kernel_shape=[2, 2]),)], ids=["", "max pool"])
@pytest.mark.parametrize("form", WITHOUT_RECTIFIER)
def test_quantisers_of_few_bits_are_activations(form, pool, tmp_path):
    """Networks of few bits have no rectifiers: the quantisers, whose smallest value is below 0, clip instead."""
    settings, levels = WITHOUT_RECTIFIER[form]
    node, own = quantised("c", "e", "a", settings)
    last = conv(("p" if pool else "e", "w2"), "d", pads=[1] * 4)
    path = model(tmp_path / "a.onnx", [conv(), node, *pool, last, *tail("d")], own=own)
    source = read(path, RAW)
    assert np.ptp(source.predict(pixels(SHAPE)), axis=0).min() > 1e-3, "the network must distinguish the images"
    assert check_graph(source, None) < 1e-3
    assert list(source.levels.values()) == [levels]
    assert not any("left out" in note for note in source.notes)


@pytest.mark.parametrize("preprocessing", [RAW, Preprocessing([0.4] * 3, [0.3] * 3)], ids=["raw", "normalised"])
def test_few_bits_of_the_input_are_neurons(preprocessing, tmp_path):
    node, own = quantised("z", "q", "a", (0.9, 0, 2, NARROW))
    scaled = n("Div", ["x", "s"], ["z"])
    own["s"] = np.float32(97 if preprocessing is RAW else 1)
    nodes = [scaled, node, conv(("q", "w", "b")), n("Relu", ["c"], ["r"]), *tail()]
    source = read(model(tmp_path / "a.onnx", nodes, own=own), preprocessing)
    assert list(source.levels.values()) == [2]
    assert not source.notes
    assert check_graph(source, None) < 1e-3


@pytest.mark.parametrize("form", WEIGHTS)
def test_weights(form, tmp_path):
    activation, kernel = ACTIVATIONS["4 bits"][0], quant(weights()["w"], *WEIGHTS[form])
    source = check(network(tmp_path / "a.onnx", activation, WEIGHTS[form]), activation, kernel)
    np.testing.assert_allclose(source.graph.nodes[source.graph.order[1]].weight, kernel, rtol=1e-6, atol=1e-6)


def test_weights_of_one_bit(tmp_path):
    settings = (0.25, 0, 1, {})
    activation, kernel = ACTIVATIONS["4 bits"][0], np.where(weights()["w"] >= 0, 0.25, -0.25).astype(np.float32)
    path = network(tmp_path / "a.onnx", activation, settings, ("Quant", "BipolarQuant"))
    check(path, activation, kernel)


@pytest.mark.parametrize("opset", [9, 13])
def test_a_file_without_the_version_of_the_domain(opset, tmp_path):
    """The files of the QONNX model zoo have old opsets, and name the domain at their nodes only."""
    activation = ACTIVATIONS["4 bits"][0]
    path = network(tmp_path / "a.onnx", activation, WEIGHTS["8 bits, narrow"], opset=opset)
    stored = onnx.load(str(path))
    others = [entry for entry in stored.opset_import if not entry.domain]
    assert len(others) < len(stored.opset_import)
    stored.ClearField("opset_import")
    stored.opset_import.extend(others)
    onnx.save(stored, str(path))
    check(path, activation, quant(weights()["w"], *WEIGHTS["8 bits, narrow"]))


def test_faults_in_the_reading_of_weights_are_refused(tmp_path):
    """The model that is run takes its parameters from the file by other code."""
    path = network(tmp_path / "a.onnx", ACTIVATIONS["4 bits"][0], WEIGHTS["8 bits, narrow"])
    before = read(path, RAW).graph
    kernel = before.nodes[before.order[1]].weight
    changed = 0
    for mutant in mutants_of(Path(qonnx.__file__)):
        if mutant.function not in ("_quantised", "_quantiser"):
            continue
        with mutant.applied():
            try:
                source = read(path, RAW)
            except Exception:
                continue
            graph = source.graph
            if np.allclose(graph.nodes[graph.order[1]].weight, kernel, rtol=1e-3):
                continue
            changed += 1
            with pytest.raises(ConversionError, match="other outputs than the network"):
                check_graph(source, None)
    assert changed > 3


@pytest.mark.parametrize(
    ("activation", "options", "message"),
    [
        ((6.0, 0, 4, {**UNSIGNED, "rounding_mode": "FLOOR"}), {}, "rounds activations by FLOOR; expected ROUND"),
        ((6.0, 0, 4, {**UNSIGNED, "rounding_mode": "UP"}), {}, "rounds by UP; expected ROUND, FLOOR, CEIL"),
        ((6.0, 0, 20, UNSIGNED), {}, "integers of 0…1048575; expected at most 16 bits"),
        ((6.0, 0, 1, SIGNED), {}, "has 1 bit with a sign"),
        ((6.0, 0, 3.5, UNSIGNED), {}, "expected 1…32 bits, one whole number"),
        ((6.0, 0.5, 3, UNSIGNED), {}, "zero points that are whole numbers"),
        ((-6.0, 0, 4, UNSIGNED), {}, "expected scales above 0, found -6…-6"),
        ((6.0, 0, 4, {"signed": 0}), {}, "has no attribute narrow"),
        ((np.ones((1, 4, 7, 1)), 0, 4, UNSIGNED), {}, "has scales along 2 axes"),
        ((6.0, 0, 4, {}), {"operators": ("BipolarQuant",)}, "quantises activations to -1 and 1, which spikes are not"),
    ],
)
def test_refusals(activation, options, message, tmp_path):
    with pytest.raises(ConversionError, match=message):
        read(network(tmp_path / "a.onnx", activation, **options), RAW)
