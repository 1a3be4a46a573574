"""The normalised form of a NIR export: float32, thresholds of 1, the same spikes."""

import nir
import numpy as np
import pytest
from hypothesis import given, settings

from converters_support import bundle_of, spikes_of
from networks import graphs, small_graph
from spikelet import shipped
from spikelet.bundle import read as load
from spikelet.cli import main
from spikelet.copies import expand
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Output
from spikelet_converters.choices import NIR_FORMS
from spikelet_converters.exports.nir import export, to_nir
from spikelet_converters.exports.normalise import normalised
from spikelet_converters.frontends.nir import from_nir, read


def chain(reset="subtract", tie=">=", leak=False):
    """Return an exact network with layers of different thresholds, whose potentials often equal them."""
    rng = np.random.default_rng(3)
    theta, start = rng.integers(4, 13, 6).astype(np.int32), rng.integers(-3, 4, 6).astype(np.int32)
    neuron = LIF(theta, start, reset, tie, decay=np.ones(6, np.int32)) if leak else IF(theta, start, reset, tie)
    nodes = {
        "input": Input((4,), np.array([3, 1, 2, 0], np.int16), 0, 8),
        "fc": Linear(rng.integers(-3, 6, (6, 4)).astype(np.int8), rng.integers(-2, 3, 6).astype(np.int32)),
        "if": neuron,
        "out": Linear(rng.integers(-3, 4, (2, 6)).astype(np.int8), np.ones(2, np.int32)),
        "output": Output(0.25),
    }
    names = list(nodes)
    return Graph(nodes, tuple(zip(names[:-1], names[1:], strict=True)))  # noqa: RUF007


@pytest.mark.parametrize("tie", [">=", ">"])
def test_rounding_changes_no_spike(tie):
    """Integer potentials equal their thresholds; divided by them, float32 would decide by chance."""
    graph = chain(tie=tie)
    unit = normalised(graph)
    assert (unit.nodes["if"].theta == 1).all()
    assert unit.output.scale == 1
    assert np.array_equal(unit.nodes["out"].weight, graph.nodes["out"].weight * np.float32(0.25))
    inputs = np.random.default_rng(0).integers(0, 9, (300, 4)).astype(np.float32)
    pairs = list(zip(spikes_of(graph, inputs, 16), spikes_of(unit, inputs, 16), strict=True))
    assert all(np.array_equal(a["if"], b["if"]) for a, b in pairs)
    assert 0.1 < np.mean([a["if"] for a, _ in pairs]) < 0.9


def test_a_shift_becomes_a_factor():
    unit = normalised(chain(leak=True))
    assert (unit.nodes["if"].decay == 0.5).all()
    assert not unit.exact


def is_own(graph, name):
    """Return whether the current of a neuron comes from a layer of weights that has no other successor."""
    (source,) = graph.predecessors[name]
    return isinstance(graph.nodes[source], Conv2d | Linear) and graph.successors[source] == (name,)


@settings(max_examples=40, deadline=None)
@given(graph=graphs(copies=(1, 1, 3)))
def test_every_network_is_normalised_or_refused(graph):
    """The export is the normalised network, which comes back from its annotation as it is."""
    graph = expand(graph)
    if not all(is_own(graph, name) or (graph.neuron(name).theta == 1).all() for name in graph.spiking):
        with pytest.raises(ConversionError, match="; use --form annotated"):
            to_nir(graph, "normalised")
        return
    network = to_nir(graph, "normalised")
    thresholds = [node.v_threshold for node in network.nodes.values() if isinstance(node, nir.IF | nir.LIF)]
    assert len(thresholds) == len(graph.spiking)
    assert all((theta == 1).all() for theta in thresholds)
    again = from_nir(network)
    assert again.bits is None
    assert dict(again.graph.nodes) == dict(normalised(graph).nodes)


def test_neurons_after_a_sum_are_refused():
    one = np.ones(2, np.int32)
    nodes = {
        "input": Input((2,), np.zeros(2, np.int16)),
        "a": Linear(np.eye(2, dtype=np.int8), 0 * one),
        "b": Linear(np.eye(2, dtype=np.int8), 0 * one),
        "sum": Add(),
        "if": IF(3 * one, one),
        "output": Output(),
    }
    edges = (("input", "a"), ("input", "b"), ("a", "sum"), ("b", "sum"), ("sum", "if"), ("if", "output"))
    with pytest.raises(ConversionError, match=r"neuron if: .* comes from sum \(Add\) .*; use --form annotated"):
        normalised(Graph(nodes, edges))


def test_the_command(tmp_path, capsys):
    """A shipped network has neurons with thresholds of 1, and no scale; the bundle that comes back is float32."""
    file, again = tmp_path / "a.nir", tmp_path / "a.snnb"
    assert main(["export", "nir", "vgg5-fashion-mnist", str(file), "--form", "normalised"]) == 0
    assert "other readers start at zero instead of the initial potential" in capsys.readouterr().out
    nodes = nir.read(file).nodes
    assert not any(isinstance(node, nir.Scale) for node in nodes.values())
    assert main(["convert", str(file), "-o", str(again)]) == 0
    (path,) = [path for path in shipped.files() if path.name == "vgg5-fashion-mnist.snnb"]
    shipped_bundle, float_bundle = load(path), load(again)
    assert dict(float_bundle.graph.nodes) == dict(normalised(shipped_bundle.graph).nodes)
    images = shipped_bundle.golden.inputs.astype(np.float32)
    for a, b in zip(spikes_of(shipped_bundle.graph, images, 8), spikes_of(float_bundle.graph, images, 8), strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in a)


def test_a_network_with_sums_is_refused_by_the_command(tmp_path, capsys):
    assert main(["export", "nir", "resnet20-cifar10", str(tmp_path / "a.nir"), "--form", "normalised"]) == 1
    error = capsys.readouterr().err
    assert "its thresholds cannot become 1" in error
    assert not list(tmp_path.iterdir())


def test_the_types_of_grouped_convolutions(tmp_path):
    """The check of `nir` compares the channels of one group; the note says how to read the file."""
    one = np.ones(2, np.int32)
    nodes = {
        "input": Input((2, 3, 3), np.zeros(2, np.int16)),
        "conv": Conv2d(np.ones((2, 1, 3, 3), np.int8), 0 * one, groups=2),
        "if": IF(3 * one, one),
        "flat": Flatten(),
        "output": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(zip(names[:-1], names[1:], strict=True)))  # noqa: RUF007
    for form in NIR_FORMS:
        differences = export(bundle_of(graph), tmp_path / form, form)
        assert any("nir.read(path, type_check=False)" in difference for difference in differences)
        with pytest.raises(ValueError, match="type mismatch"):
            nir.read(tmp_path / form)
        assert read(tmp_path / form).graph.nodes["conv"].groups == 2


def test_leaks_by_shifts_are_among_the_differences(tmp_path):
    differences = export(bundle_of(chain(leak=True)), tmp_path / "a.nir", "normalised")
    assert any("leaks by shifts have become factors" in difference for difference in differences)
    assert not any("shifts" in difference for difference in export(bundle_of(small_graph()), tmp_path / "b.nir"))
