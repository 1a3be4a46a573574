"""NeuroBench's metrics against its definitions in plain loops, on random networks and on small cases computed by hand."""

from itertools import pairwise

import numpy as np
from hypothesis import given

from counts.references import QUIET, STEPS, connections, pixels_for, recorded
from networks import Builder, graphs
from spikelet.graph import Graph
from spikelet.metrics.neurobench import connection_sparsity, dense, footprint, neurobench
from spikelet.nodes import IF, LI, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d


def plain_neurobench(graph, images, steps):
    """Compute NeuroBench's definitions in plain loops, with the values of all nodes from a second engine."""
    spikes = recorded(graph, images, steps)
    x0 = images.astype(np.float64) - graph.input.mean.reshape(-1, *(1,) * (images.ndim - 2))
    totals = {"mac": 0, "ac": 0}
    for t in range(steps):
        values = {graph.input_name: x0}
        for name in graph.order:
            node, sources = graph.nodes[name], graph.predecessors[name]
            inputs = [values[source] for source in sources]
            if isinstance(node, IF):
                values[name] = spikes[name][t].astype(float)
            elif isinstance(node, Conv2d | Linear | Scale):
                shape = graph.shapes[sources[0]]
                kind = "ac" if set(np.unique(inputs[0])) <= {-1, 0, 1} else "mac"
                for index, w in connections(node, shape):
                    if w != 0:
                        totals[kind] += int(np.count_nonzero(inputs[0][(slice(None), *index)]))
                values[name] = np.full((len(images), *graph.shapes[name]), 0.5)  # current, asked for by none below
            elif isinstance(node, Flatten):
                values[name] = inputs[0].reshape(len(images), -1)
            elif isinstance(node, SumPool2d):
                values[name] = np.stack(
                    [
                        np.array(
                            [
                                image[
                                    c,
                                    y * node.stride[0] : y * node.stride[0] + node.kernel[0],
                                    x * node.stride[1] : x * node.stride[1] + node.kernel[1],
                                ].sum()
                                for c, y, x in np.ndindex(graph.shapes[name])
                            ]
                        ).reshape(graph.shapes[name])
                        for image in inputs[0]
                    ]
                )
            elif isinstance(node, Add):
                values[name] = sum(inputs)
    return {kind: count / len(images) for kind, count in totals.items()}


class TestNeuroBenchByHand:
    @given(graph=graphs())
    @QUIET
    def test_random_networks(self, graph):
        images = pixels_for(graph)
        metrics = neurobench(graph, images, STEPS, "numpy")
        expected = plain_neurobench(graph, images, STEPS)
        assert (metrics.effective_macs, metrics.effective_acs) == (expected["mac"], expected["ac"])
        spikes = recorded(graph, images)
        silent = sum(int((spike == 0).sum()) for spike in spikes.values())
        assert metrics.activation_sparsity == silent / sum(spike.size for spike in spikes.values())

    def test_membrane_updates(self):
        net = Builder((1,), np.random.default_rng(0))
        net.add("logits0", Linear(np.array([[1], [0]], np.int8), np.array([0, 0], np.int32)))
        net.add("if1", IF(np.array([5, 5], np.int32), np.array([0, 0], np.int32)))
        graph = net.graph(2)
        mean = int(graph.input.mean[0])
        # neuron 0 gains 5 a step and fires at once: its potential is 0 after every step; neuron 1 gets nothing.
        # The first step counts all membranes, the others none
        metrics = neurobench(graph, np.array([[mean + 5]], np.uint8), 4, "numpy")
        assert metrics.membrane_updates == 2
        metrics = neurobench(graph, np.array([[mean + 2]], np.uint8), 4, "numpy")
        assert metrics.membrane_updates == 2 + 3

    def test_inputs_of_minus_1_are_accumulated(self):
        """NeuroBench counts ACs for ternary inputs, here pixels that are 1 below the mean."""
        net = Builder((2,), np.random.default_rng(0))
        net.add("fc", Linear(np.array([[3, 2], [1, 0]], np.int8), np.zeros(2, np.int32)))
        net.add("if1", IF(np.array([9, 9], np.int32), np.array([0, 0], np.int32)))
        graph = net.graph(2)
        below = (graph.input.mean - [1, 0]).astype(np.uint8)[None]
        metrics = neurobench(graph, below, 4, "numpy")
        assert (metrics.effective_acs, metrics.effective_macs) == (4 * 2, 0)
        metrics = neurobench(graph, below - np.uint8(1), 4, "numpy")
        assert (metrics.effective_acs, metrics.effective_macs) == (0, 4 * 3)

    def test_a_layer_after_leaky_integrators(self):
        """A spike at the first time-step gives the integrator 1, 1/2 and 1/4, whose weights are ACs, MACs and MACs."""
        one, zero = np.ones((1, 1), np.float32), np.zeros(1, np.float32)
        nodes = {
            "input": Input((1,), zero, 0, 255), "fc": Linear(one, zero),
            "if": IF(np.full(1, 3, np.float32), np.full(1, 2, np.float32)), "li": LI(np.full(1, 0.5, np.float32)),
            "readout": Linear(one, zero), "output": Output(),
        }  # fmt: skip
        graph = Graph(nodes, tuple(pairwise(nodes)))
        metrics = neurobench(graph, np.ones((1, 1), np.uint8), 3, "numpy")
        assert (metrics.effective_acs, metrics.effective_macs) == (3 + 1, 2)

    def test_footprint_and_sparsity(self):
        weight = np.array([[0, 2, 0], [1, 0, 0]], np.int8)
        net = Builder((3,), np.random.default_rng(0))
        net.add("fc", Linear(weight, np.zeros(2, np.int32)))
        net.add("if1", IF(np.array([5, 5], np.int32), np.array([0, 0], np.int32)))
        net.add("scale", Scale(np.array([0, 3], np.int8)))
        net.add("if2", IF(np.array([5, 5], np.int32), np.array([0, 0], np.int32)))
        net.add("output", Output(1.0))
        graph = Graph(net.nodes, tuple(net.edges))
        assert footprint(graph) == 3 * 2 + (6 + 2 * 4) + 4 * 2 * 4 + 2
        assert connection_sparsity(graph) == round(5 / 8, 4)
        assert dense(graph) == 6 + 2
