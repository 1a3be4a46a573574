"""Two readers without common code read mutated bundles: same verdict, same spikes.

`make conformance` runs the long form, and tests/stress/two_readers.py (part of `make fuzz`) hundreds of thousands.
"""

import ast
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import second_reader
from c_projects import drawn
from conformance_vectors.breaking import BASES, base, pack, weights
from hostile.bundles import bases
from hostile.bundles import pack as written
from hostile.graphs import hostile_bundles
from hostile.mutations import Mutator
from hostile.networks import NetworkMutator
from hostile.protobuf import MODEL, ProtobufMutator, encode
from hostile.protobuf import decode as fields_of
from joined_libraries import compile_together
from runners import RUNNERS
from second_reader.step import parse_model
from spikelet.bundle import decode, safetensors
from spikelet.bundle.step import StepModel
from spikelet.errors import BundleError
from spikelet.lowering.onnx.protobuf import External
from two_readers import disagreement, judge, runnable

EXAMPLES = int(os.environ.get("SPIKELET_CONFORMANCE", "80"))
GRAPHS = EXAMPLES // 2 if "SPIKELET_CONFORMANCE" in os.environ else EXAMPLES // 4
RANDOM = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
NO_SHRINKING = [phase for phase in Phase if phase is not Phase.shrink]
COMPILED = [name for name in RUNNERS if name.startswith("native")]
ENGINES = sorted(set(RUNNERS) - {"brian2", *COMPILED})


def assert_agreement(content, engines):
    verdicts = judge(content)
    assert verdicts.complaint is None
    if runnable(verdicts):
        assert disagreement(verdicts, engines) is None
    return verdicts


@settings(RANDOM, max_examples=2 * EXAMPLES)
@given(source=st.randoms(use_true_random=False))
def test_changed_networks(source):
    mutator = NetworkMutator(0)
    mutator.random = source
    assert_agreement(mutator.one()[1], ["numpy", "onnx"])


@settings(RANDOM, max_examples=3 * EXAMPLES)
@given(source=st.randoms(use_true_random=False))
def test_changed_bytes_and_documents(source):
    mutator = Mutator(0, [base(name) for name in BASES])
    mutator.random = source
    assert_agreement(mutator.one()[1], ["numpy"])


@pytest.mark.parametrize("exact", [True, False])
@settings(RANDOM, max_examples=GRAPHS)
@given(data=st.data())
def test_random_networks_with_hostile_names(exact, data):
    verdicts = assert_agreement(written(data.draw(hostile_bundles(exact))), ENGINES)
    if exact:
        assert verdicts.first is not None


def test_random_networks_with_hostile_names_compiled(monkeypatch):
    """The short form compiles all networks together."""
    monkeypatch.setenv("SPIKELET_CFLAGS", "-O0")
    files = [written(bundle) for bundle in drawn(hostile_bundles(), max(10, EXAMPLES // 10))]
    compile_together(decode(file).graph for file in files)
    for file in files:
        assert_agreement(file, COMPILED)


@settings(RANDOM, max_examples=max(10, EXAMPLES // 20), phases=NO_SHRINKING)
@given(bundle=hostile_bundles())
def test_random_networks_with_hostile_names_in_brian2(bundle):
    assert_agreement(written(bundle), ["brian2"])


@pytest.mark.parametrize("name", BASES)
def test_tensors_without_elements_are_refused(name):
    """Tensors may have a size of 0, but fields of nodes may not."""
    members = base(name)
    graph = json.loads(members["manifest.json"])["graph"]
    tensors = dict(safetensors.decode("weights.safetensors", members["weights.safetensors"]))
    assert second_reader.build(graph, tensors).nodes
    for field, value in tensors.items():
        with pytest.raises(second_reader.Refused):
            second_reader.build(graph, tensors | {field: value[:0]})
        changed = weights(lambda arrays, field=field: arrays.update({field: arrays[field][:0]}), name)()
        verdicts = judge(changed)
        assert verdicts.first is None
        assert verdicts.second is None


def step_models(content, weights):
    """Return the model of step.onnx as the first and as the second reader reads it; None if it is refused."""
    first = second = None
    with suppress(BundleError):
        first = StepModel(content, bytes(weights)).decode()
    with suppress(second_reader.Refused):
        second = parse_model(memoryview(content), weights)
    return first, second


@settings(RANDOM, max_examples=2 * EXAMPLES)
@given(index=st.integers(0, len(bases()) - 1), source=st.randoms(use_true_random=False))
def test_changed_step_models(index, source):
    members = bases()[index]
    weights = memoryview(members["weights.safetensors"])
    first, second = step_models(ProtobufMutator(source).changed(bytes(members["step.onnx"])), weights)
    assert (first is None) == (second is None)
    if first is None or second is None:
        return
    assert [operation.operator for operation in first.operations] == [node[0] for node in second.nodes]
    for operation, (_, inputs, outputs, attributes) in zip(first.operations, second.nodes, strict=True):
        assert (*operation.inputs, "", *operation.outputs) == (*inputs, "", *outputs)
        assert {
            name: value if isinstance(value, int) else list(value) for name, value in operation.attributes.items()
        } == attributes
    for constant, (name, tensor) in zip(first.constants, second.constants, strict=True):
        stored = constant.content
        if isinstance(stored, External):
            stored = weights[stored.offset : stored.offset + stored.length]
        assert (constant.name, constant.dtype, constant.shape) == (name, tensor.dtype.name, tensor.shape)
        assert stored.tobytes() == tensor.tobytes()
    assert [port.name for port in first.inputs] == second.inputs
    assert [port.name for port in first.outputs] == second.outputs


@pytest.mark.parametrize("index", range(len(bases())))
def test_changed_step_models_reach_both_verdicts(index):
    members = bases()[index]
    model, weights = bytes(members["step.onnx"]), memoryview(members["weights.safetensors"])
    assert encode(fields_of(model, MODEL)) == model
    models = [step_models(ProtobufMutator(Random(seed)).changed(model), weights)[1] for seed in range(60)]
    assert 10 < sum(second is None for second in models) < 50


def test_the_second_reader_shares_no_code_with_the_first():
    modules = {"__future__", "second_reader", "numpy"}
    for path in sorted(Path(second_reader.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                root = name.partition(".")[0]
                assert root in modules or root in sys.stdlib_module_names, f"{path.name} imports {name}"


def test_both_verdicts_are_reached():
    """Some mutations are accepted, and every group of rules that a network can break is violated by one."""
    mutator = NetworkMutator(1)
    accepted, sections = 0, set()
    for _ in range(400):
        content = mutator.one()[1]
        try:
            second_reader.read(content)
            accepted += 1
        except second_reader.Refused as refused:
            sections.add(refused.section)
    assert accepted > 80
    assert sections >= {"json", "manifest", "names", "graph", "weights", "exactness", "numbers", "golden"}


def test_mutations_are_repeatable():
    one, other = NetworkMutator(7), NetworkMutator(7)
    assert [one.one() for _ in range(30)] == [other.one() for _ in range(30)]


@pytest.mark.parametrize("name", BASES)
def test_a_planted_disagreement_is_detected(name, monkeypatch):
    content = pack(base(name))
    assert judge(content).complaint is None
    verdicts = judge(content)
    layer = verdicts.second.network.nodes[verdicts.second.network.spiking[0]]
    layer.arrays["theta"] = layer.arrays["theta"] * 50
    assert "spikes of" in disagreement(verdicts, ["numpy"])
    monkeypatch.setattr("two_readers.decode", lambda content: (_ for _ in ()).throw(BundleError("planted")))
    assert judge(content).complaint == "spikelet: planted; second reader: reads it"
    assert decode(content).graph.nodes
