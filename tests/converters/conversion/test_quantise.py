"""Quantisation to exact integers: rounding errors, shared scales, and exact inputs."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from converters_support import counts, trained_like
from networks import graphs
from spikelet.bounds.ranges import exact_steps
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Output, Scale
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.values import Dynamics
from spikelet_converters.frontends.windows import averages


@pytest.mark.parametrize("model", ["vgg9", "resnet20"])
def test_quantising_costs_less_the_more_bits_there_are(model):
    """Compared in the first four layers: with random weights, deeper layers amplify every difference."""
    _, network, pixels = trained_like(model)
    source = trace(network, tuple(pixels.shape[1:]))
    float_counts = counts(source, pixels, 2)
    shares = []
    for bits in (4, 8, 12):
        quantised = quantise(source, bits)
        assert quantised.graph.exact
        exact_counts = counts(quantised.graph, pixels, 2)
        shares.append(np.mean([(float_counts[n] != exact_counts[n]).mean() for n in source.spiking[:4]]))
        for name, node in quantised.graph.nodes.items():
            if isinstance(node, Conv2d | Linear):
                limit = 2 ** (bits - 1) - 1
                assert np.abs(node.weight.astype(int)).max() <= limit
                assert model != "vgg9" or np.abs(node.weight.astype(int)).max() == limit
                assert node.weight.dtype == (np.int8 if bits <= 8 else np.int16)
                assert quantised.weight_error[name] < 5 / limit
            elif isinstance(node, IF):
                assert np.array_equal(node.v_init, node.theta // 2)
    assert shares[0] > shares[1] >= shares[2]
    assert shares[2] < 0.02


def test_quantised_weights_are_the_nearest_multiples_of_their_scale():
    _, network, pixels = trained_like("vgg9")
    source = trace(network, tuple(pixels.shape[1:]))
    quantised = quantise(source, 8)
    for name, before in source.nodes.items():
        after, scale = quantised.graph.nodes[name], quantised.scales[name]
        if isinstance(before, Conv2d | Linear):
            s = scale.reshape(-1, *(1,) * (before.weight.ndim - 1))
            assert (np.abs(after.weight * s - before.weight) <= s * 0.5001).all()
            assert (np.abs(after.bias * scale - before.bias) <= scale * 0.5001).all()
        elif isinstance(before, IF):
            current = quantised.scales[quantised.graph.predecessors[name][0]]
            assert (np.abs(after.theta * current - before.theta) <= current * 0.5001).all()


def test_added_currents_share_their_scale_and_logits_share_one():
    _, network, pixels = trained_like("resnet20")
    quantised = quantise(trace(network, tuple(pixels.shape[1:])), 8)
    graph = quantised.graph
    adds = [name for name, node in graph.nodes.items() if isinstance(node, Add)]
    assert len(adds) == 9
    for name in adds:
        first, second = (quantised.scales[source] for source in graph.predecessors[name])
        assert np.array_equal(first, second)
    assert any(isinstance(graph.nodes[p], Scale) for name in adds for p in graph.predecessors[name])
    logits = quantised.scales[graph.predecessors["output"][0]]
    assert (logits == logits[0]).all()
    assert graph.output.scale == logits[0]


def as_float(graph):
    """Return the float32 graph of an exact one, each channel with a full-scale weight and v_init = theta // 2 in it."""

    def convert_node(node):
        match node:
            case Conv2d():
                weight = node.weight.astype(np.float32)
                weight.reshape(len(weight), -1)[:, 0] = 127
                return Conv2d(weight, node.bias.astype(np.float32), node.stride, node.padding, node.groups)
            case Linear():
                weight = node.weight.astype(np.float32)
                weight[:, 0] = 127
                return Linear(weight, node.bias.astype(np.float32))
            case Scale():
                return Scale(np.full(len(node.scale), 127, np.float32))
            case IF():
                return IF(node.theta.astype(np.float32), node.theta.astype(np.float32) / 2, node.reset, node.tie)
            case Input():
                return Input(node.shape, node.mean.astype(np.float32))
        return node

    return Graph({name: convert_node(node) for name, node in graph.nodes.items()}, graph.edges)


@settings(max_examples=60, deadline=None)
@given(graph=graphs())
def test_integers_are_not_changed(graph):
    """Integers with a full-scale weight in each channel come back as they were, Adds and groups included."""
    source = as_float(graph)
    exact = quantise(source, 8).graph
    for name, node in exact.nodes.items():
        before = source.nodes[name]
        if isinstance(node, Conv2d | Linear):
            direct = all(isinstance(source.nodes[p], IF | Input) for p in source.predecessors[name])
            if direct:
                assert np.array_equal(node.weight, before.weight), name
                assert np.array_equal(node.bias, before.bias)


@pytest.mark.parametrize("unit", [1, 1 / 512])
def test_a_silent_channel_keeps_its_bias_and_threshold(unit):
    """A channel whose weights are all zero still fires because of its bias."""
    weight = np.zeros((2, 3, 3, 3), np.float32)
    weight[1] = 0.01 * unit
    nodes = {
        "input": Input((3, 8, 8), np.zeros(3, np.float32)),
        "conv": Conv2d(weight, np.array([0.25 * unit, 0], np.float32), padding=(1, 1)),
        "if": IF(np.full(2, unit, np.float32), np.full(2, unit / 2, np.float32)),
        "fc": Conv2d(np.ones((1, 2, 8, 8), np.float32), np.zeros(1, np.float32)),
    }
    nodes |= {"flat": Flatten(), "output": Output()}
    names = list(nodes)
    source = Graph(nodes, tuple(pairwise(names)))
    exact = quantise(source).graph
    spikes = counts(exact, torch.zeros(1, 3, 8, 8), 8)["if"][0, 0]
    assert (spikes == 2).all(), "8 steps of 0.25 with half a threshold to start: two spikes"


def test_a_threshold_below_half_a_unit_of_the_weights_is_one_unit():
    nodes = {
        "input": Input((1,), np.zeros(1, np.float32)),
        "fc": Linear(np.full((1, 1), 1000, np.float32), np.zeros(1, np.float32)),
        "if": IF(np.ones(1, np.float32), np.full(1, 0.5, np.float32)),
        "readout": Linear(np.ones((1, 1), np.float32), np.zeros(1, np.float32)),
        "output": Output(),
    }
    exact = quantise(Graph(nodes, tuple(pairwise(nodes)))).graph
    assert (exact.synapse("fc").weight.tolist(), exact.neuron("if").theta.tolist()) == ([[127]], [1])


@pytest.mark.parametrize("shrunk", [1e-9, 1e-30])
def test_a_channel_that_batch_norm_shrank_to_nothing_is_exact_all_the_same(shrunk):
    """In units of its tiny weights its threshold would exceed the exact range; long training produces such channels."""
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 0.01, (3, 3, 3, 3)).astype(np.float32)
    weight[1] *= shrunk
    nodes = {
        "input": Input((3, 8, 8), np.zeros(3, np.float32)),
        "conv": Conv2d(weight, np.array([0, 0.25, 0], np.float32), padding=(1, 1)),
        "if": IF(np.ones(3, np.float32), np.full(3, 0.5, np.float32)),
        "flat": Flatten(),
        "fc": Linear(rng.normal(0, 1, (2, 192)).astype(np.float32), np.zeros(2, np.float32)),
        "output": Output(),
    }
    source = Graph(nodes, tuple(pairwise(nodes)))
    exact = quantise(source).graph
    assert exact_steps(exact) >= 32
    pixels = torch.from_numpy(rng.integers(0, 256, (1, 3, 8, 8))).float()
    exact_counts, float_counts = (counts(graph, pixels, 8)["if"][0] for graph in (exact, source))
    assert (exact_counts[1] == 2).all()
    assert np.abs(exact_counts - float_counts).max() <= 1


@pytest.mark.parametrize("bits", [3, 13])
def test_bits_out_of_range(bits):
    _, network, pixels = trained_like("vgg9")
    with pytest.raises(ConversionError, match=f"bits: expected 4…12, found {bits}"):
        quantise(trace(network, tuple(pixels.shape[1:])), bits)


def test_a_leak_that_is_not_a_shift_is_refused():
    one = np.ones(3, np.float32)
    nodes = {"input": Input((3,), np.zeros(3, np.float32)), "fc": Linear(np.eye(3, dtype=np.float32), 0 * one)}
    from spikelet.nodes import Output

    nodes |= {"lif": LIF(one, 0 * one, decay=one / 2), "out": Linear(np.eye(3, dtype=np.float32), 0 * one)}
    nodes["output"] = Output()
    names = list(nodes)
    with pytest.raises(ConversionError, match="neuron lif: an exact LIF leaks by a shift; convert with --float32"):
        quantise(Graph(nodes, tuple(pairwise(names))))


def padded_pool(weight=1.0):
    """Return padded average pools that divide by the number of pixels inside the image, with a convolution after each."""
    rng = np.random.default_rng(4)
    builder = Builder((2, 7, 7))
    x = builder.neuron("spikes", "spikes", Dynamics(40.0, 20.0, spike=weight), builder.input())
    for index in range(2):
        rows, columns = (averages(size, 3, 2, 1, 1, ceil=False, count_padding=False) for size in x.shape[1:])
        x = builder.average_pool(f"pool{index}", "pool", (3, 3), (2, 2), rows, columns, x)
        x = builder.conv(f"conv{index}", "conv", rng.normal(size=(2, 2, 1, 1)), None, (1, 1), (0, 0), 1, x)
        x = builder.neuron(f"if{index}", "neurons", Dynamics(1.0, 0.5), x)
    x = builder.flatten("flat", "flatten", x)
    builder.output([builder.linear("fc", "linear", rng.normal(size=(3, x.shape[0])), None, x)])
    return builder.graph()


@pytest.mark.parametrize("spike", [1.0, 0.3])
@pytest.mark.parametrize("bits", [4, 8])
def test_windows_of_padded_pools_are_small_integers(spike, bits):
    graph = padded_pool(spike)
    quantised = quantise(graph, bits)
    windows = [name for name in graph.order if name.startswith("pool") and isinstance(graph.nodes[name], Conv2d)]
    assert len(windows) > 8
    for name in windows:
        weight, scale = quantised.graph.nodes[name].weight, quantised.scales[name]
        source = quantised.scales[quantised.graph.predecessors[name][0]]
        assert np.abs(weight).max() <= 4
        assert np.allclose(weight * scale[:, None, None, None], graph.nodes[name].weight * source[:, None, None, None])
        assert quantised.weight_error[name] < 1e-6
    assert quantised.graph.exact
    assert exact_steps(quantised.graph) > 64


def test_small_integers_are_kept_only_where_nothing_else_needs_the_resolution():
    """Neurons and logits right behind the weights, and biases, need more than the weights do."""
    one = np.full((2, 1, 1, 1), 0.25, np.float32)

    def network(bias, *after):
        nodes = {
            "input": Input((2, 4, 4), np.zeros(2, np.float32)),
            "if": IF(np.full(2, 9, np.float32), np.zeros(2, np.float32)),
            "conv": Conv2d(one, np.full(2, bias, np.float32), groups=2),
        }
        names = ["input", "if", "conv"]
        for name, node in after:
            nodes[name] = node
            names.append(name)
        nodes |= {"flat": Flatten(), "fc": Linear(np.ones((2, 32), np.float32), np.zeros(2, np.float32))}
        nodes["output"] = Output(1.0)
        return Graph(nodes, tuple(pairwise([*names, "flat", "fc", "output"])))

    neuron = ("if2", IF(np.full(2, 0.3, np.float32), np.zeros(2, np.float32)))
    weights = [
        quantise(graph).graph.nodes["conv"].weight.max() for graph in (network(0), network(0.1), network(0, neuron))
    ]
    assert weights == [1, 127, 127]


def test_a_current_that_is_added_to_itself_after_other_weights_is_refused():
    rng = np.random.default_rng(0)
    builder = Builder((4,))
    x = builder.neuron("if", "neurons", Dynamics(1.0, 0.5), builder.input())
    a = builder.linear("a", "linear", rng.normal(size=(4, 4)), None, x)
    b = builder.linear("b", "linear", rng.normal(size=(4, 4)), None, a)
    builder.output([builder.add("sum", "sum", [a, b])])
    with pytest.raises(ConversionError, match="a: its current reaches the same Add directly and through other weights"):
        quantise(builder.graph())


def test_a_sum_that_is_negated_stays_in_its_units():
    """LeakyReLU gives weights of -1 on a sum of other weights, with a bias; larger weights would exceed the exact range."""
    rng = np.random.default_rng(0)

    def f(*shape):
        return (rng.standard_normal(shape) / 255).astype(np.float32)

    nodes = {
        "x": Input((2, 4, 4), np.zeros(2, np.float32)), "conv": Conv2d(f(3, 2, 3, 3), f(3)),
        "negative": Conv2d(-np.ones((3, 1, 1, 1), np.float32), 10 * f(3), groups=3),
        "if": IF(np.full(3, 0.5, np.float32), np.full(3, 0.25, np.float32)), "flat": Flatten(),
        "fc": Linear(f(2, 12), f(2)), "y": Output(),
    }  # fmt: skip
    graph = quantise(Graph(nodes, tuple(pairwise(nodes))), 8).graph
    assert (graph.nodes["negative"].weight == -1).all()
    assert (graph.nodes["if"].theta >= 2**10).all()


@pytest.mark.parametrize(("units", "kept"), [(1.4, False), (2**10 - 1, False), (2**10, True)])
def test_a_sum_keeps_its_units_before_neurons_whose_threshold_has_many_of_them(units, kept):
    """In few units a threshold would be rounded too much: 1.4 units to one."""
    theta = np.full(2, units / 4, np.float32)
    nodes = {
        "x": Input((2, 4, 4), np.zeros(2, np.float32)),
        "spikes": IF(np.full(2, 9, np.float32), np.zeros(2, np.float32)),
        "mean": Conv2d(np.full((2, 1, 2, 2), 0.25, np.float32), np.zeros(2, np.float32), (2, 2), groups=2),
        "negative": Conv2d(-np.ones((2, 1, 1, 1), np.float32), np.full(2, 0.1, np.float32), groups=2),
        "if": IF(theta, theta / 2), "flat": Flatten(),
        "fc": Linear(np.ones((2, 8), np.float32), np.zeros(2, np.float32)), "y": Output(),
    }  # fmt: skip
    quantised = quantise(Graph(nodes, tuple(pairwise(nodes))), 8)
    assert (
        (quantised.graph.nodes["negative"].weight == -1).all() and (quantised.scales["negative"] == 0.25).all()
    ) == kept
    in_units_of_source = quantised.graph.nodes["if"].theta * quantised.scales["negative"]
    assert np.allclose(in_units_of_source, theta, rtol=2**-9)
