"""Profiles, memory traffic and energy: small cases computed by hand, and a source for every number."""

import math
from dataclasses import replace

import numpy as np
import pytest

from networks import Builder, small_graph
from spikelet.graph import Graph
from spikelet.metrics import builtin, estimate, operations, tally
from spikelet.metrics.energy import LEVELS, Energy, activation_bits, spiking_levels
from spikelet.metrics.fanout import sites
from spikelet.metrics.hardware import Profile, PublishedValue
from spikelet.metrics.traffic import BUFFER, as_json, dense_traffic, spiking_traffic
from spikelet.nodes import IF, Conv2d, Linear, Output

STEPS = 4


def counted(graph, steps=STEPS, count=5):
    images = np.random.default_rng(0).integers(0, 256, (count, *graph.input.shape)).astype(np.uint8)
    all_sites = sites(graph)
    return operations(graph, all_sites, tally(graph, all_sites, images, steps, "numpy"))


@pytest.fixture(scope="module")
def graph():
    return small_graph()


@pytest.fixture(scope="module")
def ops(graph):
    return counted(graph)


def figure(low, high=None):
    return PublishedValue(low, low if high is None else high, "a test")


def profile(memory="included", counts="events", **figures):
    return Profile("p", "P", counts=counts, memory=memory, figures={k: figure(*v) for k, v in figures.items()})


PRICED = {"ac": (1, 2), "mac": (10, 20), "neuron_update": (100, 200), "int8_mac": (8, 16), "fp32_mac": (50,)}


class TestLevels:
    def test_three_levels_by_hand(self, graph, ops):
        levels = spiking_levels(graph, ops, profile(**PRICED))
        acs, macs = ops.total("acs"), ops.total("static_macs")
        neurons = graph.neuron_count * STEPS
        assert acs > 0
        assert levels["operations"] == Energy(acs + 10 * macs, 2 * acs + 20 * macs)
        assert levels["neurons"] == Energy(acs + 10 * macs + 100 * neurons, 2 * acs + 20 * macs + 200 * neurons)
        assert levels["memory"] == levels["neurons"]  # the figures include it

    def test_missing_figures_are_none_and_reported(self, graph, ops):
        energy = estimate(graph, ops, profile("unstated", ac=(1,)))
        assert energy.levels == {
            "operations": Energy(ops.total("acs"), ops.total("acs")),
            "neurons": None,
            "memory": None,
        }
        assert energy.left_out == (f"{ops.total('static_macs'):,.0f} multiply-accumulates of analog values",)
        assert energy.baselines == ()
        assert energy.static_again is None

    def test_machines_that_do_not_follow_spikes_pay_for_every_connection(self, graph, ops):
        energy = estimate(graph, ops, profile(counts="connections", ac=(3,), neuron_update=(0,)))
        dynamic = sum(site.dense for site in sites(graph) if site.operation == "ac")
        expected = 3 * (dynamic * STEPS + ops.total("static_macs"))
        assert energy.levels["operations"].low == expected
        silent = estimate(graph, ops.at_rate(0.0), energy.profile)
        assert silent.levels == energy.levels

    def test_the_first_layer_at_every_step(self, graph, ops):
        energy = estimate(graph, ops, profile(**PRICED))
        again = ops.total("static_macs") * (STEPS - 1)
        assert energy.static_again == Energy(10 * again, 20 * again)

    def test_baselines_by_hand(self, graph, ops):
        baselines = {baseline.name: baseline for baseline in estimate(graph, ops, profile(**PRICED)).baselines}
        dense = sum(site.dense for site in sites(graph) if site.weights)
        assert dense == ops.dense_macs
        assert list(baselines) == ["float32", "int8", "3-bit activations"]
        assert baselines["float32"].levels["operations"] == Energy(50 * dense, 50 * dense)
        assert baselines["int8"].levels["operations"] == Energy(8 * dense, 16 * dense)
        assert baselines["3-bit activations"].levels["operations"] == Energy(8 * dense * 3 / 8, 16 * dense)
        neurons = sum(ops.neurons.values())
        assert baselines["float32"].levels["neurons"] == Energy(50 * dense + 100 * neurons, 50 * dense + 200 * neurons)

    def test_more_bits_than_8_cost_more_than_the_8_bit_multiplier(self, graph, ops):
        """The low bound is that of the 8-bit multiplier, the high one is proportional to the bits."""
        *_, matched = estimate(graph, replace(ops, steps=300.0), profile(**PRICED)).baselines
        assert matched.name == "9-bit activations"
        assert matched.levels["operations"] == Energy(8 * ops.dense_macs, 16 * ops.dense_macs * 9 / 8)

    def test_copies_multiply_the_counts_that_the_activations_represent(self):
        net = Builder((3, 6, 6), np.random.default_rng(0))
        net.conv("conv", 2)
        net.neuron("if1", copies=4)
        graph = net.graph()
        *_, matched = estimate(graph, counted(graph), profile(**PRICED)).baselines
        assert matched.name == "5-bit activations"  # 0…16 spikes in 4 time-steps

    @pytest.mark.parametrize(("steps", "bits"), [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (15, 4), (16, 5)])
    def test_bits_represent_the_counts_of_t_time_steps(self, steps, bits):
        assert activation_bits(steps) == bits == math.ceil(math.log2(steps + 1))


class TestCrossover:
    def test_by_hand(self, graph, ops):
        one = profile(**PRICED)
        (baseline,) = (baseline for baseline in estimate(graph, ops, one).baselines if baseline.name == "int8")
        low, high = baseline.crossover["operations"]
        possible, macs = ops.total("possible"), ops.total("static_macs")
        assert low == pytest.approx(min(1, (8 * ops.dense_macs - 10 * macs) / possible), abs=1e-9)
        assert high == pytest.approx(min(1, (16 * ops.dense_macs - 20 * macs) / (2 * possible)), abs=1e-9)

    def test_at_the_crossover_both_cost_the_same(self, graph, ops):
        cmos = builtin()["cmos45-int8"]
        for baseline in estimate(graph, ops, cmos).baselines:
            for level in LEVELS:
                for end, rate in zip(("low", "high"), baseline.crossover[level], strict=True):
                    if 0 < rate < 1:
                        ours = getattr(spiking_levels(graph, ops.at_rate(rate), cmos)[level], end)
                        assert ours == pytest.approx(getattr(baseline.levels[level], end), rel=1e-6)

    def test_never_and_always(self, graph, ops):
        never = profile(**PRICED | {"mac": (1e9,)})
        always = profile(**PRICED | {"ac": (0,), "mac": (0,)})
        assert all(baseline.crossover["operations"] == (0.0, 0.0) for baseline in estimate(graph, ops, never).baselines)
        assert all(
            baseline.crossover["operations"] == (1.0, 1.0) for baseline in estimate(graph, ops, always).baselines
        )

    def test_the_rate_of_now_gives_the_energy_of_now(self, ops):
        assert ops.at_rate(ops.rate).total("acs") == pytest.approx(ops.total("acs"))
        assert ops.at_rate(1.0).rate == 1.0


def tiny(pixels=(1, 0)):
    """Return a network of 2 inputs, 3 neurons and 2 logits; for the input (1, 0) only neuron 0 fires, at every step."""
    net = Builder((2,), np.random.default_rng(0))
    net.add("fc", Linear(np.array([[5, 0], [0, 5], [0, 0]], np.int8), np.zeros(3, np.int32)))
    net.add("if1", IF(np.full(3, 5, np.int32), np.zeros(3, np.int32)))
    net.add("logits", Linear(np.array([[1, 1, 1], [1, 0, 1]], np.int8), np.zeros(2, np.int32)))
    net.add("output", Output(1.0))
    graph = Graph(net.nodes, tuple(net.edges))
    images = (graph.input.mean + np.array(pixels)).astype(np.uint8)[None]
    all_sites = sites(graph)
    return graph, operations(graph, all_sites, tally(graph, all_sites, images, 3, "numpy"))


class TestTraffic:
    def test_by_hand(self):
        graph, ops = tiny()
        assert ops.total("acs") == 3 * 2  # one spike a step, two non-zero weights
        moved = {
            (transfer.node, transfer.traffic): (transfer.least, transfer.most)
            for transfer in spiking_traffic(graph, ops, 8)
        }
        assert moved == {
            ("fc", "weight reads"): (2 * 8, 2 * 8),  # two non-zero weights, once
            ("fc", "sum reads"): (0, 2 * 32),
            ("fc", "sum writes"): (0, 2 * 32),
            ("fc", "analog reads"): (2 * 8, 2 * 8),
            ("logits", "weight reads"): (6 * 8, 6 * 8),
            ("logits", "sum reads"): (0, 6 * 32),
            ("logits", "sum writes"): (0, 6 * 32),
            ("if1", "sum reads"): (9 * 32, 9 * 32),
            ("if1", "sum writes"): (9 * 32, 9 * 32),
            ("if1", "spikes"): (2 * 9, 2 * 3 * 32),  # written and read: 9 bits, or 3 addresses
        }

    def test_spikes_cost_the_less_the_fewer_they_are(self):
        """Addresses are cheaper than a bit for each neuron if few neurons fire."""
        graph, ops = tiny(pixels=(0, 0))
        (spikes,) = [transfer for transfer in spiking_traffic(graph, ops, 8) if transfer.traffic == "spikes"]
        assert (spikes.least, spikes.most) == (0, 2 * 9)

    def test_weights_of_the_static_part_are_read_once(self):
        net = Builder((1, 4, 4), np.random.default_rng(0))
        net.add("conv", Conv2d(np.ones((1, 1, 1, 1), np.int8), np.zeros(1, np.int32)))
        net.neuron("if1")
        graph = net.graph()
        reads = {
            transfer.node: (transfer.least, transfer.most)
            for transfer in spiking_traffic(graph, counted(graph), 8)
            if transfer.traffic == "weight reads"
        }
        assert reads["conv"] == (8, 16 * 8)  # one weight for 16 pixels

    def test_dense_by_hand(self):
        graph, ops = tiny()
        moved = {
            (transfer.node, transfer.traffic): (transfer.least, transfer.most)
            for transfer in dense_traffic(graph, ops, 8, 4)
        }
        assert moved == {
            ("fc", "weight reads"): (6 * 8, 6 * 8),
            ("fc", "activations"): (2 * 4, 6 * 4),
            ("fc", "sum reads"): (0, 6 * 32),
            ("fc", "sum writes"): (0, 6 * 32),
            ("logits", "weight reads"): (6 * 8, 6 * 8),
            ("logits", "activations"): (3 * 4, 6 * 4),
            ("logits", "sum reads"): (0, 6 * 32),
            ("logits", "sum writes"): (0, 6 * 32),
            ("if1", "activations"): (3 * 4, 3 * 4),
        }

    def test_data_beyond_the_cache_comes_from_dram(self):
        graph, ops = tiny()
        assert {transfer.memory for transfer in spiking_traffic(graph, ops, 8, buffer=12)} == {"buffer"}
        memories = {
            (transfer.node, transfer.traffic): transfer.memory for transfer in spiking_traffic(graph, ops, 8, buffer=6)
        }
        assert memories["fc", "weight reads"] == memories["logits", "weight reads"] == "buffer"  # 6 bytes
        assert memories["if1", "sum reads"] == memories["fc", "sum reads"] == "dram"  # 12 bytes

    def test_priced(self):
        graph, ops = tiny()
        separate = replace(
            profile("separate", ac=(0,), mac=(0,), neuron_update=(0,)),
            dram=figure(1000, 2000),
            sram=((8, figure(1, 2)), (64, figure(10, 20))),
        )
        moved = spiking_traffic(graph, ops, 8)
        least, most = sum(transfer.least for transfer in moved), sum(transfer.most for transfer in moved)
        assert spiking_levels(graph, ops, separate, 64)["memory"] == Energy(10 * least, 20 * most)
        assert spiking_levels(graph, ops, separate, BUFFER)["memory"] == Energy(10 * least, 20 * most)
        assert spiking_levels(graph, ops, separate, 9)["memory"].low > 10 * least  # 12 bytes do not fit
        none = spiking_levels(graph, ops, separate, 1)["memory"]
        bits = [transfer for transfer in spiking_traffic(graph, ops, 8, 1) if transfer.memory == "buffer"]
        assert {transfer.traffic for transfer in bits} == {"spikes"}  # 3 bits
        spikes = sum(transfer.least for transfer in bits)
        assert none.low == 1 * spikes + 1000 * (least - spikes)

    def test_least_is_never_more_than_most(self, graph, ops):
        for transfer in [*spiking_traffic(graph, ops, 8), *dense_traffic(graph, ops, 8, 4)]:
            assert 0 <= transfer.least <= transfer.most, transfer

    def test_json_adds_up(self, graph, ops):
        moved = spiking_traffic(graph, ops, 8, 100)
        entries = as_json(moved)
        assert sum(entry["bytes_most"] for entry in entries) == pytest.approx(
            sum(transfer.most for transfer in moved) / 8
        )
        assert {entry["memory"] for entry in entries} == {"buffer", "dram"}
