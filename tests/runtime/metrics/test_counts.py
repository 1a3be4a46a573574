"""Counts against plain loops over every weight, every spike and every window, exactly equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counts.references import QUIET, STEPS, connections, pixels_for, recorded
from networks import Builder, graphs, small_graph
from spikelet.engines import create
from spikelet.engines.count import Count, weighted
from spikelet.errors import EngineError
from spikelet.graph import Graph
from spikelet.lowering.c.host import WINDOW
from spikelet.metrics import operations, tally
from spikelet.metrics.fanout import kinds, sites
from spikelet.metrics.operations import accumulates
from spikelet.nodes import IF, Add, Conv2d, Flatten, Linear, Output, Scale, SumPool2d


def events(graph, name, spikes):
    """Return the number of spikes that reach each element of a node, or None if other values reach it."""
    node = graph.nodes[name]
    if isinstance(node, IF):
        return spikes[name].astype(int)
    sources = [events(graph, source, spikes) for source in graph.predecessors[name]]
    if not sources or any(source is None for source in sources):
        return None
    if isinstance(node, Flatten):
        return sources[0].reshape(-1)
    if isinstance(node, Add):
        return sum(sources)
    if isinstance(node, SumPool2d):
        pooled = np.zeros(graph.shapes[name], int)
        for c, y, x in np.ndindex(pooled.shape):
            for i in range(node.kernel[0]):
                for j in range(node.kernel[1]):
                    pooled[c, y, x] += sources[0][c, y * node.stride[0] + i, x * node.stride[1] + j]
        return pooled
    return None


def by_hand(graph, spikes):
    """Compute {node: accumulates} of one image at one time-step."""
    counts = {}
    for name, node in graph.nodes.items():
        sources = [events(graph, source, spikes) for source in graph.predecessors[name]]
        if isinstance(node, Conv2d | Linear | Scale) and sources[0] is not None:
            x = sources[0]
            counts[name] = sum(int(x[index]) for index, w in connections(node, x.shape) if w != 0)
        direct = isinstance(node, IF | Output) or (isinstance(node, Add) and any(source is None for source in sources))
        if direct and any(source is not None for source in sources):
            counts[name] = sum(int(source.sum()) for source in sources if source is not None)
    return counts


def assert_counted_by_hand(graph, images):
    all_sites = sites(graph)
    spikes = recorded(graph, images)
    counted = tally(graph, all_sites, images, STEPS, "numpy")
    expected = {}
    for n in range(len(images)):
        for t in range(STEPS):
            once = by_hand(graph, {name: values[t, n] for name, values in spikes.items()})
            assert counted.events[t, n] == sum(once.values())
            for name, count in once.items():
                expected[name] = expected.get(name, 0) + count
    assert {p.node: accumulates(p, counted) for p in all_sites if p.operation == "ac"} == expected
    for name, values in spikes.items():
        np.testing.assert_array_equal(counted.spikes[name], values.sum((0, 1)))
        np.testing.assert_array_equal(counted.raster[name], values[:, 0])
        np.testing.assert_array_equal(counted.by_step[name], values.reshape(STEPS, -1).sum(1))


class TestAccumulates:
    @given(graph=graphs(), seed=st.integers(0, 99))
    @QUIET
    def test_random_networks(self, graph, seed):
        assert_counted_by_hand(graph, pixels_for(graph, seed=seed))

    @given(graph=graphs())
    @QUIET
    def test_dense_and_nonzero_connections(self, graph):
        for site in sites(graph):
            node = graph.nodes[site.node]
            if isinstance(node, Conv2d | Linear | Scale):
                every = list(connections(node, graph.shapes[graph.predecessors[site.node][0]]))
                assert site.dense == len(every)
                assert site.nonzero == sum(w != 0 for _, w in every)

    def test_a_spike_at_a_border_reaches_fewer_outputs(self):
        net = Builder((1, 4, 4), np.random.default_rng(0))
        net.neuron("if1")
        net.add("conv", Conv2d(np.ones((2, 1, 3, 3), np.int8), np.zeros(2, np.int32), (1, 1), (1, 1)))
        net.neuron("if2")
        reach = next(p for p in sites(net.graph()) if p.node == "conv").reach["if1"][0]
        assert reach.tolist() == [[8, 12, 12, 8], [12, 18, 18, 12], [12, 18, 18, 12], [8, 12, 12, 8]]

    def test_a_stride_and_a_zero_weight(self):
        weight = np.ones((1, 1, 2, 2), np.int8)
        weight[0, 0, 0, 0] = 0
        net = Builder((1, 3, 3), np.random.default_rng(0))
        net.neuron("if1")
        net.add("conv", Conv2d(weight, np.zeros(1, np.int32), (2, 2), (1, 1)))
        net.neuron("if2")
        reach = next(p for p in sites(net.graph()) if p.node == "conv").reach["if1"][0]
        assert reach.tolist() == [[1, 1, 1], [1, 0, 1], [1, 1, 1]]


def merged(kind):
    """Return a network in which the spikes of if1 are added to themselves via a 1x1 pool, before an IF or a convolution."""
    net = Builder((2, 4, 4), np.random.default_rng(3))
    net.neuron("if1", scale=200)
    net.add("same", SumPool2d((1, 1), (1, 1)))
    net.add("sum", Add(), ("if1", "same"))
    if kind == "conv":
        net.conv("conv", 3)
    if kind == "mixed":
        net.conv("conv", 2)
        net.add("residual", Add(), ("conv", "if1"))
    if kind == "chain":
        net.conv("conv", 3)
        net.add("pool", SumPool2d((2, 2), (2, 1)))
        net.conv("conv2", 2)
    net.neuron("if2")
    return net.graph()


class TestUnusualGraphs:
    @pytest.mark.parametrize("kind", ["plain", "conv", "mixed", "chain"])
    def test_sums_of_spikes(self, kind):
        assert_counted_by_hand(merged(kind), pixels_for(merged(kind), 3))

    def test_currents_between_weights_are_multiplied(self):
        graph = merged("chain")
        operations_by_node = {site.node: (site.kind, site.operation) for site in sites(graph)}
        assert operations_by_node["conv"] == ("counts", "ac")
        assert operations_by_node["pool"] == ("current", "add")
        assert operations_by_node["conv2"] == ("current", "mac")
        images = pixels_for(graph)
        ops = operations(graph, sites(graph), tally(graph, sites(graph), images, STEPS, "numpy"))
        rows = {row.node: row for row in ops.rows}
        nonzero = sum(w != 0 for _, w in connections(graph.nodes["conv2"], graph.shapes["pool"]))
        assert (rows["conv2"].macs, rows["conv2"].static_macs) == (nonzero * STEPS, 0)
        assert rows["pool"].adds == graph.neurons("pool") * 4 * STEPS

    def test_the_analog_first_layer_is_counted_once_and_at_every_step(self):
        graph = small_graph()
        ops = operations(graph, sites(graph), tally(graph, sites(graph), pixels_for(graph), STEPS, "numpy"))
        first = next(row for row in ops.rows if row.node == "conv1")
        nonzero = sum(w != 0 for _, w in connections(graph.nodes["conv1"], (3, 6, 6)))
        assert (first.kind, first.static_macs, first.macs, first.acs) == ("analog", nonzero, 0, 0)
        per_image = ops.as_json()["per_image"]
        assert per_image["macs_if_static_part_is_computed_once"] == nonzero
        assert per_image["macs_if_computed_at_every_step"] == STEPS * nonzero

    def test_a_long_chain_of_doubled_sums_is_walked_once(self):
        net = Builder((1,), np.random.default_rng(0))
        net.neuron("if1")
        here = "if1"
        # 2^40 paths, which cannot be followed one by one
        net.nodes |= {f"add{i}": Add() for i in range(40)}
        for i in range(40):
            net.edges += [(here, f"add{i}"), ("if1", f"add{i}")] if i else [("if1", "add0"), ("if1b", "add0")]
            here = f"add{i}"
        net.nodes["if1b"] = net.nodes["if1"]
        net.edges.append(("input", "if1b"))
        net.here = here
        net.shapes[here] = (1,)
        net.linear("logits", 2)
        net.add("output", Output(1.0))
        graph = Graph(net.nodes, tuple(net.edges))
        assert kinds(graph)["add39"] == "counts"
        (site,) = (p for p in sites(graph) if p.node == "logits")
        nonzero = np.count_nonzero(graph.nodes["logits"].weight)
        assert {k: int(v[0]) for k, v in site.reach.items()} == {"if1": 40 * nonzero, "if1b": nonzero}


class TestStream:
    def test_engines_and_batches_give_the_same_counts(self):
        graph, engines = small_graph(), [("onnx", 1), ("native", 1), ("native", 2)]
        images, all_sites = pixels_for(graph, 70), sites(graph)
        steps = WINDOW + 3  # native runs some together, and then the rest
        numpy = tally(graph, all_sites, images, steps, "numpy")
        others = [tally(graph, all_sites, images, steps, engine, threads) for engine, threads in engines]
        for other in others:
            np.testing.assert_array_equal(numpy.events, other.events)
            np.testing.assert_array_equal(numpy.predictions, other.predictions)
            for name in graph.spiking:
                np.testing.assert_array_equal(numpy.spikes[name], other.spikes[name])
                np.testing.assert_array_equal(numpy.by_step[name], other.by_step[name])
                np.testing.assert_array_equal(numpy.raster[name], other.raster[name])
        halves = [tally(graph, all_sites, part, steps, "numpy") for part in (images[:37], images[37:])]
        np.testing.assert_array_equal(numpy.events, np.concatenate([half.events for half in halves], 1))
        for name in graph.spiking:
            np.testing.assert_array_equal(numpy.spikes[name], sum(half.spikes[name] for half in halves))

    def test_progress_reaches_the_end(self):
        graph, seen = small_graph(), []
        tally(
            graph, sites(graph), pixels_for(graph, 40), 2, "numpy", on_progress=lambda *progress: seen.append(progress)
        )
        assert seen == [(32, 40), (40, 40)]

    def test_more_steps_than_are_exact(self):
        net = Builder((1,), np.random.default_rng(0))
        net.add("if1", IF(np.array([2**24 - 5000], np.int32), np.array([0], np.int32)))
        graph = net.graph(2)
        limit = create(graph, "numpy").step_limit
        assert limit < 100
        with pytest.raises(EngineError, match=f"engine onnx: {limit + 1} time-steps, .* exact for {limit} with this"):
            tally(graph, sites(graph), pixels_for(graph, 1), limit + 1, "onnx")
        counted = tally(graph, sites(graph), pixels_for(graph, 1), limit + 1, "numpy")  # potentials of float64
        assert counted.steps == limit + 1

    @pytest.mark.parametrize("engine", ["numpy", "onnx", "native"])
    def test_rows_that_are_done_are_counted_no_more(self, engine):
        graph = small_graph()
        images = pixels_for(graph, 3).astype(np.float32)
        expected = recorded(graph, images, 2)
        runner = create(graph, engine)
        with pytest.raises(EngineError, match="nothing was counted"):
            runner.events()
        runner.count_spikes({name: np.ones(graph.shapes[name], np.int64) for name in graph.spiking})
        runner.reset(3)
        runner.step(images)
        runner.keep(np.array([0, 2]))
        runner.step()
        kept = [sum(int(values[1, n].sum()) for values in expected.values()) for n in (0, 2)]
        assert runner.events().tolist() == kept
        for name, fired in runner.counted().items():
            np.testing.assert_array_equal(fired, expected[name][0].sum(0) + expected[name][1, [0, 2]].sum(0))

    @pytest.mark.parametrize("highest", [1, 3, 2**12, 2**23, 2**24, 2**24 + 1, 2**40])
    def test_weighted_sums_are_exact_beyond_float32(self, highest):
        rng = np.random.default_rng(highest)
        fired = rng.random((5, 9, 30)) < 0.7
        cost = rng.integers(0, highest + 1, (9, 30))
        cost[0, 0] = highest
        expected = [int(cost[neurons].sum()) for neurons in fired]
        assert weighted(fired, cost).tolist() == expected

    def test_spikes_of_more_samples_than_a_byte_holds(self):
        count = Count({"if1": np.ones(2, np.int64)})
        count.events = np.zeros(700, np.int64)
        count.add("if1", np.stack([np.ones(700, np.bool_), np.zeros(700, np.bool_)], axis=1))
        assert count.spikes["if1"].tolist() == [700, 0]
        assert (count.events == 1).all()

    def test_no_cost(self):
        assert weighted(np.ones((3, 4), np.bool_), np.zeros(4, np.int64)).tolist() == [0, 0, 0]
