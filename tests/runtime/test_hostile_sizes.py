"""A few bytes that announce a great deal: what reading them may cost."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from hostile_bundles import MEMORY, ONE, SECONDS, chain, cost, described, pack
from networks import Builder, small_graph
from spikelet import graph as graphs
from spikelet.bundle import Bundle, Golden, Manifest, decode
from spikelet.graph import Graph
from spikelet.lowering import onnx as lowering
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Output, Scale, SumPool2d


class TestSizes:
    def test_a_flattened_image_that_is_not_there(self):
        """2^28 features out of a file of some kilobytes."""
        nodes, edges = chain(
            input=Input((1, 2**14, 2**14), ONE.astype(np.int16)), if1=IF(ONE, ONE), flat=Flatten(), output=Output()
        )
        found, peak, seconds = cost(described(nodes, edges))
        assert "channels together, at most" in str(found)
        assert (peak < 2**21, seconds < 1) == (True, True)

    def test_a_pool_over_a_padded_image(self):
        """Its kernel of ones would be 1 GB of constants in the step model."""
        conv = Conv2d(np.ones((1, 1, 1, 1), np.int8), 0 * ONE, padding=(8000, 8000))
        size = 16001
        nodes, edges = chain(
            input=Input((1, 1, 1), ONE.astype(np.int16)), if1=IF(ONE, ONE), conv=conv, pool=SumPool2d((size, size), (1, 1)), flat=Flatten(), output=Output()
        )  # fmt: skip
        golden = {
            "input": np.zeros((1, 1, 1, 1), np.int16),
            "logits": np.zeros((1, 1, 1), np.int32),
            "spikes.if1": np.zeros((1, 1, 1), np.uint8),
        }
        found, peak, seconds = cost(described(nodes, edges, golden=golden, exact_steps=1, name="x"))
        assert found is not None
        assert (peak < 2**21, seconds < 1) == (True, True)
        # where the sums stay exact it is the step model's size that gives it away
        nodes["pool"] = SumPool2d((3999, 4001), (3000, 3000))
        nodes["conv"] = replace(conv, padding=(3000, 3000))
        found, peak, seconds = cost(
            described(nodes, edges, golden=golden | {"logits": np.zeros((1, 1, 1), np.int32)}, exact_steps=1)
        )
        assert "step.onnx: is not the graph of the manifest" in str(found)
        assert (peak < 2**21, seconds < 1) == (True, True)

    def test_the_ones_of_a_pool_are_counted_before_they_are_made(self):
        net = Builder((2, 8, 8), np.random.default_rng(0))
        net.neuron("if1")
        net.add("pool", SumPool2d((3, 5), (1, 1)))
        net.neuron("if2")
        graph = net.graph()
        assert lowering.embedded(graph) == 4 * 2 * 15
        assert lowering.embedded(graph) < len(lowering.step_model(graph))
        assert lowering.embedded(small_graph()) == 0, "a power of two is an average times k²"

    def test_a_golden_of_many_spikes_is_not_unpacked(self):
        """16 million spikes, 2 MB in the file: as bool they would be 16 MB, and are made when asked for."""
        shape = (1, 1024, 1024)
        nodes, edges = chain(
            input=Input(shape, ONE.astype(np.int16)),
            if1=IF(ONE, ONE),
            pool=SumPool2d((1024, 1024), (1, 1)),
            flat=Flatten(),
            output=Output(),
        )
        graph = Graph(nodes, tuple(edges))
        spikes = {"if1": np.zeros((16, 1, 2**20), np.bool_)}
        golden = Golden(np.zeros((1, *shape), np.int16), np.zeros((16, 1, 1), np.int32), spikes)
        content = pack(Bundle(graph, Manifest("big", bits=8, exact_steps=16), golden, "# big\n"))
        found, peak, _ = cost(content)
        assert found is None
        assert peak < 2**20
        assert decode(content).golden.spikes["if1"].shape == (16, 1, 2**20)

    def test_one_kernel_of_millions_of_weights(self):
        """What the proof of exactness needs beside the weights stays small, however they are shaped."""
        for shape in ((1, 1, 4096, 4096), (1, 2**20 - 8, 4, 4), (2**13, 2**10, 1, 1)):
            weight = np.zeros(shape, np.int8)
            channels = shape[1]
            nodes, edges = chain(
                input=Input((channels, *shape[2:]), np.zeros(channels, np.int16)),
                if1=IF(np.ones(channels, np.int8), np.zeros(channels, np.int8)),
                conv=Conv2d(weight, np.zeros(len(weight), np.int8)),
                flat=Flatten(),
                output=Output(),
            )
            if channels > 2**18:
                nodes.pop("if1")
                nodes["conv"], nodes["if1"] = nodes.pop("conv"), IF(ONE, ONE)
                nodes["flat"], nodes["output"] = nodes.pop("flat"), nodes.pop("output")
                edges = list(pairwise(nodes))
            neurons = int(np.prod(shape[1:])) if nodes["if1"].theta.size > 1 or (shape[0] == 1 and channels == 1) else 1
            golden = {
                "input": np.zeros((1, channels, *shape[2:]), np.int16),
                "logits": np.zeros((1, 1, len(weight)), np.int32),
                "spikes.if1": np.zeros((1, 1, -(-neurons // 8)), np.uint8),
            }
            _, peak, seconds = cost(described(nodes, edges, golden=golden, exact_steps=1))
            assert peak < MEMORY, shape
            assert seconds < 1, shape

    def test_as_many_channels_as_there_may_be(self):
        """Neurons of their own everywhere: the most that the proof keeps for a byte of the file."""
        count = graphs.MAX_CHANNELS // 8
        nodes = {"input": Input((count,), np.zeros(count, np.int16))}
        nodes |= {f"if{i}": IF(np.ones(count, np.int8), np.zeros(count, np.int8)) for i in range(5)}
        nodes |= {"scale": Scale(np.ones(count, np.int8)), "output": Output()}
        names = list(nodes)
        golden = {"input": np.zeros((1, count), np.int16), "logits": np.zeros((1, 1, count), np.int32)}
        golden |= {f"spikes.if{i}": np.zeros((1, 1, count // 8), np.uint8) for i in range(5)}
        found, peak, seconds = cost(described(nodes, pairwise(names), golden=golden, exact_steps=1))
        assert "step.onnx" in str(found)
        assert (peak < MEMORY, seconds < 1) == (True, True)

    def test_as_many_nodes_as_there_may_be(self):
        nodes = {"input": Input((1,), ONE.astype(np.int16)), "if": IF(ONE, ONE)}
        nodes |= {f"s{i}": Scale(ONE) for i in range(graphs.MAX_NODES - 3)}
        nodes["output"] = Output()
        names = list(nodes)
        golden = {
            "input": np.zeros((1, 1), np.int16),
            "logits": np.zeros((1, 1, 1), np.int32),
            "spikes.if": np.zeros((1, 1, 1), np.uint8),
        }
        found, peak, seconds = cost(described(nodes, pairwise(names), golden=golden, exact_steps=1))
        assert found is not None
        assert peak < MEMORY
        assert seconds < SECONDS

    def test_sums_of_sums(self):
        """Every node of one half feeds every node of the other."""
        half, channels = 150, 3000
        nodes = {
            "input": Input((channels,), np.zeros(channels, np.int16)),
            "if": IF(np.ones(channels, np.int8), np.zeros(channels, np.int8)),
        }
        nodes |= {f"a{i}": Scale(np.ones(channels, np.int8)) for i in range(half)} | {
            f"b{i}": Add() for i in range(half)
        }
        nodes |= {"all": Add(), "output": Output()}
        edges = [
            ("input", "if"),
            *(("if", f"a{i}") for i in range(half)),
            *((f"a{i}", f"b{k}") for i in range(half) for k in range(half)),
        ]
        edges += [*((f"b{k}", "all") for k in range(half)), ("all", "output")]
        golden = {
            "input": np.zeros((1, channels), np.int16),
            "logits": np.zeros((1, 1, channels), np.int32),
            "spikes.if": np.zeros((1, 1, channels // 8), np.uint8),
        }
        found, peak, seconds = cost(described(nodes, edges, golden=golden, exact_steps=1))
        assert found is not None
        assert peak < MEMORY
        assert seconds < SECONDS
