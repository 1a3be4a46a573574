"""Small files that declare large sizes: cost of reading, in bytes and operations."""

import numpy as np
import pytest

from counts.calls import operations
from hostile.bundles import MEMORY, OPERATIONS, cost
from hostile.sizes import CASES, HALF, SPIKES
from networks import Builder, small_graph
from spikelet import graph as graphs
from spikelet.bundle import decode
from spikelet.errors import BundleError
from spikelet.graph import Graph
from spikelet.lowering.onnx import step as lowering
from spikelet.nodes import SumPool2d

NODE = 1_000  # operations that a node of a chain may cost
EDGE = 220  # operations that an edge may cost: it costs 166, and a scan of the nodes at each edge is more than the rest
NODES = 1_024  # of a chain, counted here
EDGES_OF_A_NODE = 60  # counted here; the bound on seconds in tests/stress is for HALF


class TestSizes:
    @pytest.mark.parametrize(
        ("case", "message"),
        [
            ("flattened image", "channels over all nodes, found"),
            ("pool as large as its image", "the sum of channel 0 can reach"),
            # where the sums stay exact it is the step model's size that gives it away
            ("pool whose sums stay exact", "step.onnx: does not compute the graph of the manifest"),
        ],
    )
    def test_declared_sizes_are_refused_before_data_is_read(self, case, message):
        error, peak, count = cost(CASES[case]())
        assert message in str(error)
        assert peak < 2**18
        assert count < OPERATIONS

    def test_the_constants_of_a_pool_are_counted_before_they_are_created(self):
        net = Builder((2, 8, 8), np.random.default_rng(0))
        net.neuron("if1")
        net.add("pool", SumPool2d((3, 5), (1, 1)))
        net.neuron("if2")
        graph = net.graph()
        assert lowering.embedded(graph) == 4 * 2 * 15
        assert lowering.embedded(graph) < len(lowering.step_model(graph))
        assert lowering.embedded(small_graph()) == 0, "a power of two is an average times k²"

    def test_a_golden_of_many_spikes_is_not_unpacked(self):
        """16 million spikes are 2 MB in the file and 16 MB as bool, and are unpacked on request."""
        content = CASES["golden of many spikes"]()
        error, peak, count = cost(content)
        assert error is None
        assert peak < 2**20
        assert count < OPERATIONS
        assert decode(content).golden.spikes["if1"].shape == SPIKES

    @pytest.mark.parametrize(
        "case", ["large kernel of one channel", "kernel of many input channels", "kernel of one pixel"]
    )
    def test_one_kernel_of_millions_of_weights(self, case):
        """The memory of the proof of exactness beyond the weights is small for all shapes."""
        _, peak, count = cost(CASES[case]())
        assert peak < MEMORY
        assert count < OPERATIONS

    def test_the_largest_number_of_channels(self):
        """Separate neurons everywhere need the most memory of the proof per byte of the file."""
        error, peak, count = cost(CASES["many channels"]())
        assert "step.onnx" in str(error)
        assert peak < MEMORY
        assert count < OPERATIONS

    def test_a_chain_of_many_nodes(self):
        error, peak, count = cost(CASES["many nodes"](NODES))
        assert "step.onnx" in str(error)
        assert peak < MEMORY * NODES / graphs.MAX_NODES
        assert count < NODE * NODES

    def test_sums_of_sums(self):
        """Every node of one half feeds every node of the other."""
        error, peak, count = cost(CASES["sums of sums"](half=EDGES_OF_A_NODE))
        assert "step.onnx" in str(error)
        assert peak < MEMORY * EDGES_OF_A_NODE / HALF
        assert count < EDGE * EDGES_OF_A_NODE * (EDGES_OF_A_NODE + 2)

    def test_work_that_grows_with_the_square_of_the_nodes_is_detected(self, monkeypatch):
        """Each node visits the nodes before it, which the bounds of the other tests must detect."""
        order = Graph.order.func

        def quadratic(graph):
            names = order(graph)
            for index in range(len(names)):
                for _ in range(index):
                    pass
            return names

        content = CASES["many nodes"](NODES)
        monkeypatch.setattr(Graph.order, "func", quadratic)

        def read():
            with pytest.raises(BundleError, match="step.onnx"):
                decode(content)

        assert operations(read) > NODE * NODES
