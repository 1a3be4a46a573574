"""Baselines: the multi-step simulation against the reference engine, and each rule against cases computed by hand."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from spikelet.engines import create
from spikelet.errors import UsageError
from spikelet.graph import Graph
from spikelet.nodes import IF, Input, Linear, Output
from spikelet_converters.baselines import BASELINES, COS, FTBC, RTS, SNNC, SRP, MultiStep
from spikelet_converters.baselines.cos import offset
from spikelet_converters.baselines.snnc import activations
from spikelet_converters.calibration.analog import integrate
from spikelet_converters.calibration.layers import channel_means
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.source_model.networks import NetworkSpec


def trained_like(model="vgg5", seed=0):
    """Return (network, images), with statistics of batch norm from random images."""
    torch.manual_seed(seed)
    network = NetworkSpec(model, (3, 8, 8), 5, (125, 123, 114), (63.0, 62.0, 67.0), 4, "none", 1.0).build()
    images = torch.randint(0, 256, (24, 3, 8, 8), dtype=torch.uint8)
    for _ in range(3):
        network(images.float())
    return network.eval(), images.numpy()


@pytest.fixture(scope="module")
def small():
    network, images = trained_like()
    return network, trace(network, (3, 8, 8)), images


@pytest.mark.parametrize("model", ["vgg5", "resnet20"])
def test_the_multi_step_simulation_fires_the_reference_engines_spikes(model):
    network, images = trained_like(model)
    graph = quantise(trace(network, (3, 8, 8)), 8).graph
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(6)
    spikes = MultiStep(graph).run(images[:6], 4, keep=graph.spiking)
    logits = MultiStep(graph).logits(images[:6], 4)
    total = np.zeros((6, 5))
    for t in range(4):
        total += engine.step(images[:6].astype(np.float32) if t == 0 else None)
        assert np.array_equal(total * graph.output.scale, logits[t].numpy())
        for name in graph.spiking:
            assert np.array_equal(engine.spikes(name), spikes[name][t].numpy().astype(bool)), (name, t)


def train(*currents):
    """Return the currents of a single neuron, (T, 1, 1)."""
    return torch.tensor(currents).float().reshape(-1, 1, 1)


def neuron(theta=10, v_init=5):
    return IF(np.array([theta], np.int32), np.array([v_init], np.int32))


class TestCOS:
    """theta = 10, v(0) = 5, rho = 4; potentials worked out by hand."""

    def shift(self, *currents):
        return float(offset(train(*currents), torch.tensor([[5.0]]), torch.tensor([[[10.0]]])[0])) - 5

    def test_a_spike_too_many_lowers_the_start_by_theta(self):
        # v: 5+8=13 fires, 3; 3-8=-5; -5; -5 < 0 with one spike fired
        assert self.shift(8, -8, 0, 0) == -10

    def test_and_by_more_where_the_weakest_spike_was_stronger(self):
        # 5+30=35 fires, 25; 25-40=-15; the spike had 35, so 26 is the least that undoes it
        assert self.shift(30, -40, 0, 0) == -26

    def test_a_missing_spike_raises_it(self):
        # -5 silent; 5+... the charge comes last: 5-20=-15, -15, -15, -15+45=30 fires, 20 >= theta
        # the strongest silent potential is -15: 25 makes it fire
        assert self.shift(-20, 0, 0, 45) == 25

    def test_a_potential_that_ends_well_changes_nothing(self):
        assert self.shift(10, 0, 10, 0) == 0
        assert self.shift(-30, 0, 0, 0) == 0, "below 0, but it never fired"

    def test_the_second_pass_fires_once_less(self):
        node, current = neuron(), train(8, -8, 0, 0)
        rule = COS(rho=4).rule(None, None, None, 4)
        assert integrate(current, torch.tensor([[5.0]]), torch.tensor([[10.0]]))[0].sum() == 1
        assert rule("if", node, current).sum() == 0

    @pytest.mark.parametrize("seed", range(3))
    def test_it_brings_the_count_towards_the_clipped_floor(self, seed):
        """As the publication proves, the rho pre-steps move no count away from that of the quantiser."""
        rng = np.random.default_rng(seed)
        current = torch.from_numpy(rng.integers(-15, 20, (4, 1, 500))).float()
        theta, start = torch.full((1, 500), 10.0), torch.full((1, 500), 5.0)
        target = ((current.sum(0) + 5) / 10).floor().clamp(0, 4)
        before = integrate(current, start, theta)[0].sum(0)
        after = integrate(current, offset(current, start, theta), theta)[0].sum(0)
        assert (after - target).abs().mean() < (before - target).abs().mean()
        assert ((after - target).abs() <= (before - target).abs()).all()


class TestSRP:
    def test_a_neuron_that_ends_at_or_below_zero_is_silenced(self):
        rule = SRP(tau=2).rule(None, None, None, 2)
        # pre-steps: 5+8=13 fires, 3-8=-5 <= 0; then the same again, silenced
        assert rule("if", neuron(), train(8, -8, 8, -8)).flatten().tolist() == [1, 0, 0, 0]
        # 5+8=13 fires, 3-3=0: silenced as well
        assert rule("if", neuron(), train(8, -3, 8, -3)).flatten().tolist() == [1, 0, 0, 0]
        # 5+8=13 fires, 3+0=3 > 0: the answer starts at v(0) again
        assert rule("if", neuron(), train(8, 0, 8, 0)).flatten().tolist() == [1, 0, 1, 0]

    def test_pre_steps_run_before_the_prediction(self):
        baseline = SRP(tau=4)
        assert (baseline.pre_steps, baseline.total_steps(3), baseline.output_steps(3)) == (4, 7, slice(4, 7))
        assert (COS(rho=4).total_steps(2), COS(rho=4).output_steps(2)) == (4, slice(0, 2))


class TestRTS:
    def test_the_bias_adds_half_a_threshold_over_t_steps(self, small):
        network, source, images = small
        graph = RTS().recalibrate(source, network, images, 4)
        for layer in source.spiking:
            before = source.nodes[source.predecessors[layer][0]]
            after = graph.nodes[graph.predecessors[layer][0]]
            theta = source.nodes[layer].theta
            assert not graph.nodes[layer].v_init.any()
            np.testing.assert_allclose(4 * (after.bias - before.bias), theta / 2, rtol=2e-3, atol=1e-4)

    def test_under_constant_input_it_fires_as_often_as_with_half_a_threshold_at_the_start(self):
        nodes = {
            "input": Input((1,), np.zeros(1, np.float32)),
            "fc": Linear(np.array([[1.0]], np.float32), np.zeros(1, np.float32)),
            "if": IF(np.array([64.0], np.float32), np.array([32.0], np.float32)),
            "out": Linear(np.ones((1, 1), np.float32), np.zeros(1, np.float32)),
            "output": Output(1.0),
        }
        graph = Graph(nodes, (("input", "fc"), ("fc", "if"), ("if", "out"), ("out", "output")))
        pixels = np.arange(0, 256, 3, dtype=np.uint8)[:, None]
        shifted = RTS().recalibrate(graph, None, None, 4)
        plain, moved = (MultiStep(version).run(pixels, 4, keep=("if",))["if"].sum(0) for version in (graph, shifted))
        assert torch.equal(plain, moved)

    def test_a_second_layer_receives_its_spikes_too_late(self):
        """theta = 20, z = 12 and weights of 30, T = 2.

        v_init = 10: the first layer fires at t = 1, the second at 10+30 = 40 and 20+0 = 20, twice, as its quantiser.
        RTS adds 5 in each step: 17, then 34 fires at t = 2; the second has 5, then 5+5+30 = 40, and fires once.
        """
        neurons = IF(np.array([20.0], np.float32), np.array([10.0], np.float32))

        def weight(value):
            return Linear(np.array([[value]], np.float32), np.zeros(1, np.float32))

        names = ["input", "fc1", "if1", "fc2", "if2", "out", "output"]
        nodes = [Input((1,), np.zeros(1, np.float32)), weight(1), neurons, weight(30), neurons, weight(1), Output(1.0)]
        graph = Graph(dict(zip(names, nodes, strict=True)), tuple(pairwise(names)))
        pixels = np.array([[12]], np.uint8)

        def spikes(version, steps):
            kept = MultiStep(version).run(pixels, steps, keep=("if1", "if2"))
            return [kept[name].flatten().tolist() for name in ("if1", "if2")]

        assert spikes(graph, 2) == [[1, 0], [1, 1]]
        assert spikes(RTS().recalibrate(graph, None, None, 2), 2) == [[0, 1], [0, 1]]
        assert spikes(RTS().recalibrate(graph, None, None, 1), 1) == spikes(graph, 1), "the same network at T = 1"


class TestSNNC:
    @pytest.mark.parametrize("kind", ["light", "potential", "advanced"])
    def test_it_brings_the_mean_rate_of_every_channel_nearer(self, small, kind):
        network, source, images = small
        targets = activations(network, images)
        graph = SNNC(kind=kind, iterations=20).recalibrate(source, network, images, 4)
        before, after = (MultiStep(version).run(images, 4, keep=source.spiking) for version in (source, graph))
        for layer in ("if2", "if3"):  # the first makes no error; the last has too few neurons for a mean
            errors = [np.abs(channel_means(targets[layer] - rates[layer].mean(0))).mean() for rates in (before, after)]
            assert errors[1] < errors[0], layer

    def test_weights_are_changed_by_advanced_alone(self, small):
        network, source, images = small
        light = SNNC(kind="light").recalibrate(source, network, images, 2)
        advanced = SNNC(kind="advanced", iterations=5).recalibrate(source, network, images, 2)
        assert np.array_equal(light.nodes["conv2"].weight, source.nodes["conv2"].weight)
        assert not np.array_equal(advanced.nodes["conv2"].weight, source.nodes["conv2"].weight)
        assert quantise(advanced, 8).graph.exact

    def test_networks_with_shortcuts(self):
        network, images = trained_like("resnet20")
        source = trace(network, (3, 8, 8))
        graph = SNNC(kind="advanced", iterations=2).recalibrate(source, network, images[:4], 2)
        assert set(graph.nodes) == set(source.nodes)

    def test_an_unknown_kind(self):
        with pytest.raises(UsageError, match="kind: expected light or potential or advanced, found 'heavy'"):
            SNNC(kind="heavy")


class TestFTBC:
    def test_it_brings_the_mean_of_every_step_nearer_to_the_activation(self, small):
        network, source, images = small
        graph = quantise(source, 8).graph
        simulation = MultiStep(graph)
        targets = activations(network, images)
        rule = FTBC(alpha=0.4, batches=4).rule(simulation, network, images, 3)
        before = simulation.run(images, 3, keep=graph.spiking)
        after = simulation.run(images, 3, rule, keep=graph.spiking)

        def error(spikes):
            return np.mean(
                [np.abs(channel_means(spikes[n][t] - targets[n])).mean() for n in graph.spiking for t in range(3)]
            )

        assert error(after) < 0.8 * error(before)

    def test_its_biases_are_whole_numbers(self, small):
        network, source, images = small
        graph = quantise(source, 8).graph
        logits = MultiStep(graph).logits(images[:4], 3, FTBC().rule(MultiStep(graph), network, images, 3))
        units = logits / graph.output.scale
        torch.testing.assert_close(units, units.round(), atol=1e-6, rtol=0)

    def test_biases_do_not_depend_on_later_time_steps(self, small):
        """One calibration of the largest T serves all smaller ones."""
        network, source, images = small
        simulation = MultiStep(quantise(source, 8).graph)
        short, long = (FTBC().rule(simulation, network, images, steps) for steps in (2, 5))
        first, second = (simulation.logits(images[:4], 2, rule) for rule in (short, self.first(long, 5)))
        assert torch.equal(first, second)

    @staticmethod
    def first(rule, steps):
        """Return the rule of `steps` time-steps for runs of fewer: their currents are continued with zeros."""

        def neuron(name, node, current):
            rest = torch.zeros(steps - len(current), *current.shape[1:])
            return rule(name, node, torch.cat([current, rest]))[: len(current)]

        return neuron


def test_every_baseline_names_its_publication():
    for name, baseline in BASELINES.items():
        assert baseline.name == name
        assert "et al." in baseline.about or "&" in baseline.about
