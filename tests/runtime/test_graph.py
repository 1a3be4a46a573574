"""Invalid graphs and their error messages; shapes; the proof of exactness."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import Builder, graphs, small_graph
from spikelet.bounds.ranges import EXACT_LIMIT, INT32_LIMIT, accumulators, exact_steps, ranges
from spikelet.engines import create
from spikelet.errors import GraphError
from spikelet.graph import MAX_CHANNELS, Graph, once_per_graph
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

i8, i16, i32, f32 = np.int8, np.int16, np.int32, np.float32


def chain(*nodes, shape=(2, 5, 6)):
    """Return a graph input -> nodes -> logits; the nodes are not checked."""
    named = {"input": Input(shape, np.zeros(shape[0], i16))}
    named |= {f"n{i}": node for i, node in enumerate(nodes)}
    names = list(named)
    return Graph(named, tuple(pairwise(names)))


def neuron(channels, dtype=i32):
    return IF(np.ones(channels, dtype), np.zeros(channels, dtype))


def conv(out, inputs, kernel=(3, 3), **more):
    return Conv2d(np.zeros((out, inputs, *kernel), i8), np.zeros(out, i32), **more)


def test_shapes_follow_the_formulas():
    graph = small_graph()
    assert graph.shapes["conv1"] == (4, 6, 6)
    assert graph.shapes["pool1"] == (4, 3, 3)
    assert graph.shapes["flat"] == (36,)
    assert graph.classes == 3
    assert graph.spiking == ("if1", "if2", "if3")
    assert graph.static == {"input", "conv1"}


def test_order_is_topological_whatever_the_order_of_definition():
    graph = small_graph()
    again = Graph(dict(reversed(graph.nodes.items())), tuple(reversed(graph.edges)))
    for source, target in graph.edges:
        assert again.order.index(source) < again.order.index(target)
    assert again.shapes == graph.shapes


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([conv(4, 3), neuron(4), Flatten(), Output()], "node n0: Conv2d.weight: takes 3 channels, its input has 2"),
        ([conv(4, 2, (7, 3)), neuron(4)], r"Conv2d: a kernel of \(7, 3\) does not fit an input of \(2, 5, 6\)"),
        ([SumPool2d((6, 1), (1, 1)), neuron(2)], r"SumPool2d: a kernel of \(6, 1\) does not fit"),
        ([neuron(3)], "IF.theta: expected 2 values, one per channel, found 3"),
        (
            [Linear(np.zeros((1, 9), i8), np.zeros(1, i32))],
            r"Linear.weight: takes \(9,\), its input has shape \(2, 5, 6\)",
        ),
        (
            [neuron(2), Output()],
            r"Output: expected logits of shape \(K,\), its input has shape \(2, 5, 6\); flatten it",
        ),
        ([neuron(2), Scale(np.ones(5, i8))], "Scale.scale: expected 2 values, one per channel, found 5"),
        (
            [neuron(2), Flatten(), Flatten(), Output()],
            r"Flatten: expected an input of shape \(C, H, W\), found \(60,\)",
        ),
        ([Flatten(), Output()], "expected one IF or LIF node or more, found none"),
        ([neuron(2), Flatten()], "expected one Output node, found 0"),
        ([neuron(2, f32), Scale(np.ones(2, i8)), Flatten(), Output()], "is float32 while .* is an integer; use one"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(nodes, message):
    if not any(isinstance(node, Output) for node in nodes) and "Output" not in message:
        nodes = [*nodes, Flatten(), Output()]
    with pytest.raises(GraphError, match=message):
        chain(*nodes)


@pytest.mark.parametrize("exact", [True, False])
def test_parameters_of_another_byte_order_are_the_same_network(exact):
    graph = small_graph(exact=exact)
    swapped = {
        name: replace(node, **{field: getattr(node, field).byteswap().view(getattr(node, field).dtype.newbyteorder())
                               for field in node.tensors})
        for name, node in graph.nodes.items()
    }  # fmt: skip
    assert Graph(swapped, graph.edges) == graph
    assert Graph(swapped, graph.edges).exact is exact


def test_edges_are_checked():
    graph = small_graph()
    with pytest.raises(GraphError, match="edge if3 -> nowhere: there is no node nowhere"):
        Graph(graph.nodes, (*graph.edges, ("if3", "nowhere")))
    with pytest.raises(GraphError, match="edge input -> conv1: defined twice"):
        Graph(graph.nodes, (*graph.edges, ("input", "conv1")))
    with pytest.raises(GraphError, match="node conv2: Conv2d takes 1 inputs, found 2"):
        Graph(graph.nodes, (*graph.edges, ("conv1", "conv2")))
    with pytest.raises(GraphError, match="has no successor; only Output may end the graph"):
        Graph(graph.nodes | {"lost": Scale(np.ones(4, i8))}, (*graph.edges, ("if1", "lost")))
    back = (("conv1", "sum"), ("if3x", "sum"), ("sum", "if1"))
    looped = tuple(edge for edge in graph.edges if edge != ("conv1", "if1")) + back + (("if1", "if3x"),)
    with pytest.raises(GraphError, match="form or follow a cycle; the IR has no recurrence"):
        Graph(graph.nodes | {"sum": Add(), "if3x": Scale(np.ones(4, i8))}, looped)


@pytest.mark.parametrize("name", ["", "../x", "a b", "1st", "x" * 65, 'a"', "é"])
def test_names_are_plain(name):
    graph = small_graph()
    nodes = dict(graph.nodes)
    nodes[name] = nodes.pop("conv1")
    with pytest.raises(GraphError, match="a name is a letter or _"):
        Graph(nodes, graph.edges)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: neuron(0), "IF.theta: expected 1 axes and some elements"),
        (lambda: IF(np.zeros(1, i32), np.zeros(1, i32)), "IF.theta: expected thresholds above 0, found 0"),
        (lambda: IF(np.ones(2, i32), np.zeros(1, i32)), "IF.v_init: expected 2 values, one for each of theta, found 1"),
        (lambda: IF(np.ones(1, i32), np.zeros(1, i32), "hard"), 'expected "subtract" or "zero", found \'hard\''),
        (lambda: IF(np.ones(1, i32), np.zeros(1, i32), tie="=="), 'IF.tie: expected ">=" or ">", found \'==\''),
        (lambda: IF(np.ones(1, f32) * np.nan, np.zeros(1, f32)), "IF.theta: contains NaN or infinity"),
        (lambda: LIF(np.ones(1, i32), np.zeros(1, i32), decay=np.zeros(1, i32)), "expected shifts of 1…24, found 0…0"),
        (lambda: LIF(np.ones(1, f32), np.zeros(1, f32), decay=np.full(1, 2, f32)), r"expected factors in \(0, 1\]"),
        (lambda: LIF(np.ones(1, i32), np.zeros(1, i32), decay=np.ones(1, f32)), "is float32 while theta is int32"),
        (lambda: LIF(np.ones(1, i32), np.zeros(1, i32)), "LIF.decay: expected an array of .*, found NoneType"),
        (lambda: conv(3, 2, groups=2), "Conv2d.groups: 2 groups do not divide 3 channels"),
        (lambda: conv(3, 2, stride=(0, 1)), "Conv2d.stride: expected a whole number of 1 or more, found 0"),
        (lambda: conv(3, 2, padding=(1,)), r"Conv2d.padding: expected \(height, width\), found \(1,\)"),
        (lambda: Input((2**20, 2**20, 2**20), np.zeros(1, i16)), "has more than 268435456 elements"),
        (lambda: Input((3, 2, 2), np.zeros(1, i16)), "Input.mean: expected 3 values, one per channel, found 1"),
        (lambda: Input((1,), np.zeros(1, i16), 5, 5), "expected whole numbers low < high"),
        (lambda: Output(0.0), r"Output.scale: expected a number in 2\^-64…2\^64, found 0.0"),
        (
            lambda: Scale(np.ones(2)),
            "Scale.scale: expected an array of int8 or int16 or int32 or float32, found float64",
        ),
    ],
)
def test_a_node_that_cannot_be_is_refused(make, message):
    with pytest.raises(GraphError, match=message):
        make()


def test_whole_numbers_of_numpy_are_stored_as_those_of_python():
    number = np.int64(2)
    made = [
        Input((number,), np.zeros(2, i16), np.int32(-3), np.uint8(7)),
        Conv2d(np.zeros((2, 1, 1, 1), i8), np.zeros(2, i32), (number, number), (number, number), number),
        SumPool2d((number, number), (number, number)),
        IF(np.ones(1, i32), np.zeros(2, i32), copies=number),
        Output(number),
    ]
    same = [
        Input((2,), np.zeros(2, i16), -3, 7),
        Conv2d(np.zeros((2, 1, 1, 1), i8), np.zeros(2, i32), (2, 2), (2, 2), 2),
        SumPool2d((2, 2), (2, 2)),
        IF(np.ones(1, i32), np.zeros(2, i32), copies=2),
        Output(2.0),
    ]
    assert made == same
    assert list(map(repr, made)) == list(map(repr, same)), "not only equal, since a manifest is JSON"


def test_the_number_of_channels_is_limited():
    """Each of the three nodes has one channel for each value."""
    largest = MAX_CHANNELS // 3
    assert chain(neuron(largest), Output(), shape=(largest,)).classes == largest
    with pytest.raises(GraphError, match=f"expected at most {MAX_CHANNELS} channels over all nodes, found"):
        chain(neuron(largest + 1), Output(), shape=(largest + 1,))


class TestExactSteps:
    def test_is_the_bound_of_the_widest_channel(self):
        """Pixels 0…255, mean 100, so x in -100…255; weights 3 and -4, bias 5."""
        net = Builder((2,), np.random.default_rng(0))
        net.nodes["input"] = Input((2,), np.full(2, 100, i16))
        net.add("fc", Linear(np.array([[3, -4]], i8), np.array([5], i32)))
        net.add("if", IF(np.array([10], i32), np.array([-3], i32)))
        net.add("out", Linear(np.array([[1]], i8), np.zeros(1, i32)))
        net.add("output", Output())
        graph = Graph(net.nodes, tuple(net.edges))
        actual = ranges(graph)["fc"]
        assert actual.low == [3 * -100 - 4 * 255]
        assert actual.high == [3 * 255 + 4 * 100 + 5]
        assert exact_steps(graph) == (EXACT_LIMIT - 13) // (3 * 100 + 4 * 255)

    @settings(max_examples=60, deadline=None)
    @given(graph=graphs(copies=(1, 1, 3)), seed=st.integers(0, 9))
    def test_no_potential_leaves_its_bound(self, graph, seed):
        """Potentials of the worst pixels, found by a search of corners, stay within the proven bounds."""
        rng = np.random.default_rng(seed)
        engine = create(graph, "numpy", graph.spiking)
        pixels = rng.choice([0.0, 255.0], (4, *graph.input.shape)).astype(f32)
        engine.reset(4)
        limits = {item.node: item for item in accumulators(graph)}
        for t in range(1, 5):
            engine.step(pixels if t == 1 else None)
            for name in graph.spiking:
                v = np.abs(engine.potentials(name)).reshape(4, graph.shapes[name][0], -1).max((0, 2))
                assert (v <= limits[name].start + t * limits[name].per_step).all()

    def test_a_sum_beyond_the_range_is_refused_by_name(self):
        net = Builder((1000,), np.random.default_rng(0))
        net.add("wide", Linear(np.full((1, 1000), 127, i8), np.zeros(1, i32)))
        net.add("if", neuron(1))
        with pytest.raises(GraphError, match="node wide: the sum of channel 0 can reach .* beyond the exact range"):
            exact_steps(net.graph())

    @pytest.mark.parametrize("limit", [EXACT_LIMIT, INT32_LIMIT])
    def test_an_initial_potential_beyond_the_range_is_refused_by_name(self, limit):
        """Thresholds and initial potentials are float32 also where the accumulators are wider."""
        net = Builder((1,), np.random.default_rng(0))
        net.add("if", IF(np.array([2**24], i32), np.array([1], i32)))
        with pytest.raises(GraphError, match="node if: its threshold or initial potential lies beyond"):
            exact_steps(net.graph(), limit)


class TestOncePerGraph:
    def test_a_result_is_computed_once_for_each_graph_and_argument(self):
        calls = []

        @once_per_graph
        def layers(graph, factor=1):
            calls.append((graph, factor))
            return factor * len(graph.spiking)

        first, second = small_graph(), small_graph()
        results = [layers(first), layers(first), layers(first, 2), layers(first, factor=2), layers(second)]
        layers(first, factor=2)
        assert results == [n * len(first.spiking) for n in (1, 1, 2, 2, 1)]
        assert [graph is first for graph, _ in calls] == [True, True, True, False]

    def test_a_network_with_other_activity_has_results_of_its_own(self):
        """The engine native selects the forms of layers by activity."""
        first = once_per_graph(lambda graph: graph.activity and graph.activity["if1"])
        silent = small_graph().with_activity({"if1": (1.0, 0.0)})
        assert first(silent) == (1.0, 0.0)
        assert first(silent.with_activity({"if1": (0.5, 0.5)})) == (0.5, 0.5)
        assert first(silent.with_activity(None)) is None

    def test_an_error_is_raised_at_every_call(self):
        calls = []

        @once_per_graph
        def fails(graph):
            calls.append(graph)
            raise GraphError("no")

        graph = small_graph()
        for _ in range(2):
            with pytest.raises(GraphError, match="^no$"):
                fails(graph)
        assert calls == [graph, graph]
