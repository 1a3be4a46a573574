"""Copies instead of time-steps: k copies fire as many spikes in T time-steps as one neuron in k T."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from networks import Builder, graphs
from spikelet import neurons
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.data import ImageSet
from spikelet.engines import ENGINES, create, run
from spikelet.engines.operators import evaluate, float_weights
from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, Scale
from spikelet.verify import record_golden, verify
from spikelet_converters.conversion.copied_bundle import convert_copies, trained_potentials
from spikelet_converters.conversion.copies import with_copies

i32, f32 = np.int32, np.float32
RANDOM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def plain(graph, tie=">="):
    """Return a random network whose neurons can have copies: IF, reset by subtraction, v_init of theta / 2."""
    nodes = {
        name: IF(node.theta, (node.theta // 2).astype(i32), tie=tie) if isinstance(node, IF) else node
        for name, node in graph.nodes.items()
    }
    return Graph(nodes, graph.edges)


def count_of(node, x, steps):
    """Return the spike counts of a layer of one channel for a constant current."""
    v, total = neurons.initial_potential(node, 1, (1,)), 0
    for _ in range(steps):
        v, fired = neurons.step(node, v, np.full((1, 1), x, f32))
        total += int(fired.sum())
    return total


def single(theta, v_init, tie=">="):
    """Return a network of one neuron between an input and an output."""
    nodes = {
        "x": Input((1,), np.zeros(1, np.int16), -(2**15), 2**15 - 1),
        "if": IF(np.array([theta], i32), np.array([v_init], i32), tie=tie),
        "y": Output(),
    }
    return Graph(nodes, tuple(pairwise(nodes)))


@given(data=st.data(), copies=st.integers(1, 16), steps=st.integers(1, 16), tie=st.sampled_from([">=", ">"]))
def test_copies_send_what_one_neuron_sends_in_k_times_the_time_steps(data, copies, steps, tie):
    theta = data.draw(st.integers(1, 400))
    v_init = data.draw(st.integers(0, theta - 1)) + (tie == ">")
    x = data.draw(st.integers(-500, 500))
    graph = single(theta, v_init, tie)
    copied = with_copies(graph, copies, "trained").neuron("if")
    assert count_of(copied, x, steps) == count_of(graph.neuron("if"), x, copies * steps)


@pytest.mark.parametrize("copies", range(1, 17))
def test_one_time_step_is_the_quantiser_with_k_levels(copies):
    for theta in (1, 2, 7, 64, 101):
        node = with_copies(single(theta, theta // 2), copies).neuron("if")
        for x in range(-theta, 2 * theta + 1):
            level = min(max((2 * copies * x + theta) // (2 * theta), 0), copies)
            assert count_of(node, x, 1) == level


def quantised_logits(graph, pixels, levels):
    """Return the logits (N, K) of the source network with quantisers of `levels` levels, times `levels`."""
    weights, values = float_weights(graph), {}
    for name in graph.order:
        node, shape = graph.nodes[name], graph.shapes[name]
        inputs = [values[source] for source in graph.predecessors[name]]
        if isinstance(node, Input):
            mean = node.mean.astype(np.int64).reshape(-1, *(1,) * (len(shape) - 1))
            values[name] = levels * (pixels.astype(np.int64) - mean)
        elif isinstance(node, IF):
            theta = node.theta.astype(np.int64).reshape(-1, *(1,) * (len(shape) - 1))
            values[name] = ((2 * inputs[0] + theta) // (2 * theta)).clip(0, levels)
        else:
            if isinstance(node, Conv2d | Linear):
                node = replace(node, bias=(levels * node.bias.astype(np.int64)).astype(i32))
            assert all(np.abs(value).max() < 2**24 for value in inputs)
            result = evaluate(node, [value.astype(f32) for value in inputs], shape, weights.get(name))
            values[name] = result.astype(np.int64)
    return values[graph.output_name]


@RANDOM
@given(graph=graphs(), copies=st.integers(1, 16), seed=st.integers(0, 99))
def test_a_network_at_one_time_step_is_the_quantised_network(graph, copies, seed):
    graph = plain(graph)
    copied = with_copies(graph, copies)
    pixels = np.random.default_rng(seed).integers(0, 256, (3, *graph.input.shape))
    engine = create(copied, "numpy")
    engine.reset(3)
    assert np.array_equal(engine.step(pixels.astype(f32)), quantised_logits(graph, pixels, copies))
    assert copied.output.scale == graph.output.scale / copies


def logits_of(graph, pixels, steps):
    total = 0
    for _, logits in run(create(graph, "numpy"), pixels[None], steps):
        total = total + logits
    return total


@RANDOM
@given(graph=graphs(), copies=st.integers(2, 8), steps=st.integers(1, 4), tie=st.sampled_from([">=", ">"]))
def test_the_first_layer_sends_its_counts_of_k_times_the_time_steps(graph, copies, steps, tie):
    """A layer that no spikes reach has a constant current."""
    graph = plain(graph, tie)
    first = [name for name in graph.spiking if graph.predecessors[name][0] in graph.static]
    copied = with_copies(graph, copies)
    pixels = np.random.default_rng(copies).integers(0, 256, (1, 2, *graph.input.shape)).astype(f32)
    engines = create(copied, "numpy", first), create(graph, "numpy", first)
    counts = [dict.fromkeys(first, 0) for _ in engines]
    for engine, length, total in zip(engines, (steps, copies * steps), counts, strict=True):
        if length > exact_steps(engine.graph):
            return
        for _ in run(engine, pixels, length):
            for name in first:
                total[name] = total[name] + neurons.layer_output(engine.graph.neuron(name), engine.spikes(name))
    for name in first:
        theta = graph.neuron(name).theta
        ours, theirs = (total[name].swapaxes(0, 1)[(theta > 1) | (tie == ">=")] for total in counts)
        assert np.array_equal(ours, theirs)


def residual():
    """Return a network with a residual block, a pool, groups, and an Add of spikes and of a current from the image."""
    net = Builder((2, 4, 4), np.random.default_rng(4))
    root = net.here
    net.conv("conv1", 4, groups=2)
    net.neuron("if1", scale=900)
    net.conv("conv2", 4, groups=2)
    net.add("shortcut", Scale(net.integers(1, 5, 4, np.int8)), ("if1",))
    net.add("add", Add(), ("conv2", "shortcut"))
    net.neuron("if2", scale=60)
    second = net.here
    net.here = root
    image = net.conv("image", 4)
    net.add("mixed", Add(), (second, image))
    net.neuron("if3", scale=900)
    return plain(net.graph())


def test_branches_that_carry_other_numbers_of_copies_are_scaled():
    graph = residual()
    copied = with_copies(graph, 4)
    assert copied.node("image.times4", Scale).scale.tolist() == [4] * 4
    assert set(copied.predecessors["mixed"]) == {"if2", "image.times4"}
    mixed = with_copies(graph, {"if1": 2, "if2": 3})
    assert [mixed.neuron(name).copies for name in mixed.spiking] == [2, 3, 1]
    assert mixed.node("image.times3", Scale).scale.tolist() == [3] * 4
    assert set(mixed.predecessors["add"]) == {"conv2", "shortcut"}
    assert np.array_equal(mixed.neuron("if3").theta, 3 * graph.neuron("if3").theta)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 2, 4, 4)).astype(f32)
    assert np.array_equal(logits_of(copied, pixels, 1), quantised_logits(graph, pixels, 4))


def test_the_logits_of_few_time_steps_agree_with_those_of_many():
    """The mean logits are close to those of k times the time-steps, and equal if currents are constant."""
    graph = residual()
    pixels = np.random.default_rng(0).integers(0, 256, (40, 2, 4, 4)).astype(f32)
    copied = with_copies(graph, 8)
    ours = logits_of(copied, pixels, 8) * copied.output.scale / 8
    theirs = logits_of(graph, pixels, 64) * graph.output.scale / 64
    assert np.abs(ours - theirs).max() < 0.1 * np.abs(theirs).max()


def test_potentials_of_the_network_can_be_kept():
    graph = single(100, 30)
    assert with_copies(graph, 4, "trained").neuron("if").v_init.tolist() == [7, 32, 57, 82]
    assert with_copies(graph, 4, "half").neuron("if").v_init.tolist() == [12, 37, 62, 87]
    assert with_copies(single(100, 50), 4, "trained") == with_copies(single(100, 50), 4, "half")
    assert with_copies(graph, 1, "trained") == graph
    assert (trained_potentials(graph), trained_potentials(single(101, 50))) == (1, 0)


def test_half_an_odd_threshold_is_not_rounded():
    """If 3 theta is odd, the initial potentials are staggered around 3 theta / 2, not around 3 times the rounded theta / 2."""
    net = Builder((1,), np.random.default_rng(0))
    net.neuron("first")
    net.linear("fc", 1)
    net.nodes["if"] = IF(np.array([5], i32), np.array([2], i32))
    net.edges.append(("fc", "if"))
    net.shapes["if"], net.here = (1,), "if"
    graph = plain(net.graph())
    assert with_copies(graph, 3).neuron("if").v_init.tolist() == [15 * i // 6 for i in (1, 3, 5)]


def test_a_float32_network():
    net = Builder((2, 4, 4), np.random.default_rng(1), exact=False)
    net.conv("conv", 3)
    net.neuron("if1", scale=900)
    net.conv("conv2", 3)
    net.neuron("if2")
    graph = net.graph()
    copied = with_copies(graph, 4)
    assert not copied.exact
    node = copied.neuron("if2")
    assert np.array_equal(node.theta, 4 * graph.neuron("if2").theta)
    assert np.allclose(node.v_init.reshape(-1, 4), node.theta[:, None] * (np.arange(4) + 0.5) / 4)
    trained = with_copies(graph, 4, "trained").neuron("if1")
    source = graph.neuron("if1")
    assert np.allclose(trained.v_init, np.add.outer(source.v_init, np.zeros(4)).ravel() / 4 + np.outer(
        source.theta, np.arange(4) / 4).ravel())  # fmt: skip


@pytest.mark.parametrize(
    ("options", "copies", "message"),
    [
        ({"leaky": True}, 2, "if1: LIF neurons leak, so their spike count depends on when a current arrives"),
        ({"reset": "zero"}, 2, "if1: neurons reset to zero lose what exceeds the threshold"),
        ({"copies": 3}, 2, "if1: has 3 copies of each neuron already"),
        ({}, {"conv": 2}, "'conv' is not a spiking layer of this network; its layers: if1"),
        ({}, 0, "copies of if1: expected a whole number of 1…255, found 0"),
        ({}, 256, "copies of if1: expected a whole number of 1…255, found 256"),
        ({}, {"if1": 2.0}, "copies of if1: expected a whole number of 1…255, found 2.0"),
        ({}, True, "copies of if1: expected a whole number of 1…255, found True"),
        ({"scale": 2**23}, 255, "the result is not exact"),
    ],
)
def test_networks_that_cannot_have_copies_are_refused(options, copies, message):
    net = Builder((3, 4, 4), np.random.default_rng(0))
    net.conv("conv", 4)
    net.neuron("if1", **options)
    net.linear_after = net.add("flat", Flatten())
    if options.get("scale"):
        net.linear("fc1", 3)
        net.neuron("if2", scale=2**23)
    with pytest.raises(ConversionError, match=message):
        with_copies(net.graph(), copies)


def test_a_leaky_layer_may_stay_without_copies():
    net = Builder((3,), np.random.default_rng(0))
    net.neuron("if1")
    net.linear("fc1", 4)
    net.neuron("leaky", leaky=True)
    graph = net.graph()
    copied = with_copies(graph, {"if1": 4})
    node = copied.neuron("leaky")
    assert (node.copies, node.kind) == (1, "LIF")
    assert np.array_equal(node.theta, 4 * graph.neuron("leaky").theta)


def test_numbers_beyond_32_bits_are_refused():
    nodes = {
        "x": Input((1,), np.zeros(1, np.int16)),
        "if1": IF(np.array([9], i32), np.array([4], i32)),
        "fc": Linear(np.ones((1, 1), np.int8), np.array([2**30], i32)),
        "if2": IF(np.array([9], i32), np.array([4], i32)),
        "y": Output(),
    }
    with pytest.raises(ConversionError, match=r"fc.bias: 4 times its values exceeds 32 bits"):
        with_copies(Graph(nodes, tuple(pairwise(nodes))), 4)


def bundle_of(graph, **more):
    golden = record_golden(graph, np.random.default_rng(5).integers(0, 256, (2, *graph.input.shape)).astype(f32), 8)
    return Bundle(graph, Manifest("small", bits=8, exact_steps=exact_steps(graph), **more), golden, "")


class TestBundle:
    @pytest.fixture
    def images(self):
        rng = np.random.default_rng(0)
        return ImageSet(rng.integers(0, 256, (30, 2, 4, 4)).astype(np.uint8), rng.integers(0, 3, 30), None, "random")

    def test_a_converted_bundle_is_verified_on_every_engine(self, tmp_path):
        converted = convert_copies(bundle_of(residual()), 4, command="spikelet convert x")
        write(converted, tmp_path / "copied.snnb")
        stored = read(tmp_path / "copied.snnb")
        assert stored.graph == converted.graph
        for engine in ENGINES:
            assert verify(stored, engine).ok
        assert stored.manifest.provenance["copies"] == 4
        assert stored.manifest.exact_steps == exact_steps(stored.graph)
        assert stored.golden.steps == 2
        layer = stored.manifest.conversion["layers"][0]
        assert layer["neurons"] == stored.graph.neurons("if1") == 4 * residual().neurons("if1")

    @pytest.mark.parametrize("number", [np.int64(2), {"if1": np.int8(2)}])
    def test_numbers_of_numpy(self, number, tmp_path):
        copied = convert_copies(bundle_of(residual()), number)
        assert copied.graph.neuron("if1").copies == 2
        write(copied, tmp_path / "copied.snnb")

    def test_files_do_not_grow_with_the_number_of_copies(self, tmp_path):
        sizes = {}
        for copies in (1, 8):
            write(convert_copies(bundle_of(residual()), copies), tmp_path / "copied.snnb")
            stored = read(tmp_path / "copied.snnb")
            sizes[copies] = sum(
                value.nbytes for node in stored.graph.nodes.values() for value in
                (getattr(node, field) for field in node.tensors if field in ("weight", "bias", "theta"))
            )  # fmt: skip
        assert sizes[8] <= sizes[1]

    def test_the_results_are_measured_again(self, images):
        before = [{"data": images.name, "digest": images.digest, "images": 30, "float_accuracy": 0.5}]
        graph = residual()
        node = graph.neuron("if1")
        graph = Graph({**graph.nodes, "if1": replace(node, v_init=node.v_init + 1)}, graph.edges)
        converted = convert_copies(bundle_of(graph, results=before), 4, data=[images])
        (result,) = converted.manifest.results
        copied = with_copies(graph, 4)
        pixels = images.images.astype(f32)
        answers = logits_of(copied, pixels, 1).argmax(1)
        assert result["accuracy"][0] == pytest.approx((answers == images.labels).mean())
        assert result["float_accuracy"] == 0.5
        trained = (logits_of(with_copies(graph, 4, "trained"), pixels, 1).argmax(1) == images.labels).mean()
        (note,) = converted.manifest.conversion["notes"]
        assert note.startswith("4 of 12 channels have a trained initial potential; theta / 2 was used")
        assert f"{trained:.2%} with the trained ones, {result['accuracy'][0]:.2%} with theta / 2" in note

    def test_a_run_has_as_many_levels_as_before_unless_its_time_steps_are_given(self):
        bundle = bundle_of(residual())
        assert bundle.default_steps == 8
        for copies, steps in ((1, 8), (3, 3), (4, 2), (8, 1), (16, 1)):
            assert convert_copies(bundle, copies).default_steps == steps
        assert convert_copies(bundle, 4, steps=1).default_steps == 1

    def test_results_of_other_images_are_dropped(self, images):
        before = [{"data": "other", "digest": "1", "images": 30, "float_accuracy": 0.5}]
        converted = convert_copies(bundle_of(residual(), results=before), 2, data=[images])
        assert "float_accuracy" not in converted.manifest.results[0]
        assert converted.manifest.conversion["notes"] == []

    def test_bits_represent_the_factor_of_a_branch(self):
        converted = convert_copies(bundle_of(residual()), {"if2": 200})
        assert converted.manifest.bits == 9
        assert converted.graph.node("image.times200", Scale).scale.dtype == np.int16


class TestCommand:
    @pytest.fixture
    def folder(self, tmp_path):
        write(bundle_of(residual()), tmp_path / "small.snnb")
        return tmp_path

    def test_a_bundle(self, call, folder):
        out = call("convert small.snnb --copies 4 -o copied.snnb").out
        assert "no shipped images fit this network" in out
        assert call("verify copied.snnb").out.count("ok") >= 3
        assert [read(folder / "copied.snnb").graph.neuron(name).copies for name in ("if1", "if2")] == [4, 4]
        call("convert small.snnb --copies 2,if2=3 -o copied.snnb")
        graph = read(folder / "copied.snnb").graph
        assert [graph.neuron(name).copies for name in graph.spiking] == [2, 3, 2]
        assert read(folder / "copied.snnb").default_steps == 3
        call("convert small.snnb --copies 2,if2=3 --steps 1 -o copied.snnb")
        assert read(folder / "copied.snnb").default_steps == 1
        call("convert small.snnb --copies if1=5 --copies-start trained -o copied.snnb")
        graph = read(folder / "copied.snnb").graph
        assert [graph.neuron(name).copies for name in graph.spiking] == [5, 1, 1]

    @pytest.mark.parametrize(
        ("line", "code", "message"),
        [
            ("small.snnb", 2, "small.snnb: is a bundle already; --copies K gives it copies of its neurons"),
            ("small.snnb --copies 2 --bits 4", 2, "a bundle is converted already and keeps its weights; omit --bits"),
            ("small.snnb --copies if9=2", 1, "'if9' is not a spiking layer of this network"),
            ("missing.snnb --copies 2", 1, "missing.snnb: cannot be read"),
        ],
    )
    def test_what_is_refused(self, call, line, code, message):
        assert message in call(f"convert {line} -o out.snnb", code=code).err

    @pytest.mark.parametrize("number", ["0", "256", "two", "if1=", "=2", "2,"])
    def test_invalid_numbers_of_copies_are_refused(self, call, number):
        error = call(f"convert small.snnb --copies {number} -o out.snnb", code=2).err
        assert f"expected 1…255, or LAYER=K,LAYER=K, found '{number}'" in error

    def test_a_shipped_bundle_by_its_name_beside_a_folder_of_that_name(self, call, folder):
        (folder / "vgg5-fashion-mnist").mkdir()
        assert "vgg5-fashion-mnist: is a bundle already" in call("convert vgg5-fashion-mnist -o out.snnb", code=2).err

    def test_copies_of_copies(self, call, folder):
        call("convert small.snnb --copies 2 -o copied.snnb")
        assert "has 2 copies of each neuron already" in call("convert copied.snnb --copies 2 -o out.snnb", code=1).err
