"""step.onnx of other programs, or malicious: `verify_step` names the problem, within limits of time and memory."""

import json
import os
import re
import sys
import tempfile
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from counts.calls import peak_bytes
from hostile.bundles import bases, put_together
from hostile.mutations import Mutator
from networks import small_graph
from spikelet.bundle import decode, step
from spikelet.cli import main
from spikelet.errors import BundleError, EngineError
from spikelet.files import protobuf
from spikelet.lowering.onnx.audit import audit
from spikelet.lowering.onnx.protobuf import OnnxGraph
from spikelet.lowering.onnx.step import LOWERING_VERSION, step_model
from spikelet.verify import verify_step

LATER = LOWERING_VERSION + 1
MEMORY = 16 * 2**20
VECTOR = protobuf.message(
    2, protobuf.message(1, protobuf.integer(1, 1) + protobuf.message(2, b""))
)  # the type of a float32 value without axes

UNKNOWN_AXIS = protobuf.message(
    2, protobuf.message(1, protobuf.integer(1, 1) + protobuf.message(2, protobuf.message(1, b"")))
)


def _flatten(*fields):
    """Return the message of a graph with one node, whose attribute `axis` has these fields."""
    attribute = protobuf.message(5, protobuf.text(1, "axis") + b"".join(fields))
    return protobuf.message(7, protobuf.message(1, protobuf.text(4, "Flatten") + attribute))


def _tensor(*fields):
    """Return the message of a graph with one initializer."""
    return protobuf.message(7, protobuf.message(5, b"".join(fields)))


@pytest.fixture(scope="module")
def features():
    """A bundle of 5 inputs, one spiking layer `if1` of 4 neurons and 3 classes."""
    return bases()[2]


@pytest.fixture(params=["ONNX Runtime", "NumPy"])
def runtime(request, monkeypatch):
    if request.param == "NumPy":
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    return request.param


def replayed(members, model, version=LATER):
    return verify_step(decode(put_together(members | {"step.onnx": model}, lowering_version=version)))


def inputs(onnx):
    """Add the inputs of the step model of `features` to a graph that a test completes."""
    onnx.input("input", ("N", 5))
    onnx.input("v:if1", ("N", 4))


def outputs(onnx):
    onnx.output("logits", ("N", 3))
    onnx.output("s:if1", ("N", 4))
    onnx.output("v_next:if1", ("N", 4))
    return onnx.encode()


def zeros(onnx):
    """Add constant outputs of the right shapes, without spikes for any input."""
    for name, width, source in (("logits", 3, "input"), ("s:if1", 4, "v:if1"), ("v_next:if1", 4, "v:if1")):
        inner = 5 if source == "input" else 4
        weight = onnx.constant(f"zero:{name}", np.zeros((inner, width), np.float32))
        onnx.node("Gemm", [source, weight], name)


def test_the_step_model_of_every_network_is_replayed(runtime):
    for members in bases():
        for version in (LOWERING_VERSION, LATER, 0):
            result = verify_step(decode(put_together(members, lowering_version=version)))
            assert result.ok, result
            assert result.compared == (version == LOWERING_VERSION)
            assert result.runtime.startswith(runtime)
            assert ("does not write" in str(result)) == (version != LOWERING_VERSION)


@pytest.mark.parametrize("version", [LOWERING_VERSION, LATER])
def test_a_step_model_is_audited_once(features, version, monkeypatch):
    calls = []
    monkeypatch.setattr(step, "audit", lambda *args: calls.append(args) or audit(*args))
    assert verify_step(decode(put_together(features, lowering_version=version))).ok
    assert len(calls) == 1


def test_a_mapped_file_that_the_system_does_not_remove(features, tmp_path, monkeypatch):
    """Windows refuses to remove a file while it is mapped, as ONNX Runtime maps the weights."""
    pytest.importorskip("onnxruntime")
    unlink, kept = os.unlink, []

    def refuse(path, **folder):
        if os.path.basename(path) == "weights.safetensors":
            kept.append(path)
            raise PermissionError(13, "is used by another process", path)
        unlink(path, **folder)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(os, "unlink", refuse)
    result = verify_step(decode(put_together(features)))
    assert result.ok
    assert result.runtime.startswith("ONNX Runtime")
    assert kept


def test_another_program_may_write_other_operators(features, runtime):
    """The same network with earlier casts, a separate addition of the bias and other names."""
    graph = decode(put_together(features)).graph
    onnx = OnnxGraph("foreign")
    inputs(onnx)
    fc, layer, last = graph.nodes["fc1"], graph.nodes["if1"], graph.nodes["logits"]
    onnx.node("Sub", ["input", onnx.constant("m", graph.input.mean.astype(np.float32))], "pixels")
    onnx.node("Gemm", ["pixels", onnx.constant("w", fc.weight.T.astype(np.float32))], "product")
    onnx.node("Add", ["product", onnx.constant("b", fc.bias.astype(np.float32))], "current")
    onnx.node("Add", ["v:if1", "current"], "total")
    onnx.node("Greater", ["total", onnx.constant("t", layer.theta.astype(np.float32))], "fired")
    onnx.node("Cast", ["fired"], "s:if1", to=1)
    onnx.node("Where", ["fired", onnx.constant("0", np.zeros((), np.float32)), "total"], "v_next:if1")
    onnx.node("Gemm", ["s:if1", onnx.constant("w2", last.weight.astype(np.float32)), onnx.constant("b2", last.bias.astype(np.float32))], "logits", transB=1)  # fmt: skip
    assert replayed(features, outputs(onnx), version=0).ok


def test_a_false_model_is_distinguished_from_another_version(features, runtime):
    """A valid ONNX model that computes zeros instead of the network."""
    onnx = OnnxGraph("zeros")
    inputs(onnx)
    zeros(onnx)
    result = replayed(features, outputs(onnx))
    assert not result.ok
    assert result.replay.differing_spikes > 0
    assert str(result).startswith(
        f"does not compute the graph of the manifest (lowering version {LATER}, which this version of spikelet does not "
        f"write): {result.replay.differing_spikes} differing spikes"
    )


def test_another_writer_may_leave_it_out(features):
    """The network can be run, and the replay reports the missing model."""
    result = replayed(features, b"")
    assert not result.ok
    assert str(result).endswith("write): it is empty")
    with pytest.raises(BundleError, match=f"differs from what lowering version {LOWERING_VERSION} writes"):
        replayed(features, b"", LOWERING_VERSION)


@pytest.mark.parametrize("own", [1, LOWERING_VERSION])
def test_another_writer_may_name_states_as_any_version_of_spikelet_did(own, features):
    bundle = decode(put_together(features))
    model = step_model(bundle.graph, None, own)
    assert replayed(features, model).ok
    assert replayed(features, model, 2).ok, "no release of spikelet wrote version 2"


def test_the_command_reports_which_part_is_wrong(features, tmp_path, capsys):
    """The exit code is 0 if step.onnx computes the graph, else 1, even if every engine agrees with the golden inputs."""
    onnx = OnnxGraph("zeros")
    inputs(onnx)
    zeros(onnx)
    path = tmp_path / "a.snnb"
    for model, code, text in (
        (
            features["step.onnx"],
            0,
            f"step.onnx ok: computes the graph for the golden inputs (lowering version {LATER}, which",
        ),
        (
            outputs(onnx),
            1,
            f"step.onnx DIFFERS: does not compute the graph of the manifest (lowering version {LATER}, which",
        ),
    ):
        path.write_bytes(put_together(features | {"step.onnx": model}, lowering_version=LATER))
        assert main(["verify", str(path), "--engine", "numpy"]) == code
        printed = capsys.readouterr().out
        assert "numpy  ok: 0 differing spikes" in printed
        assert text in printed
        assert main(["verify", str(path), "--engine", "numpy", "--json"]) == code
        facts = json.loads(capsys.readouterr().out)
        assert facts["engines"][0]["ok"]
        assert facts["ok"] == facts["step_model"]["ok"] == facts["step_model"]["computes_graph"] == (code == 0)


def test_without_onnx_runtime_the_command_names_the_package(features, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "a.snnb").write_bytes(put_together(features))
    assert main(["verify", str(tmp_path / "a.snnb"), "--engine", "numpy"]) == 0
    printed = capsys.readouterr().out
    assert "run by NumPy" in printed
    assert printed.endswith('; to run it with ONNX Runtime, pip install "spikelet[ort]"\n')


def test_false_golden_data_is_distinguished_from_a_false_step_model(features, runtime):
    bundle = decode(put_together(features))
    wrong = replace(bundle, golden=replace(bundle.golden, logits=bundle.golden.logits + 1))
    result = verify_step(wrong)
    assert not result.ok
    assert result.computes_graph
    assert str(result).startswith("computes the graph, which does not give the recorded spikes and logits")


def test_an_empty_model_and_one_of_another_network(features, runtime):
    for model in (OnnxGraph("empty").encode(), step_model(small_graph())):
        result = replayed(features, model)
        assert not result.ok
        assert str(result).startswith("does not compute the graph of the manifest")
    assert "it has no input 'input'" in str(replayed(features, OnnxGraph("empty").encode()))


def harmful():
    """Return (problem, function that completes a graph) of models that are audited but not valid, or cost too much."""

    def chain(onnx, length):
        value = "v:if1"
        for index in range(length):
            value = onnx.node("Add", [value, value], f"chain{index}")

    def outer(onnx):
        flat = onnx.node("Flatten", ["input"], "flat", axis=0)
        value = onnx.node("Flatten", [flat], "column", axis=2)
        for index in range(4):
            value = onnx.node("Flatten", [onnx.node("Mul", [flat, value], f"m{index}")], f"f{index}", axis=2)

    def padded(onnx):
        image = onnx.constant("image", np.ones((1, 1, 1, 1), np.float32))
        onnx.node("Conv", [image, image], "large", pads=(2**28, 2**28, 2**28, 2**28))

    def pads(onnx, value):
        image = onnx.constant("image", np.ones((1, 1, 3, 3), np.float32))
        onnx.node("Conv", [image, image], "odd", pads=value)

    def operator(*arguments, **attributes):
        return lambda onnx: onnx.node(*arguments, **attributes)

    return [
        (r"Mul: a value of shape \(.*\) takes more than the network itself needs", outer),
        (r"Conv: a value of shape .* takes more than the network itself needs", padded),
        (r"it has 303 operations; expected at most 144 for this network", lambda onnx: chain(onnx, 300)),
        (r"Conv: pads \(-1, 0, 0, 0\)", lambda onnx: pads(onnx, (-1, 0, 0, 0))),
        (r"Conv: pads \(1, 1\)", lambda onnx: pads(onnx, (1, 1))),
        (r"Conv: does not take", operator("Conv", ["input", "input"], "y")),
        (r"Gemm: does not take", operator("Gemm", ["input", "v:if1"], "y")),
        (r"Add: does not take", operator("Add", ["input", "v:if1"], "y")),
        (r"Add: 1 inputs", operator("Add", ["input"], "y")),
        (r"Add: its input 'later' is not defined before it", operator("Add", ["input", "later"], "y")),
        (r"Identity: its input 'y' is not defined before it", operator("Identity", ["y"], "y")),
        (r"Identity: 2 outputs", operator("Identity", ["input"], "y", "z")),
        (r"Cast: does not take", operator("Cast", ["input"], "y", to=8)),
        (r"Cast: to \(1, 1\)", operator("Cast", ["input"], "y", to=(1, 1))),
        (r"Where: does not take", operator("Where", ["input", "input", "input"], "y")),
        (r"Flatten: does not take", operator("Flatten", ["input"], "y", axis=7)),
        (r"AveragePool: does not take", operator("AveragePool", ["input"], "y", kernel_shape=(2, 2))),
        (r"Mul: 2 inputs and attributes \['axis'\]", operator("Mul", ["input", "input"], "y", axis=1)),
    ]


@pytest.mark.parametrize(("problem", "complete"), harmful())
def test_models_that_do_harm(features, problem, complete, runtime):
    onnx = OnnxGraph("harm")
    inputs(onnx)
    complete(onnx)
    zeros(onnx)
    content = put_together(features | {"step.onnx": outputs(onnx)}, lowering_version=LATER)
    results = []
    peak = peak_bytes(lambda: results.append(verify_step(decode(content))))
    assert results[0].replay is None
    assert not results[0].ok
    assert re.search(problem, results[0].problem), results[0].problem
    assert peak < MEMORY


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda model: model + protobuf.message(7, protobuf.message(11, protobuf.text(1, "more") + VECTOR)), "an unknown input 'more'"),
        (lambda model: model + protobuf.message(7, protobuf.message(12, protobuf.text(1, "more") + VECTOR)), "an unknown output 'more'"),
        (lambda model: model.replace(b"v_next:if1", b"v_last:if1"), "no output 'v_next:if1'"),
        (lambda model: model.replace(b"\x12\x01N\n\x02\x08\x05", b"\x12\x01N\n\x02\x08\x06"), r"input 'input': float32 of shape \('N', 6\)"),
        (lambda model: model + protobuf.message(8, protobuf.integer(2, 21)), "operator set 21 and IR version 8; expected 13 and 3 to 8"),
        (lambda model: model + protobuf.integer(1, 9), "operator set 13 and IR version 9; expected 13 and 3 to 8"),
        (lambda model: model + protobuf.text(1, "8"), "bytes in place of a number"),
        (lambda model: model + _tensor(protobuf.integer(1, 2**40), protobuf.integer(2, 1), protobuf.text(8, "x")), "0 bytes for a tensor 'x', float32 of shape"),
        (lambda model: model + _tensor(protobuf.integer(1, 2**63), protobuf.integer(2, 1), protobuf.text(8, "x")), "a tensor 'x' of shape"),
        (lambda model: model + _tensor(protobuf.integer(1, 0) * 9, protobuf.integer(2, 1), protobuf.text(8, "x")), "a tensor 'x' of shape"),
        (lambda model: model + _tensor(protobuf.integer(2, 1), protobuf.text(8, "x")), "0 bytes for a tensor 'x', float32 of shape"),
        (lambda model: model + _tensor(protobuf.integer(1, 0), protobuf.text(8, "x")), "a tensor without an element type"),
        (lambda model: model + _tensor(protobuf.integer(1, 0), protobuf.integer(2, 7), protobuf.text(8, "x")), "element type 7"),
        (lambda model: model + _tensor(protobuf.integer(1, 0), protobuf.integer(2, 1)), "a tensor without a name"),
        (lambda model: model + _tensor(protobuf.integer(1, 0), protobuf.integer(2, 1), protobuf.integer(14, 1), protobuf.text(8, "x")), "external data without a plain location"),
        (lambda model: model + _tensor(protobuf.integer(2, 1), protobuf.text(8, "input"), protobuf.message(9, bytes(4))), "'input' is defined twice"),
        (lambda model: model + _tensor(protobuf.integer(1, 0), protobuf.integer(1, 2**62), protobuf.integer(2, 1), protobuf.text(8, "x")), r"a tensor 'x' of shape \(0, "),
        (lambda model: model + _flatten(protobuf.integer(3, 1)), "an attribute 'axis' whose type 0 is not that of its value"),
        (lambda model: model + _flatten(protobuf.integer(3, 1), protobuf.integer(20, 7)), "an attribute 'axis' whose type 7 is not"),
        (lambda model: model + _flatten(protobuf.integer(8, 1), protobuf.integer(20, 2)), "an attribute 'axis' whose type 2 is not"),
        (lambda model: model + _flatten(protobuf.integer(3, 1), protobuf.integer(8, 1), protobuf.integer(20, 7)), "an attribute 'axis' whose type 7 is not"),
        (lambda model: model + _flatten(protobuf.integer(20, 2)), "an attribute 'axis' whose type 2 is not"),
        (lambda model: model + protobuf.message(7, protobuf.message(11, protobuf.text(1, "more") + UNKNOWN_AXIS)), "an axis without a size or a name"),
        (lambda model: model + protobuf.message(7, protobuf.message(1, protobuf.text(1, "input") + protobuf.text(2, "y"))), "a node without an operator"),
        (lambda model: model + protobuf.message(7, protobuf.message(11, protobuf.text(1, "a") + protobuf.text(1, "b"))), "an input without an element type"),
        (lambda model: model + protobuf.message(7, protobuf.message(1, protobuf.text(4, "Flatten") + protobuf.message(5, protobuf.text(1, "axis") + protobuf.text(3, "1")))), "bytes in place of a number"),
        (lambda model: model + protobuf.message(7, protobuf.message(1, protobuf.text(4, "Flatten") + protobuf.message(5, protobuf.integer(3, 1)))), "an attribute without a name"),
    ],
)  # fmt: skip
def test_ports_and_constants(features, change, problem):
    model = change(features["step.onnx"])
    assert model != features["step.onnx"]
    try:
        text = replayed(features, model).problem
    except BundleError as error:
        text = str(error)
    assert re.search(problem, text), text


def test_a_batch_of_one_is_not_a_batch(features):
    onnx = OnnxGraph("single")
    onnx.input("input", (1, 5))
    onnx.input("v:if1", ("N", 4))
    zeros(onnx)
    assert (
        "input 'input': float32 of shape (1, 5); expected float32 of ('N', 5)"
        in replayed(features, outputs(onnx)).problem
    )


def test_an_exception_of_onnx_runtime_is_a_problem_of_the_model(features):
    """Its `Where` takes no int16."""
    onnx = OnnxGraph("types")
    inputs(onnx)
    onnx.node("Greater", ["v:if1", "v:if1"], "never")
    onnx.node("Cast", ["v:if1"], "small", to=5)
    onnx.node("Where", ["never", "small", "small"], "unused")
    zeros(onnx)
    result = replayed(features, outputs(onnx))
    assert result.problem.startswith("ONNX Runtime refuses it (")
    assert not result.ok


def test_no_space_to_unpack_the_model(features, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(EngineError, match=r"step\.onnx: .*No such file or directory"):
        verify_step(decode(put_together(features)))


def test_spikes_are_0_or_1(features, runtime):
    onnx = OnnxGraph("halves")
    inputs(onnx)
    half = onnx.constant("half", np.full((4, 4), 0.5, np.float32))
    onnx.node("Gemm", ["input", onnx.constant("zero", np.zeros((5, 3), np.float32))], "logits")
    onnx.node("Gemm", ["v:if1", half, onnx.constant("bias", np.full(4, 0.3, np.float32))], "s:if1")
    onnx.node("Identity", ["v:if1"], "v_next:if1")
    assert "output 's:if1': contains" in replayed(features, outputs(onnx)).problem


def test_any_damage_is_reported(runtime):
    """Mutated step models are refused by the reader, or replayed without exceptions of other packages."""
    mutator, states = Mutator(5), set()
    for seed in range(150):
        mutator.random = Random(seed)
        members = dict(mutator.random.choice(mutator.bases))
        members["step.onnx"] = mutator.bytes(members["step.onnx"])
        try:
            result = verify_step(decode(put_together(members, lowering_version=LATER)))
        except BundleError:
            states.add("refused")
            continue
        states.add("ok" if result.ok else "differs" if result.problem == "" else "invalid")
    assert {"refused", "invalid"} <= states
