"""Layers that multiply the image or counts of spikes: sums of products do not overflow for any weights and inputs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from networks import Builder
from spikelet.engines import create
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.packing import pack_quads, pack_rows, products_in_16_bits
from spikelet.metrics.fanout import sites
from spikelet.metrics.tally import costs
from spikelet.nodes import IF, Add, Conv2d, Input, Scale, SumPool2d

LIMIT = 2**15 - 1


def largest(taps, count, most):
    """Return the largest and smallest sums of products of pairs within `most` quads of a row of the kernel."""
    sums = []
    for row in taps.astype(np.int64):
        inputs = row.reshape(-1, 4, taps.shape[3])
        for start in range(0, len(inputs), most):
            for pair in (slice(0, 2), slice(2, 4)):
                part = inputs[start : start + most, pair]
                sums += [count * np.maximum(part, 0).sum((0, 1)).max(), count * np.minimum(part, 0).sum((0, 1)).min()]
    return max(sums), min(sums)


@given(seed=st.integers(0, 999), count=st.integers(1, 31), limit=st.sampled_from([3, 30, 127]))
def test_products_fit_16_bits(seed, count, limit):
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(1, 4)), int(rng.integers(1, 4)), 4 * int(rng.integers(1, 20)), 3)
    taps = rng.integers(-limit - 1, limit + 1, size)
    most = products_in_16_bits(taps, count)
    high, low = largest(taps, count, most)
    assert 1 <= most <= size[1] * size[2] // 4
    assert (high, low) <= (LIMIT, LIMIT)
    assert low >= -LIMIT


def test_as_many_products_are_added_as_fit():
    taps = np.full((1, 1, 64, 1), -128)
    assert products_in_16_bits(taps, 1) == 16
    assert products_in_16_bits(taps, 31) == 4
    assert largest(taps, 31, 4)[1] == -31 * 128 * 8 >= -LIMIT > largest(taps, 31, 8)[1]


def test_weights_of_four_inputs_are_neighbours():
    taps = np.random.default_rng(0).integers(-128, 128, (2, 3, 8, 20))
    packed = pack_quads(taps)
    assert packed.shape == (2, 2 * 3 * 8 // 4, 16, 4)
    for output in range(20):
        of_output = packed[output // 16, :, output % 16].reshape(2, 3, 8)
        assert np.array_equal(of_output, taps[..., output])
    assert not packed[1, :, 4:].any()


@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_weights_and_counts(sign):
    """Every input has the largest number of spikes, and every weight is the largest or the smallest of 8 bits."""
    net = Builder((1, 6, 6), np.random.default_rng(0))
    net.add("conv1", Conv2d(np.zeros((8, 1, 1, 1), np.int8), np.full(8, 1000, np.int32)))
    net.neuron("if1", scale=5, copies=7, start="even")
    net.add("pool", SumPool2d((2, 2), (2, 2)))
    weight = np.full((18, 8, 3, 3), 127 if sign > 0 else -128, np.int8)
    net.add("conv2", Conv2d(weight, np.zeros(18, np.int32), (1, 1), (1, 1)))
    net.add("if2", IF(np.full(18, 2**21, np.int32), np.full(18, 2**20, np.int32)))
    graph = net.graph()
    assert HostProgram(graph).plan.multiplies_counts("conv2")
    images = np.zeros((1, 1, 6, 6), np.float32)
    potentials = []
    for name in ("numpy", "native"):
        engine = create(graph, name, graph.spiking)
        engine.reset(1)
        for t in range(2):
            engine.step(images if t == 0 else None)
        assert engine.spikes("if1").all()
        potentials.append(engine.potentials("if2"))
    assert np.array_equal(*potentials)
    assert np.abs(potentials[0] - 2**20).max() == 2 * 28 * 8 * 9 * abs(int(weight.flat[0]))


def active(graph, share):
    """Return the network as if this share of all neurons had fired in each time-step when it was measured."""
    return graph.with_activity(dict.fromkeys(graph.spiking, (1 - share, share)))


@pytest.fixture(scope="module")
def plain():
    """Neurons without copies: one layer is read by a convolution and a shortcut, one by a pool, one has a leak."""
    net = Builder((2, 8, 8), np.random.default_rng(3))
    net.conv("conv0", 16)
    root = net.neuron("if0", scale=5000, tie=">")
    net.conv("branch", 16)
    net.neuron("if_branch", scale=60)
    branch = net.conv("conv1", 16)
    shortcut = net.add("shortcut", Scale(np.full(16, 3, np.int8)), (root,))
    net.add("sum", Add(), (branch, shortcut))
    net.neuron("if1", scale=200)
    net.add("pool", SumPool2d((2, 2), (2, 2)))
    net.conv("conv2", 70)
    net.neuron("if2", scale=90, leaky=True)
    net.conv("conv3", 8)
    net.neuron("if3", scale=90)
    return net.graph()


def test_the_form_of_a_layer_follows_its_measured_activity(plain):
    def multiplied(graph):
        plan = HostProgram(graph).plan
        return [name for name in graph.order if isinstance(graph.nodes[name], Conv2d) and plan.form(name) == "counts"]

    assert multiplied(plain) == []
    assert multiplied(active(plain, 0.1)) == []
    # a sum over four pixels has four spikes
    assert multiplied(active(plain, 0.2)) == ["conv2"]
    assert multiplied(active(plain, 1.0)) == ["conv2"]  # the others use tables; counts of leaky neurons are not stored
    plan = HostProgram(active(plain, 0.3)).plan
    # four pixels of 16 channels share rows of 64 weights, half of them zeros
    assert plan.added_rows("branch") == pytest.approx(0.6)
    assert not plan.lists_counts("if0")
    # a target without AVX2 gets no weights in these forms
    with_lists = HostProgram(active(plain, 1.0), product_bytes=0).plan
    assert {with_lists.form(name) for name in ("branch", "conv1", "conv2", "conv3")} == {"lists"}
    assert not any(map(with_lists.stores_counts, plain.spiking))
    assert with_lists.parameter_bytes() < HostProgram(active(plain, 1.0)).plan.parameter_bytes()


@pytest.fixture(scope="module")
def copied():
    """Neurons with copies, read by a wide and by a narrow layer."""
    net = Builder((2, 8, 8), np.random.default_rng(3))
    net.conv("conv1", 16)
    net.neuron("if1", scale=5000, copies=4, start="even")
    net.conv("conv2", 64)
    net.neuron("if2", scale=90, copies=4, start="even")
    net.conv("conv3", 16, (3, 3), (4, 4), (1, 1))
    net.neuron("if3", scale=90)
    return net.graph()


def test_wide_products_are_used_for_fewer_spikes(copied):
    """Of 100 neurons 22 fire once, so that lists add 22 of 100 weights."""
    graph = copied.with_activity(dict.fromkeys(copied.spiking, (0.78, 0.22, 0, 0, 0)))
    multiplied = {
        size: [name for name in graph.order if plan.multiplies_counts(name)]
        for size in (0, 16, 32, 64)
        if (plan := HostProgram(graph, product_bytes=size).plan)
    }
    assert multiplied == {0: [], 16: [], 32: [], 64: ["conv2", "conv3"]}


def test_wide_products_are_used_if_many_layers_are_active():
    """They lower the clock. Layers of up to 16 outputs use tables in any case."""
    net = Builder((2, 8, 8), np.random.default_rng(3))
    for i, outputs in enumerate((16, 32, 64, 64, 16)):
        net.conv(f"conv{i}", outputs)
        net.neuron(f"if{i}", scale=400)
    graph = net.graph()

    def forms(active, product_bytes=64):
        """Return the forms of conv1 to conv4, which have 7%, 27%, 53% and 13% of the products."""
        shares = {name: (0.6, 0.4) if name in active else (0.98, 0.02) for name in graph.spiking}
        plan = HostProgram(graph.with_activity(shares), product_bytes=product_bytes).plan
        return [plan.form(f"conv{i}") for i in (1, 2, 3, 4)]

    assert forms(["if0"]) == ["tables", "lists", "lists", "lists"]
    assert forms(["if2"]) == ["lists", "lists", "counts", "lists"]
    assert forms(["if0", "if2", "if3"]) == ["counts", "lists", "counts", "tables"]
    assert forms(["if0", "if2", "if3"], product_bytes=32) == ["tables", "lists", "lists", "tables"]


def test_rows_of_few_pixels_are_summed_together(copied):
    plan = HostProgram(copied.with_activity(dict.fromkeys(copied.spiking, (0, 1, 0, 0, 0))), product_bytes=64).plan
    assert {name: (plan.values[name].width, plan.summed_rows(name)) for name in ("conv2", "conv3")} == {
        "conv2": (8, 1),
        "conv3": (2, 2),  # it has no more rows
    }
    sums = next(field for field in plan.work if field.name == "current")
    assert sums.count >= 8 * 64


def test_the_form_of_a_layer_changes_no_spike(plain):
    images = np.random.default_rng(1).integers(0, 256, (2, *plain.input.shape)).astype(np.float32)
    recorded = []
    for name, graph in (("numpy", plain), ("native", active(plain, 1))):
        engine = create(graph, name, graph.spiking)
        engine.reset(2)
        values = []
        for t in range(4):
            values.append(engine.step(images if t == 0 else None))
            values += [value(layer) for layer in graph.spiking for value in (engine.spikes, engine.potentials)]
        recorded.append(values)
    assert all(map(np.array_equal, *recorded))
    assert all(np.any(values) for values in recorded[0])


def test_spikes_of_layers_that_store_counts_are_counted(plain):
    images = np.random.default_rng(1).integers(0, 256, (2, *plain.input.shape)).astype(np.float32)
    counted = []
    for name, graph in (("numpy", plain), ("native", active(plain, 1))):
        engine = create(graph, name)
        engine.count_spikes(costs(graph, sites(graph)))
        engine.reset(2, 4)  # a window
        events = []
        for t in range(4):
            engine.step(images if t == 0 else None)
            events.append(engine.events().copy())
        counted.append([*events, *engine.counted().values()])
    assert all(map(np.array_equal, *counted))


def test_weights_of_two_inputs_of_a_row_are_neighbours():
    taps = np.random.default_rng(0).integers(-128, 128, (2, 3, 3, 16))
    packed = pack_rows(taps)
    assert packed.shape == (2, 5, 16, 2)
    for output in range(16):
        of_output = packed[:, :, output].reshape(2, 10)
        assert np.array_equal(of_output[:, :9], taps[..., output].reshape(2, 9))
        assert not of_output[:, 9].any()


@pytest.mark.parametrize(
    ("mean", "low", "high", "size", "fits"),
    [(-1, -5, 2**15 - 2, 16, True), (0, -(2**15), 2**15 - 1, 48, True), (1, -(2**15), 99, 112, False)],
)
def test_the_largest_values_of_an_image(mean, low, high, size, fits):
    """The first layer multiplies pairs of values of 16 bits if all values fit; spikes and potentials are exact."""
    rng = np.random.default_rng(0)
    net = Builder((3, 5, 6), rng)
    net.nodes["input"] = Input((3, 5, 6), np.full(3, mean, np.int16), low, high)
    net.add(
        "conv1", Conv2d(rng.integers(-3, 4, (size, 3, 3, 2)).astype(np.int8), np.zeros(size, np.int32), (2, 1), (1, 0))
    )
    net.neuron("if1", scale=20_000)
    graph = net.graph()
    assert HostProgram(graph).plan.multiplies_image("conv1") == fits
    images = rng.choice([low, high], (2, 3, 5, 6)).astype(np.float32)
    potentials = []
    for name in ("numpy", "native"):
        engine = create(graph, name, graph.spiking)
        engine.reset(2)
        engine.step(images)
        potentials.append(engine.potentials("if1"))
    assert np.array_equal(*potentials)
