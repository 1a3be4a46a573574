"""Blocks of a network, and its source network."""

from dataclasses import replace

import numpy as np
import pytest

from gui_support.bundles import bundle_of, copied_graph, plain_graph, quiet
from networks import Builder, small_graph
from spikelet.bundle import Bundle, Manifest
from spikelet.engines import create
from spikelet.graph import Graph
from spikelet.nodes import LI, Flatten, Output
from spikelet.verify import record_golden
from spikelet_gui.models.activity.source import SourceNetwork, levels, obstacle
from spikelet_gui.models.activity.trace import record
from spikelet_gui.models.analysis.residuals import reach, residuals
from spikelet_gui.models.network.blocks import block_facts, blocks, shape_text, title
from spikelet_gui.models.network.weights import Weights
from spikelet_gui.models.numbers import short_percent


def test_every_node_is_in_one_block_and_blocks_follow_each_other():
    graph = small_graph()
    parts = blocks(graph)
    assert sorted(name for block in parts for name in block.members) == sorted(graph.nodes)
    assert [block.name for block in parts] == ["input", "if1", "if2", "if3", "output"]
    assert [block.row for block in parts] == [0, 1, 2, 3, 4]
    assert parts[2].members[-1] == "if2"
    assert {"conv2", "shortcut", "add", "pool1"} < set(parts[2].members)
    assert title(graph, parts[2]) == "pool 2×2 · conv 3×3 · scale · add"


def test_facts_are_those_of_the_file(bundle):
    block = next(block for block in blocks(bundle.graph) if block.name == "if1")
    groups = dict(block_facts(bundle, block))
    assert dict(groups["if1"])["fires when"] == "v ≥ θ"
    assert dict(groups["if1"])["neurons"] == "256"
    assert dict(groups["conv1"])["kernel"] == "3×3"


def test_sizes_and_shares_of_many_classes_can_be_read():
    assert shape_text((1000,)) == "1,000"
    assert [short_percent(1 / classes) for classes in (1, 3, 10, 1000)] == ["100%", "33.3%", "10%", "0.1%"]


def test_rates_of_many_time_steps_approach_the_source_network(bundle, images):
    """After hundreds of time-steps an IF network's rates are the clipped ReLU's activations."""
    graph = bundle.graph
    _, activations = SourceNetwork(graph, None).activations(images.images[:4].astype(np.float32))
    engine = create(graph, "numpy", graph.spiking)
    steps = 400
    assert engine.step_limit >= steps
    engine.reset(4)
    counts = dict.fromkeys(graph.spiking, 0)
    for t in range(steps):
        engine.step(images.images[:4].astype(np.float32) if t == 0 else None)
        for name in graph.spiking:
            counts[name] = counts[name] + engine.spikes(name)
    assert np.abs(counts["if1"] / steps - activations["if1"]).max() <= 3 / steps
    assert np.abs(counts["if2"] / steps - activations["if2"]).max() < 0.05


def test_levels_round_the_activation(bundle, images):
    _, activations = SourceNetwork(bundle.graph, 4).activations(images.images[:4].astype(np.float32))
    assert set(np.unique(activations["if1"])) <= {0, 0.25, 0.5, 0.75, 1}


def test_a_leak_has_no_activation():
    assert "if3 is leaky" in obstacle(small_graph())
    assert obstacle(plain_graph()) is None


def test_an_integrator_has_no_activation_and_does_not_stop_a_run():
    graph = integrator_graph()
    assert obstacle(graph) == "readout is a leaky integrator: no source activation corresponds to its potential."
    manifest = Manifest("integrator", None, None, None)
    images = np.full((1, 3, 4, 4), 200, np.uint8)
    bundle = Bundle(graph, manifest, record_golden(graph, images, 2), "# integrator\n")
    trace = record(bundle, "numpy", images[:1].astype(np.float32), 3, quiet())
    assert trace.activations == {}
    assert trace.steps == 3


def integrator_graph():
    """Return a float32 network with an integrating readout."""
    net = Builder((3, 4, 4), np.random.default_rng(0), exact=False)
    net.conv("conv1", 4)
    net.neuron("if1")
    net.add("flat", Flatten())
    net.linear("fc", 3)
    net.add("readout", LI(np.full(3, 0.5, np.float32)))
    net.add("output", Output(1.0))
    return Graph(net.nodes, tuple(net.edges))


def test_residuals_count_every_neuron_of_every_image(bundle, images):
    result = residuals(bundle, images, (1, 2, 4), "numpy", quiet())
    assert result.steps == (1, 2, 4)
    assert (reach(4, 100), reach(20, 100), reach(20, 5)) == ((1, 2, 4, 8), (1, 2, 4, 8, 16), (1, 2, 4))
    graph = bundle.graph
    _, activations = SourceNetwork(graph, 4).activations(images.images.astype(np.float32))
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(len(images))
    counts = 0
    for t in range(4):
        engine.step(images.images.astype(np.float32) if t == 0 else None)
        counts = counts + engine.spikes("if1")
    a = activations["if1"]
    layer = result.layers["if1"][4]
    assert layer.total == a.size
    error = counts / 4 - a
    assert layer.over == pytest.approx(np.maximum(error, 0).mean())
    assert layer.under == pytest.approx(np.maximum(-error, 0).mean())
    assert layer.over - layer.under == pytest.approx(layer.bias)
    assert np.abs(layer.histogram()[0]).max() <= 1, "errors of the rate, whatever T is"
    assert layer.rms == pytest.approx(np.sqrt(((counts / 4 - a) ** 2).mean()))
    assert layer.bias == pytest.approx((counts / 4 - a).mean())
    assert layer.correlation == pytest.approx(np.corrcoef(counts.ravel(), a.ravel())[0, 1])
    assert layer.points()[2].sum() == pytest.approx(1)
    assert layer.histogram()[1].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("stated", "count"), [(4, 4), (4096, 4096), (4097, None), (10**30, None), (0, None), (4.0, None), ("4", None)]
)
def test_levels_that_a_bundle_states_are_bounded(bundle, stated, count):
    assert levels(replace(bundle, manifest=replace(bundle.manifest, provenance={"levels": stated}))) == count


@pytest.mark.parametrize("copies", [2, 4, 7])
def test_copies_have_the_activations_and_predictions_of_their_neuron(images, copies):
    pixels = images.images.astype(np.float32)
    logits, activations = SourceNetwork(plain_graph(), 4).activations(pixels)
    theirs, by_layer = SourceNetwork(copied_graph(copies), 4).activations(pixels)
    for name, value in activations.items():
        assert np.array_equal(by_layer[name], value)
    assert np.array_equal(theirs, copies * logits)


def test_residuals_of_copies_are_those_of_all_of_them_together(images):
    graph = copied_graph(4)
    result = residuals(bundle_of(graph), images, (1, 2), "numpy", quiet())
    _, activations = SourceNetwork(graph, 4).activations(images.images.astype(np.float32))
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(len(images))
    counts = dict.fromkeys(graph.spiking, 0)
    for t in range(2):
        engine.step(images.images.astype(np.float32) if t == 0 else None)
        for name in graph.spiking:
            spikes = engine.spikes(name)
            counts[name] = counts[name] + spikes.reshape(len(spikes), -1, 4, *spikes.shape[2:]).sum(2)
        for name in graph.spiking:
            layer, error = result.layers[name].get(t + 1), counts[name] / (4 * (t + 1)) - activations[name]
            assert (layer.levels, layer.total) == (4 * (t + 1), activations[name].size)
            assert layer.rms == pytest.approx(np.sqrt((error**2).mean()))
            assert layer.bias == pytest.approx(error.mean())
            assert layer.over == pytest.approx(np.maximum(error, 0).mean())
    first = result.layers
    assert all(first[name][1].rms == 0 for name in graph.spiking), "at T = 1 four copies are the four levels"
    assert result.agreement(1) == 1


def test_zero_has_no_sign():
    """A float32 bundle can contain -0."""
    net = Builder((3, 8, 8), np.random.default_rng(0), exact=False)
    net.conv("conv1", 4)
    net.neuron("if1")
    graph = net.graph()
    nodes = dict(graph.nodes)
    nodes["if1"] = replace(nodes["if1"], v_init=np.full_like(nodes["if1"].v_init, -0.0))
    graph = Graph(nodes, graph.edges)
    bundle = Bundle(graph, Manifest("small", None, None, None, {}), record_golden(graph, np.zeros((1, 3, 8, 8)), 2), "")
    block = next(block for block in blocks(graph) if block.name == "if1")
    assert dict(dict(block_facts(bundle, block))["if1"])["initial potential"] == "0"
    zeros = Weights("scale", "Scale", np.full((3, 1, 1, 1), -0.0, np.float32), None)
    assert dict(zeros.facts())["range"] == "0 … 0"
    assert dict(zeros.facts())["mean"] == "0"
