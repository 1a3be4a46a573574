"""NIR export and import of every node, the annotation, the expressed form, and files of other writers."""

import json
from dataclasses import replace
from itertools import pairwise

import nir
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spikelet
from bundle_changes import make
from converters_support import bundle_of, spikes_of
from hostile.names import NAMES, renamed
from networks import graphs, small_graph
from spikelet import shipped
from spikelet.bundle import SUFFIX, write
from spikelet.bundle import read as load
from spikelet.cli import main
from spikelet.engines import create
from spikelet.errors import ConversionError, UsageError
from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Input, Linear, Output
from spikelet.verify import verify, verify_step
from spikelet_converters.conversion.source import convert_source
from spikelet_converters.exports.nir import export, to_nir
from spikelet_converters.exports.onnx import export as export_onnx
from spikelet_converters.frontends.nir import from_nir, read


@settings(max_examples=40, deadline=None)
@given(graph=graphs())
def test_every_node_comes_back_from_nir_as_it_was(graph, tmp_path_factory):
    path = tmp_path_factory.mktemp("nir") / "a.nir"
    nir.write(path, to_nir(graph))
    imported = read(path).graph
    assert dict(imported.nodes) == dict(graph.nodes)
    assert set(imported.edges) == set(graph.edges)


def round_trip(bundle, folder):
    """The bundle that is converted from the NIR file of a bundle."""
    export(bundle, folder / "a.nir")
    write(convert_source(read(folder / "a.nir"), "again", bits=None), folder / "a.snnb")
    return load(folder / "a.snnb")


def assert_same_network(bundle, again):
    """The same network, and the same spikes and logits of the golden inputs."""
    assert dict(again.graph.nodes) == dict(bundle.graph.nodes)
    assert set(again.graph.edges) == set(bundle.graph.edges)
    assert again.graph.exact == bundle.graph.exact
    assert again.manifest.bits == bundle.manifest.bits
    assert again.manifest.exact_steps == bundle.manifest.exact_steps
    assert again.manifest.labels == bundle.manifest.labels
    assert verify(replace(again, golden=bundle.golden), "numpy").ok
    if bundle.graph.exact:
        assert verify_step(again).ok


@pytest.mark.parametrize(
    "path", [path for path in shipped.files() if path.suffix == SUFFIX], ids=lambda path: path.stem
)
def test_every_shipped_bundle_comes_back_from_nir(path, tmp_path):
    bundle = load(path)
    assert_same_network(bundle, round_trip(bundle, tmp_path))


def with_leaks(graph, rng):
    """The float32 network with leaky integrators after its first layer with weights, and late resets of its LIFs."""
    nodes, edges = dict(graph.nodes), list(graph.edges)
    for name, node in graph.nodes.items():
        if isinstance(node, LIF) and node.reset == "subtract" and rng.random() < 0.5:
            nodes[name] = replace(node, reset="subtract-late")
    first = next(name for name in graph.order if isinstance(nodes[name], Linear))
    decay = rng.choice(np.array([0.25, 0.9, 1.0], np.float32), graph.shapes[first][0])
    nodes["leak"] = LI(decay)
    edges = [("leak" if a == first else a, b) for a, b in edges] + [(first, "leak")]
    return Graph(nodes, tuple(edges))


@settings(max_examples=25, deadline=None)
@given(data=st.data(), exact=st.booleans(), order=st.permutations(NAMES), seed=st.integers(0, 99))
def test_every_bundle_comes_back_from_nir(data, exact, order, seed, tmp_path_factory):
    """Every kind of node under any name: exact networks stay exact, with their leaks by shifts."""
    graph = data.draw(graphs(exact=exact))
    if not exact:
        graph = with_leaks(graph, np.random.default_rng(seed))
    bundle = make(renamed(graph, order), exact)
    bundle = replace(bundle, manifest=replace(bundle.manifest, labels=tuple(map(str, range(graph.classes)))))
    assert_same_network(bundle, round_trip(bundle, tmp_path_factory.mktemp("nir")))


def test_bits_below_those_of_an_exact_network_are_refused():
    source = from_nir(to_nir(small_graph()))
    assert convert_source(source, "a", bits=None).manifest.bits == 4
    assert convert_source(source, "a", bits=8).manifest.bits == 8
    with pytest.raises(UsageError, match="of integers with weights of 4 bits, which are kept: omit --bits"):
        convert_source(source, "a", bits=3)


def test_the_commands_keep_an_exact_network(tmp_path, capsys):
    """With leaks by shifts, which a float network that is rounded cannot have."""
    bundle = bundle_of(small_graph())
    write(bundle, tmp_path / "a.snnb")
    source, target = str(tmp_path / "a.nir"), str(tmp_path / "b.snnb")
    assert main(["export", "nir", str(tmp_path / "a.snnb"), source]) == 0
    assert main(["convert", source, "-o", target, "--float32"]) == 2
    assert "is a network of integers, which is exact; omit --float32" in capsys.readouterr().err
    for options in ([], ["--bits", "8"]):
        assert main(["convert", source, "-o", target, *options]) == 0
        assert dict(load(tmp_path / "b.snnb").graph.nodes) == dict(bundle.graph.nodes)


def test_an_annotation_of_version_1_is_read():
    """Its NIR nodes have a dot in place of the colon."""
    graph = small_graph()
    network = to_nir(graph, version=1)
    assert {"input.mean", "output.scale"} <= set(network.nodes)
    assert dict(from_nir(network).graph.nodes) == dict(graph.nodes)


def test_names_that_collided_in_version_1():
    graph = renamed(small_graph(), ["a", "a.mean", *(f"n{i}" for i in range(20))][: len(small_graph().nodes)])
    assert dict(from_nir(to_nir(graph)).graph.nodes) == dict(graph.nodes)
    with pytest.raises(
        ConversionError, match=r"node a\.mean: two NIR nodes are called 'a\.mean'; export the bundle again"
    ):
        to_nir(graph, version=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.pop("graph"),
        lambda note: note.update(version=3),
        lambda note: note.update(graph=[]),
        lambda note: note["values"].update({"if1.theta": [2**40] * 4}),
        lambda note: note["values"].update({"if1.theta": "text"}),
        lambda note: note["dtypes"].update({"if1.theta": "no type"}),
        lambda note: note["dtypes"].update({"none.weight": "int8"}),
        lambda note: note.update(dt="soon"),
        lambda note: note.update(labels=7),
    ],
)
def test_damaged_annotations(change):
    network = to_nir(small_graph())
    note = json.loads(network.metadata["spikelet"])
    change(note)
    network.metadata["spikelet"] = json.dumps(note)
    with pytest.raises(ConversionError, match="the annotation of this NIR file is damaged"):
        from_nir(network)


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(NAMES))
def test_layers_of_another_writer_keep_their_names(order):
    """Without an annotation: valid names stay, but for those of the graph's input and output."""
    graph = renamed(small_graph(), order)
    network = to_nir(graph)
    network.metadata.clear()
    imported = from_nir(network).graph
    for name, node in graph.nodes.items():
        if node.kind in ("Conv2d", "Linear", "IF", "LIF", "SumPool2d") and name not in ("input", "output"):
            assert imported.nodes[name].kind == node.kind


def test_layers_called_x_and_bias_are_converted_verified_streamed_and_exported(tmp_path):
    rng = np.random.default_rng(0)
    shapes = {"l": (6, 4), "x": (6, 6), "bias": (3, 6)}
    first, x, bias = (
        nir.Affine(rng.normal(size=shape).astype(np.float32), full(0.1, shape[0])) for shape in shapes.values()
    )
    fire = [nir.IF(full(1, 6), full(40, 6)), nir.IF(full(1, 6), full(1, 6))]
    nodes = {"in": nir.Input({"input": np.array([4])}), "l": first, "n0": fire[0], "x": x, "n": fire[1], "bias": bias}
    nodes["out"] = nir.Output({"output": np.array([3])})
    nir.write(tmp_path / "a.nir", nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False))
    bundle = convert_source(read(tmp_path / "a.nir"), "a", bits=8)
    assert {"l", "n0", "x", "n", "bias"} <= set(bundle.graph.nodes)
    write(bundle, tmp_path / "a.snnb")
    bundle = load(tmp_path / "a.snnb")
    assert bundle.golden.logits.any()
    assert all(verify(bundle, engine).ok for engine in ("numpy", "onnx"))
    assert verify_step(bundle).ok
    frames = rng.integers(0, 256, (5, 1, 4)).astype(np.uint8)
    streams = [list(spikelet.load(tmp_path / "a.snnb", engine=name).stream(frames)) for name in ("numpy", "onnx")]
    assert [step.logits.tolist() for step in streams[0]] == [step.logits.tolist() for step in streams[1]]
    for path in export_onnx(bundle, tmp_path / "onnx"):
        if path.suffix == ".onnx":
            onnx.checker.check_model(onnx.load(path), full_check=True)
            onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def test_names_that_are_not_valid_stay_apart():
    names = ["0", "1", "a b", "a_b", "a/b", "ä", "ß", "A" * 64, "A" * 65, "A" * 66, "input", "output", ""]
    layers = {name: nir.Linear(np.eye(3, dtype=np.float32)) for name in names}
    nodes = {"in": nir.Input({"input": np.array([3])}), **layers, "fire": nir.IF(full(1, 3), full(1, 3))}
    nodes["out"] = nir.Output({"output": np.array([3])})
    graph = from_nir(nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False)).graph
    assert sum(node.kind == "Linear" for node in graph.nodes.values()) == len(names)
    assert {"a_b", "A" * 64} <= set(graph.nodes)


@pytest.mark.parametrize("exact", [True, False])
def test_a_file_that_was_changed_is_read_by_its_own_words(exact, tmp_path):
    graph = small_graph(exact=exact)
    path = tmp_path / "a.nir"
    differences = export(bundle_of(graph), path)
    assert "other readers reset these neurons to zero instead of subtracting" in differences[0]
    assert dict(read(path).graph.nodes) == dict(graph.nodes)
    changed = nir.read(path, type_check=False)
    changed.nodes["if1"].v_threshold *= 2
    source = from_nir(changed)
    assert source.notes[0].startswith("the file was changed after spikelet wrote it")
    assert source.graph.nodes["if1"].reset == "zero"
    assert np.allclose(source.graph.nodes["if1"].theta, 2 * graph.nodes["if1"].theta.astype(float))


def interpret(network, inputs, steps):
    """Thresholds' spikes of an expressed NIR graph, by NIR's own meaning and a step's delay on what closes a cycle."""
    order = ["input", "input:mean", "fc", "if:v", "if", "if:reset", "out"]
    v, back, imported = 0.0, 0.0, []
    nodes = network.nodes
    assert set(order) <= set(nodes)
    for _ in range(steps):
        x = inputs @ nodes["input:mean"].weight.T + nodes["input:mean"].bias
        current = x @ nodes["fc"].weight.T + nodes["fc"].bias
        v = v + nodes["if:v"].r * (current + back)
        fired = v > nodes["if"].threshold
        back = fired * nodes["if:reset"].scale
        imported.append(fired)
    return imported


@pytest.mark.parametrize("tie", [">=", ">"])
def test_the_expressed_form_says_what_the_neuron_does(tie):
    """Reset by subtraction, v_init and the tie in NIR's own nodes: the same spikes by NIR's own meaning."""
    rng = np.random.default_rng(0)
    nodes = {
        "input": Input((4,), np.array([3, 1, 2, 0], np.int16), 0, 8),
        "fc": Linear(rng.integers(-3, 6, (5, 4)).astype(np.int8), rng.integers(-2, 3, 5).astype(np.int32)),
        "if": IF(rng.integers(4, 9, 5).astype(np.int32), rng.integers(-3, 4, 5).astype(np.int32), "subtract", tie),
        "out": Linear(np.ones((2, 5), np.int8), np.zeros(2, np.int32)),
        "output": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(zip(names[:-1], names[1:], strict=True)))  # noqa: RUF007
    inputs = rng.integers(0, 9, (6, 4)).astype(np.float32)
    wanted = spikes_of(graph, inputs, 12)
    imported = interpret(to_nir(graph, "expressed"), inputs, 12)
    assert all(np.array_equal(a["if"], b) for a, b in zip(wanted, imported, strict=True))
    assert 0.1 < np.mean(imported) < 0.9
    assert dict(from_nir(to_nir(graph, "expressed")).graph.nodes) == dict(graph.nodes), "and the annotation reads back"


def test_a_reset_to_zero_is_expressed_without_feedback():
    """Our own reader, told nothing by metadata, fires the very same spikes."""
    one = np.ones(3, np.int32)
    nodes = {
        "input": Input((2,), np.zeros(2, np.int16), 0, 9),
        "fc": Linear(np.array([[1, 2], [2, 1], [1, 1]], np.int8), 0 * one),
        "if": IF(np.array([5, 7, 6], np.int32), np.array([2, 0, -1], np.int32), "zero", ">="),
        "out": Linear(np.ones((2, 3), np.int8), np.zeros(2, np.int32)),
        "output": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(zip(names[:-1], names[1:], strict=True)))  # noqa: RUF007
    network = to_nir(graph, "expressed")
    network.metadata.clear()
    imported = from_nir(network).graph
    inputs = np.random.default_rng(0).integers(0, 4, (5, 2)).astype(np.float32)
    for a, b in zip(spikes_of(graph, inputs, 10), spikes_of(imported, inputs, 10), strict=True):
        assert np.array_equal(a["if"], b["if"])


def test_a_leak_by_shifts_has_no_expressed_form():
    one = np.ones(3, np.int32)
    nodes = {
        "input": Input((3,), np.zeros(3, np.int16)),
        "fc": Linear(np.eye(3, dtype=np.int8), 0 * one),
        "lif": LIF(one, 0 * one, decay=one),
        "out": Linear(np.eye(3, dtype=np.int8), 0 * one),
        "output": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(zip(names[:-1], names[1:], strict=True)))  # noqa: RUF007
    with pytest.raises(
        ConversionError, match="neuron lif: NIR does not represent a leak by an integer shift, .*; use --form annotated"
    ):
        to_nir(graph, "expressed")


def nir_of(*nodes, edges=None, shape=(3,)):
    named = {"input": nir.Input({"input": np.array(shape)})}
    named |= {f"n{i}": node for i, node in enumerate(nodes)}
    named["output"] = nir.Output({"output": np.array([2])})
    names = list(named)
    edges = edges or list(zip(names[:-1], names[1:], strict=True))  # noqa: RUF007
    return nir.NIRGraph(named, edges, type_check=False)


def full(value, n=2):
    return np.full(n, value, np.float32)


WEIGHT = np.array([[0.5, -0.25, 0.75], [0.25, 0.5, -0.5]], np.float32)


@pytest.mark.parametrize(
    "neuron",
    [
        nir.IF(full(0.5), full(1), full(0)),
        nir.IF(full(0.5), full(1), full(0.25)),
        nir.LIF(full(4e-4), full(3), full(0), full(1), full(0)),
        nir.LIF(full(4e-4), full(3), full(0.25), full(1), full(0.25)),
        nir.LIF(full(4e-4), full(3), np.array([1.2, -0.5], np.float32), full(1), full(0.25)),
        nir.CubaLIF(full(2e-4), full(4e-4), full(3), full(0), full(1), full(0), full(2)),
    ],
    ids=[
        "IF",
        "IF that resets elsewhere",
        "LIF",
        "LIF that leaks elsewhere",
        "LIF that leaks to one and resets to another",
        "CubaLIF",
    ],
)
def test_neurons_of_nir_by_eulers_step(neuron):
    graph = from_nir(nir_of(nir.Linear(WEIGHT), neuron)).graph
    inputs = np.random.default_rng(0).integers(0, 4, (30, 5, 3)).astype(np.float32)
    runner = create(graph, "numpy", graph.spiking)
    runner.reset(5)
    v = current = np.zeros((5, 2), np.float64)
    total = 0
    for x in inputs:
        i = x @ WEIGHT.T.astype(np.float64)
        if isinstance(neuron, nir.CubaLIF):
            current = current + 1e-4 / neuron.tau_syn * (neuron.w_in * i - current)
            i = current
        if isinstance(neuron, nir.IF):
            v = v + neuron.r * i
        else:
            tau = neuron.tau_mem if isinstance(neuron, nir.CubaLIF) else neuron.tau
            v = v + 1e-4 / tau * (neuron.v_leak - v + neuron.r * i)
        fired = v > neuron.v_threshold
        tie = np.abs(v - neuron.v_threshold) < 1e-6
        v = np.where(fired, neuron.v_reset, v)
        runner.step(x)
        assert (np.equal(runner.spikes("n1"), fired) | tie).all()
        total += fired.sum()
    assert 20 < total < 280


def test_readouts_and_nested_graphs():
    inner = nir.NIRGraph.from_list(nir.Affine(WEIGHT, full(0.1)), nir.IF(full(1), full(1)), type_check=False)
    out = nir.CubaLI(full(2e-4), full(4e-4), full(3), full(0))
    graph = from_nir(nir_of(inner, nir.Linear(WEIGHT[:, :2]), out)).graph
    assert [graph.nodes[name].kind for name in graph.order][-4:] == ["LI", "LI", "Scale", "Output"]
    assert len(graph.spiking) == 1


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nir_of(nir.Linear(WEIGHT), nir.Delay(full(1e-3))), r"node n1 \(Delay\): IR version 1 has no delays"),
        (nir_of(nir.Linear(WEIGHT), nir.Threshold(full(1))), r"node n1 \(Threshold\): .* use an IF"),
        (
            nir_of(nir.IF(full(1, 3), full(1, 3)), nir.LIF(full(4e-4, 3), full(1, 3), full(0.5, 3), full(1, 3), full(0, 3))),
            r"node n1 \(LIF\): resets to 0 and leaks to 0\.5; expected a layer with weights before it, used by no other layer",
        ),
        (
            nir_of(
                nir.Linear(WEIGHT), nir.LIF(full(4e-4), full(1), full(0.5), full(1), full(0)), nir.IF(full(1), full(1)),
                nir.Scale(full(1)),
                edges=[("input", "n0"), ("n0", "n1"), ("n0", "n2"), ("n1", "n3"), ("n2", "n3"), ("n3", "output")],
            ),
            r"node n[12] \(L?IF\): .*constant of another layer; give this layer weights|expected a layer with weights before it",
        ),
        (
            nir_of(nir.Linear(WEIGHT), nir.LIF(full(5e-5), full(1), full(0), full(1), full(0))),
            r"a time constant of 5e-05 s does not fit time-steps of 0\.0001 s; give shorter time-steps with --dt",
        ),
        (
            nir_of(
                nir.Linear(WEIGHT), nir.IF(full(1), full(1)), nir.Linear(np.eye(2, dtype=np.float32)),
                edges=[("input", "n0"), ("n0", "n1"), ("n1", "n2"), ("n2", "n1"), ("n1", "output")],
            ),
            r"n1 \(IF\), n2 \(Linear\), output \(Output\) form or follow a cycle: the network is recurrent",
        ),
        (
            nir_of(nir.Linear(WEIGHT), nir.LI(full(4e-4), full(1), full(0.5))),
            r"node n1 \(LI\): leaks to 0\.5; expected a readout with v_leak = 0",
        ),
        (nir_of(nir.Linear(WEIGHT[:, :2])), r"node n0 \(Linear\): expected an input of shape \(2,\), found \(3,\)"),
        (
            nir_of(nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1])), shape=(3, 4, 4)),
            r"node n0 \(SumPool2d\): padding \(1, 1\) has no node; pad the image instead",
        ),
    ],
)  # fmt: skip
def test_what_nir_says_and_we_cannot(network, message):
    with pytest.raises(ConversionError, match=message):
        from_nir(network)


def test_an_if_whose_gain_is_one_over_dt():
    """SpikingJelly writes r = 1/dt, the NIR paper's files r = 1; both mean that a spike brings its weight."""
    inputs = np.random.default_rng(0).integers(0, 4, (5, 3)).astype(np.float32)
    ours, theirs = (from_nir(nir_of(nir.Linear(WEIGHT), nir.IF(full(r), full(1)))) for r in (1, 1e4))
    assert theirs.notes == ("node n1 (IF): r = 1/dt, as SpikingJelly writes it, was taken as one a time-step",)
    assert not ours.notes
    for a, b in zip(spikes_of(ours.graph, inputs, 8), spikes_of(theirs.graph, inputs, 8), strict=True):
        assert np.array_equal(a["n1"], b["n1"])


def test_what_is_no_nir_file(tmp_path):
    (tmp_path / "a.nir").write_bytes(b"junk")
    with pytest.raises(ConversionError, match="not a NIR file that can be read"):
        read(tmp_path / "a.nir")
