"""Layers that add sums of four weights from tables: the sums are those of the weights, and no spike changes."""

import numpy as np
import pytest

from networks import Builder
from spikelet.engines import create
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.tables import pack_tables, sums_in_16_bits, tables_bytes
from spikelet.nodes import IF, Add, Conv2d, Scale


def active(graph, share=1.0):
    """Return the network as if this share of all neurons had fired in each time-step when it was measured."""
    return graph.with_activity(dict.fromkeys(graph.spiking, (1 - share, share)))


def with_tables(graph):
    plan = HostProgram(graph).plan
    return [name for name in graph.order if isinstance(graph.nodes[name], Conv2d) and plan.form(name) == "tables"]


def test_an_entry_is_the_sum_of_the_weights_of_a_pattern():
    taps = np.random.default_rng(0).integers(-128, 128, (2, 3, 8, 20))
    tables = pack_tables(taps)
    assert tables.shape == (2, 2, 3, 2, 16, 16)
    assert tables.nbytes == tables_bytes(taps.transpose(3, 2, 0, 1))
    assert not tables[1, ..., 4:].any()
    for pattern in range(16):
        spikes = np.array([pattern >> bit & 1 for bit in range(4)])
        for output in range(20):
            sums = (taps[..., output].reshape(2, 3, 2, 4) * spikes).sum(3)
            assert np.array_equal(tables[output // 16, :, :, :, pattern, output % 16], sums)


@pytest.mark.parametrize(
    ("value", "inputs", "fits"), [(127, 258, True), (127, 259, False), (-128, 256, True), (-128, 257, False)]
)
def test_sums_fit_16_bits_if_all_inputs_spike(value, inputs, fits):
    assert sums_in_16_bits(np.full((3, inputs, 1, 1), value, np.int8)) == fits


@pytest.fixture(scope="module")
def graph():
    """Layers that neurons or a sum read; kernels, strides and channels that take each path; and one reader of lists."""
    net = Builder((2, 9, 8), np.random.default_rng(3))
    net.conv("conv0", 16)
    root = net.neuron("if0", scale=5000, tie=">")
    net.conv("four_groups", 32)
    net.neuron("if1", scale=60)
    branch = net.conv("eight_groups", 16)
    shortcut = net.add("shortcut", Scale(np.arange(-5, 11, dtype=np.int8)), (root,))
    net.add("sum", Add(), (branch, shortcut))
    root = net.neuron("if2", scale=200)
    branch = net.conv("wide", 12, (5, 3), (2, 2), (2, 1))
    shortcut = net.add(
        "projection", Conv2d(net.integers(-60, 60, (12, 16, 1, 1), np.int8), np.zeros(12, np.int32), (2, 2)), (root,)
    )
    net.add("sum2", Add(), (branch, shortcut))
    net.neuron("if3", scale=100)
    net.conv("three_groups", 20)
    root = net.neuron("if4", scale=60)
    branch = net.conv("five_groups", 8)
    grouped = Conv2d(net.integers(-60, 60, (8, 5, 1, 1), np.int8), np.zeros(8, np.int32), groups=4)
    net.add("sum3", Add(), (branch, net.add("grouped", grouped, (root,))))
    net.neuron("if5", scale=60, leaky=True)
    net.conv("after_leak", 8)
    net.neuron("if6", scale=60)
    return net.graph()


TABLES = ["four_groups", "eight_groups", "wide", "projection", "three_groups", "five_groups"]


def test_layers_use_tables_if_many_inputs_spike_for_their_size(graph):
    assert with_tables(graph) == []  # the activity is unknown
    by_share = [set(with_tables(active(graph, share))) for share in (0.001, 0.02, 0.1)]
    assert by_share[0] == set()
    assert by_share[1] == {"projection"}, "the smallest tables"
    assert by_share[1] < by_share[2] < set(TABLES)
    assert with_tables(active(graph)) == TABLES
    plan = HostProgram(active(graph)).plan
    assert [name for name in graph.spiking if plan.lists_counts(name)] == ["if4"]


@pytest.mark.parametrize(("threads", "window"), [(1, 0), (1, 4), (2, 4)])
def test_tables_change_no_spike(graph, threads, window):
    images = np.random.default_rng(1).integers(0, 256, (2, *graph.input.shape)).astype(np.float32)
    recorded = []
    for name, network in (("numpy", graph), ("native", active(graph))):
        engine = create(network, name, () if window else graph.spiking, threads if name == "native" else None)
        engine.reset(2, window or None)
        values = []
        for t in range(4):
            values.append(engine.step(images if t == 0 else None))
            recording = () if window else graph.spiking
            values += [value(layer) for layer in recording for value in (engine.spikes, engine.potentials)]
        recorded.append([*values, *engine.spike_counts().values()])
    assert all(map(np.array_equal, *recorded))
    assert all(np.any(values) for values in recorded[0])


@pytest.mark.parametrize("value", [127, -128])
def test_the_largest_sums(value):
    """Every input spikes, and every weight is the largest or the smallest of 8 bits."""
    channels = 28
    net = Builder((1, 4, 5), np.random.default_rng(0))
    net.add("conv1", Conv2d(np.zeros((channels, 1, 1, 1), np.int8), np.full(channels, 1000, np.int32)))
    net.add("if1", IF(np.full(channels, 1000, np.int32), np.zeros(channels, np.int32)))
    net.add("conv2", Conv2d(np.full((18, channels, 3, 3), value, np.int8), np.zeros(18, np.int32), (1, 1), (1, 1)))
    net.add("if2", IF(np.full(18, 2**21, np.int32), np.zeros(18, np.int32)))
    network = active(net.graph())
    assert with_tables(network) == ["conv2"]
    engine = create(network, "native", network.spiking)
    engine.reset(1)
    engine.step(np.zeros((1, 1, 4, 5), np.float32))
    assert engine.spikes("if1").all()
    assert engine.potentials("if2")[0, :, 1:3, 1:4].tolist() == np.full((18, 2, 3), 9 * channels * value).tolist()
