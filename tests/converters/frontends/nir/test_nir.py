"""Import of NIR files of other programs: names, neuron dynamics, nested graphs, errors."""

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
from converters_support import spikes_of
from hostile.names import NAMES, renamed
from networks import small_graph
from spikelet.bundle import read as load
from spikelet.bundle import write
from spikelet.engines import create
from spikelet.errors import ConversionError
from spikelet.verify import verify, verify_step
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.conversion.source import convert_source
from spikelet_converters.exports.nir import to_nir
from spikelet_converters.exports.onnx import export as export_onnx
from spikelet_converters.frontends.nir import from_nir, read
from spikelet_converters.frontends.nir.reader import Reader
from spikelet_converters.frontends.nir.simulation import _NODES


def full(value, n=2):
    return np.full(n, value, np.float32)


def nir_of(*nodes, edges=None, shape=(3,)):
    named = {"input": nir.Input({"input": np.array(shape)})}
    named |= {f"n{i}": node for i, node in enumerate(nodes)}
    named["output"] = nir.Output({"output": np.array([2])})
    names = list(named)
    edges = edges or list(zip(names[:-1], names[1:], strict=True))  # noqa: RUF007
    return nir.NIRGraph(named, edges, type_check=False)


KINDS = {kind.__name__.lower() for kind in nir.NIRNode.__subclasses__()}
WEIGHT = np.array([[0.5, -0.25, 0.75], [0.25, 0.5, -0.5]], np.float32)


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(NAMES))
def test_layers_of_another_writer_keep_their_names(order):
    """Without an annotation valid names are kept, except those of the input and the output of the graph."""
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


def test_invalid_names_stay_distinct():
    names = ["0", "1", "a b", "a_b", "a/b", "ä", "ß", "A" * 64, "A" * 65, "A" * 66, "input", "output", ""]
    layers = {name: nir.Linear(np.eye(3, dtype=np.float32)) for name in names}
    nodes = {"in": nir.Input({"input": np.array([3])}), **layers, "fire": nir.IF(full(1, 3), full(1, 3))}
    nodes["out"] = nir.Output({"output": np.array([3])})
    graph = from_nir(nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False)).graph
    assert sum(node.kind == "Linear" for node in graph.nodes.values()) == len(names)
    assert {"a_b", "A" * 64} <= set(graph.nodes)


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
    source = from_nir(nir_of(inner, nir.Linear(WEIGHT[:, :2]), out))
    graph = source.graph
    assert check_graph(source, None) < 1e-4, "the simulation expands nested graphs as well"
    assert [graph.nodes[name].kind for name in graph.order][-4:] == ["LI", "LI", "Scale", "Output"]
    assert len(graph.spiking) == 1


def test_every_node_that_is_read_is_simulated():
    read_kinds = {name[1:] for name in vars(Reader) if name.startswith("_") and name[1:] in KINDS}
    assert read_kinds > {"affine", "cubalif", "conv1d"}
    assert read_kinds | {"output", "pass", "threshold"} == {kind.lower() for kind in _NODES}


def test_a_misreading_of_a_network_with_many_ties_is_detected(monkeypatch):
    """Ties of integer networks explain any small difference; with other weights there are none."""
    network = to_nir(small_graph(1))
    network.metadata.clear()
    assert check_graph(from_nir(network), None) is not None

    def misread(self, name, where, node, x):
        factor = self._channels(where, "scale", node.scale, x)
        return replace(x, factor=x.factor * factor, offset=x.offset + factor)

    monkeypatch.setattr(Reader, "_scale", misread)
    source = from_nir(network)
    with pytest.raises(ConversionError, match="computes other outputs than the network on random inputs and weights"):
        check_graph(source, None)
    assert check_graph(replace(source, perturbed=None), None) > 0, "ties alone hide it"


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nir_of(nir.Linear(WEIGHT), nir.Delay(full(1e-3))), r"node n1 \(Delay\): bundles have no delays"),
        (nir_of(nir.Linear(WEIGHT), nir.Threshold(full(1))), r"node n1 \(Threshold\): .* use an IF"),
        (
            nir_of(
                nir.Linear(WEIGHT), nir.LIF(full(4e-4), full(1), full(0.5), full(1), full(0)), nir.IF(full(1), full(1)),
                nir.Scale(full(1)),
                edges=[("input", "n0"), ("n0", "n1"), ("n0", "n2"), ("n1", "n3"), ("n2", "n3"), ("n3", "output")],
            ),
            r"node n[12] \(L?IF\): uses n0, whose bias includes a constant of another layer; give this layer weights",
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
        (nir_of(nir.Linear(WEIGHT[:, :2])), r"node n0 \(Linear\): expected an input of shape \(2,\), found \(3,\)"),
    ],
)  # fmt: skip
def test_properties_of_nir_that_are_not_supported_are_refused(network, message):
    with pytest.raises(ConversionError, match=message):
        from_nir(network)


def test_an_if_whose_gain_is_one_over_dt():
    """SpikingJelly writes r = 1/dt, the files of the NIR paper r = 1; in both, a spike adds its weight to the potential."""
    inputs = np.random.default_rng(0).integers(0, 4, (5, 3)).astype(np.float32)
    ours, theirs = (from_nir(nir_of(nir.Linear(WEIGHT), nir.IF(full(r), full(1)))) for r in (1, 1e4))
    assert theirs.notes == ("node n1 (IF): r = 1/dt, as SpikingJelly writes it, was taken as one a time-step",)
    assert not ours.notes
    for a, b in zip(spikes_of(ours.graph, inputs, 8), spikes_of(theirs.graph, inputs, 8), strict=True):
        assert np.array_equal(a["n1"], b["n1"])


def test_files_that_are_no_nir_files_are_refused(tmp_path):
    (tmp_path / "a.nir").write_bytes(b"junk")
    with pytest.raises(ConversionError, match="not a NIR file that can be read"):
        read(tmp_path / "a.nir")
