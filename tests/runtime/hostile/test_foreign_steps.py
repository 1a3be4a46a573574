"""Step models of other writers, generated at random: valid ones pass, and every lie about one number is found."""

from dataclasses import replace

import numpy as np
import pytest

from counts.calls import peak_bytes
from hostile.bundles import bases, put_together
from spikelet.bundle import decode
from spikelet.errors import BundleError
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.verify import record_golden, verify_step

MEMORY = 64 * 2**20
LIES = {
    "threshold": {"theta": 1000},
    "threshold of one neuron": {"theta": [1000, 0, 0, 0]},
    "weight": {"weight": 3},
    "bias": {"bias": 200},
    "weight of the output": {"out_weight": 1},
    "bias of the output": {"out_bias": 1},
    "mean": {"mean": 100},
}


@pytest.fixture(scope="module")
def features():
    """A bundle of 5 inputs, one spiking layer `if1` of 4 neurons and 3 classes."""
    return bases()[2]


def foreign(bundle, seed, lie=None, reset=True, narrow=False):
    """Return a step model with random names, order of operations and operators.

    Args:
        bundle: A bundle such as `features`.
        seed: Selects names, order and operators.
        lie: What is added to parameters.
        reset: Whether a spike resets the potential.
        narrow: Whether the current is cast to 8 bits, which it exceeds.
    """
    rng, graph = np.random.default_rng(seed), bundle.graph
    fc, layer, last = graph.nodes["fc1"], graph.nodes["if1"], graph.nodes["logits"]
    values = {"mean": graph.input.mean, "weight": fc.weight, "bias": fc.bias, "theta": layer.theta}
    values |= {"out_weight": last.weight, "out_bias": last.bias}
    values = {
        key: value.astype(np.float32) + np.array((lie or {}).get(key, 0), np.float32) for key, value in values.items()
    }
    onnx, names = OnnxGraph("foreign"), iter(rng.permutation(10_000))
    onnx.input("input", ("N", 5))
    onnx.input("v:if1", ("N", 4))

    def constant(key, value):
        return onnx.constant(f"{key} {next(names)}", np.array(value, np.float32, order="C"))

    def node(operator, sources, output=None, **attributes):
        return onnx.node(operator, list(sources), output or f"value {next(names)}", **attributes)

    def product(value, key):
        weight, bias = values[f"{key}weight"], constant("b", values[f"{key}bias"])
        if rng.integers(2):
            return node("Gemm", [value, constant("w", weight), bias], transB=1)
        return node("Add", rng.permutation([node("Gemm", [value, constant("w", weight.T)]), bias]))

    current = product(node("Sub", ["input", constant("m", values["mean"])]), "")
    if narrow:
        current = node("Cast", [node("Cast", [current], to=3)], to=1)
    total = node("Add", rng.permutation(["v:if1", current]))
    compare = "Greater" if layer.tie == ">" else "GreaterOrEqual"
    fired = node(compare, [total, constant("t", values["theta"])])
    onnx.node("Cast", [fired], "s:if1", to=1)
    after = (
        constant("z", np.zeros(())) if layer.reset == "zero" else node("Sub", [total, constant("t", values["theta"])])
    )
    outputs = [
        lambda: node("Where", [fired, after if reset else total, total], "v_next:if1"),
        lambda: node("Identity", [product("s:if1", "out_")], "logits"),
    ]
    for position in rng.permutation(2):
        outputs[position]()
    onnx.output("logits", ("N", 3))
    onnx.output("s:if1", ("N", 4))
    onnx.output("v_next:if1", ("N", 4))
    return onnx.encode()


def verified(features, model):
    """Return the verdict on a model of lowering version 0, on 32 golden inputs, within a limit of memory."""
    content, results = put_together(features | {"step.onnx": model}, lowering_version=0), []
    inputs = np.random.default_rng(0).integers(0, 256, (32, 5)).astype(np.float32)

    def verify():
        bundle = decode(content)
        results.append(verify_step(replace(bundle, golden=record_golden(bundle.graph, inputs, 8))))

    assert peak_bytes(verify) < MEMORY
    return results[0]


@pytest.mark.parametrize("seed", range(8))
def test_other_names_orders_and_operators_are_valid(features, seed):
    result = verified(features, foreign(decode(put_together(features)), seed))
    assert result.ok, result
    assert "does not write" in str(result)


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_one_parameter_is_found(features, lie):
    result = verified(features, foreign(decode(put_together(features)), 1, LIES[lie]))
    assert not result.ok
    assert result.replay.differing_spikes or result.replay.differing_logits
    assert str(result).startswith("does not compute the graph of the manifest (lowering version 0")


def test_a_missing_reset_is_found(features):
    assert not verified(features, foreign(decode(put_together(features)), 2, reset=False)).ok


def test_a_sum_of_eight_bits_is_found(features):
    """The sum exceeds the type: whether a cast wraps or saturates, the spikes differ."""
    assert not verified(features, foreign(decode(put_together(features)), 3, narrow=True)).ok


@pytest.mark.parametrize("operator", ["Loop", "If", "Scan", "ConstantOfShape", "Constant", "MyOperator", "MatMul"])
def test_other_operators_are_refused_by_name(features, operator):
    onnx = OnnxGraph("foreign")
    onnx.input("input", ("N", 5))
    onnx.node(operator, ["input"], "logits")
    with pytest.raises(BundleError, match=f"step.onnx: operator '{operator}'"):
        verified(features, onnx.encode())


def test_a_graph_of_many_operations_is_refused(features):
    onnx, value = OnnxGraph("deep"), "v:if1"
    onnx.input("input", ("N", 5))
    onnx.input("v:if1", ("N", 4))
    for index in range(1_000):
        value = onnx.node("Identity", [value], f"v{index}")
    onnx.node("Gemm", ["input", onnx.constant("w", np.zeros((5, 3), np.float32))], "logits")
    for name in ("s:if1", "v_next:if1"):
        onnx.node("Identity", [value], name)
        onnx.output(name, ("N", 4))
    onnx.output("logits", ("N", 3))
    assert "it has 1003 operations; expected at most" in str(verified(features, onnx.encode()))
