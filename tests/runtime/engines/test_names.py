"""Layers with any name: names of values in lowered models do not collide."""

import re
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle_changes import make
from hostile.bundles import described, pack, put_together, take_apart
from hostile.names import NAMES, renamed
from joined_libraries import compile_together
from networks import NAMES_OF_NODES, Builder, graphs, small_graph
from runners import RUNNERS, assert_same
from spikelet.bundle import decode, read, step, write
from spikelet.errors import BundleError
from spikelet.graph import NAME, Graph
from spikelet.lowering.onnx import names
from spikelet.lowering.onnx.protobuf import NameCollision, OnnxGraph
from spikelet.lowering.onnx.step import step_model
from spikelet.nodes import IF, Input, Linear, Output
from spikelet.verify import record_golden, verify_step

orders = st.permutations(NAMES)


def check(graph, runners):
    inputs = np.random.default_rng(0).integers(0, 256, (1, 2, *graph.input.shape)).astype(np.float32)
    for runner in runners:
        assert_same(graph, runner, inputs, 3)


def test_there_are_names_of_every_kind():
    assert len(set(NAMES)) == len(NAMES) >= 40
    assert all(NAME.fullmatch(name) for name in NAMES)


@settings(max_examples=20, deadline=None)
@given(graph=graphs(), order=orders)
def test_engines_and_step_onnx_agree_with_numpy(graph, order):
    graph = renamed(graph, order)
    check(graph, ["onnx", "onnx, window"])
    with tempfile.TemporaryDirectory() as folder:
        write(make(graph), Path(folder) / "x.snnb")
        assert verify_step(read(Path(folder) / "x.snnb")).ok


@settings(max_examples=15, deadline=None)
@given(graph=graphs(), order=orders)
def test_step_onnx_agrees_without_onnx_runtime(graph, order):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "onnxruntime", None)
        result = verify_step(make(renamed(graph, order)))
    assert result.ok
    assert result.runtime.startswith("NumPy")


ORDERS = [NAMES[first:] + NAMES[:first] for first in range(0, len(NAMES), 13)]


@pytest.fixture(scope="module")
def compiled():
    """Libraries of all orders, compiled together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPIKELET_CFLAGS", "-O0")  # names do not depend on optimisation
        compile_together(renamed(small_graph(), order) for order in ORDERS)
        yield


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0])
@pytest.mark.usefixtures("compiled")
def test_every_runner_agrees(order):
    check(renamed(small_graph(), order), RUNNERS)


@pytest.mark.parametrize(
    "pair", [("x", "bias"), ("x", "weight.f32"), ("a", "a.2"), ("theta", "mean"), ("n", "n.theta")]
)
def test_pairs_that_collided_in_version_1(pair):
    net = Builder((4,), np.random.default_rng(0))
    net.linear(pair[0], 5)
    net.neuron(pair[1])
    graph = net.graph()
    check(graph, ["onnx", "onnx, window"])
    assert verify_step(make(graph)).ok


def colliding():
    """Return a network in which version 1 gives the weight of `x` and the value of the layer `weight.f32` one name."""
    eye = np.eye(4, dtype=np.int8)
    zero, one = np.zeros(4, np.int32), np.ones(4, np.int32)
    nodes = {
        "in": Input((4,), np.zeros(4, np.int16)),
        "weight.f32": Linear(eye, zero),
        "x": Linear(eye, zero),
        "fire": IF(one, zero),
        "out": Output(1.0),
    }
    return Graph(nodes, tuple(zip(nodes, list(nodes)[1:], strict=False)))


def test_a_file_of_version_1_whose_names_collide_is_refused():
    graph = colliding()
    with pytest.raises(NameCollision, match=r"x\.weight\.f32"):
        step_model(graph, version=1)
    golden = record_golden(graph, np.zeros((1, 4), np.uint8), 2)
    tensors = {
        "input": golden.inputs,
        "logits": golden.logits,
        "spikes.fire": np.packbits(golden.spikes["fire"], axis=-1),
    }
    with pytest.raises(
        BundleError, match=r"lowering version 1 gives two values the name 'x\.weight\.f32'; convert the network again"
    ):
        decode(described(graph.nodes, graph.edges, golden=tensors, lowering_version=1, exact_steps=2))
    check(graph, ["onnx", "onnx, window"])


@settings(max_examples=20, deadline=None)
@given(graph=graphs(), order=orders)
def test_files_of_version_1_are_read_unless_names_collide(graph, order):
    bundle = make(renamed(graph, order))
    members = take_apart(pack(bundle))
    try:
        members["step.onnx"] = bytes(step.encode(bundle.graph, members["weights.safetensors"], 1).content)
    except NameCollision as error:
        with pytest.raises(BundleError, match=f"gives two values the name {re.escape(repr(str(error)))}"):
            decode(put_together(members, lowering_version=1))
        return
    loaded = decode(put_together(members, lowering_version=1))
    assert verify_step(loaded).ok
    assert b"v_next." in members["step.onnx"]


def test_a_name_is_defined_once():
    onnx = OnnxGraph("test")
    onnx.input("a", ("N",))
    onnx.constant("b", np.zeros(2, np.float32))
    onnx.constant("b", np.zeros(2, np.float32))
    for define in (
        lambda: onnx.input("b", ("N",)),
        lambda: onnx.constant("a", np.zeros(2, np.float32)),
        lambda: onnx.constant("b", np.ones(2, np.float32)),
        lambda: onnx.constant("b", np.zeros(2, np.int32)),
        lambda: onnx.node("Add", ["a", "b"], "b"),
        lambda: onnx.node("Split", ["a"], "c", "c"),
    ):
        with pytest.raises(NameCollision):
            define()


@settings(max_examples=200, deadline=None)
@given(node=NAMES_OF_NODES, index=st.integers(0, 99))
def test_a_name_has_one_meaning(node, index):
    name = names.name_of("x", node, index)
    assert re.fullmatch(r"([a-z_]+):([^:]+):(\d+)", name).groups() == ("x", node, str(index))
    assert ":" in names.in_float32(f"{node}.weight")
    assert ":" not in f"{node}.weight"
