"""The comparison of two simulations of a layer, on potentials and spikes that are written down."""

from itertools import pairwise

import numpy as np
import pytest

from spikelet.graph import Graph
from spikelet.nodes import IF, Input, Linear, Output
from spikelet_converters.brian2.comparison import Pair, compare, merge
from spikelet_converters.brian2.synapses import populate

THETA = 4.0


def network(dtype, mean=0):
    """Return a network of two neurons with weights 2 and -3 from two inputs in 0…255."""
    weight, zero = np.array([[2, 0], [0, -3]]), np.zeros(2)
    values = {"fc": weight.astype(dtype), "bias": zero.astype(dtype), "theta": np.full(2, THETA).astype(dtype)}
    nodes = {
        "input": Input((2,), np.full(2, mean).astype(dtype)),
        "fc": Linear(values["fc"], values["bias"]),
        "if": IF(values["theta"], values["bias"]),
        "readout": Linear(values["fc"], values["bias"]),
        "output": Output(),
    }
    return Graph(nodes, tuple(pairwise(nodes)))


def pair(dtype, engine, brian2, before, first_image=0):
    """Return the second neuron on one image, as (spike, potential) of each time-step, and Brian2's before the reset."""
    graph = network(dtype)

    def of(values, kind):
        return np.array(values, kind).reshape(-1, 1, 1)

    spikes = tuple(of([fired for fired, _ in run], np.bool_) for run in (engine, brian2))
    potentials = tuple(of([v for _, v in run], np.float32) for run in (engine, brian2))
    return Pair(graph, populate(graph, "if", np.array([1])), spikes, potentials, of(before, np.float64), first_image)


class TestFloat32:
    def test_a_tie_and_what_follows_from_it(self):
        """The engine fires at a tie; its potential is then theta lower, until Brian2 fires as well."""
        tied = pair(np.float32, [(1, 0), (0, 3), (0, 3)], [(0, THETA), (1, 3), (0, 3)], [THETA, 7, 3])
        report = compare(tied)
        assert (report.differing_spikes, report.ties, report.after_ties, report.drifts) == (2, 1, 1, 0)
        assert report.ok
        assert report.max_potential_difference == 0
        assert report.first_divergence.tie
        assert report.first_divergence.fired == (True, False)

    def test_a_spike_away_from_the_threshold(self):
        report = compare(pair(np.float32, [(1, 0)], [(0, 3)], [3]))
        assert (report.ties, report.real, report.ok) == (0, 1, False)

    def test_a_potential_beyond_rounding(self):
        near = pair(np.float32, [(0, 1)], [(0, 1 + 1e-4)], [1])
        assert compare(near, eps=1e-6).ok
        assert (compare(near, eps=1e-8).drifts, compare(near, eps=1e-8).ok) == (1, False)

    def test_the_tolerance_is_relative_to_the_largest_sum_of_magnitudes(self):
        """A mean of 200 gives inputs of -200…55; a potential of 7 and the threshold are added."""
        graph = network(np.float32, mean=200)
        still = (np.zeros((1, 1, 2), np.bool_),) * 2
        potentials = (np.array([[[7, -7]]], np.float32),) * 2
        both = Pair(graph, populate(graph, "if"), still, potentials, np.zeros((1, 1, 2)))
        assert both.reach().tolist() == [2 * 200 + 7, 3 * 200 + 7]
        assert both.tolerance(0.5).tolist() == [(407 + THETA) / 2, (607 + THETA) / 2]


class TestExact:
    def test_a_tie_is_no_excuse(self):
        report = compare(pair(np.int32, [(1, 0)], [(0, THETA)], [THETA]))
        assert (report.ties, report.real, report.drifts, report.ok) == (0, 1, 1, False)

    def test_the_smallest_difference_of_a_potential_counts(self):
        report = compare(pair(np.int32, [(0, 1)], [(0, 2)], [2], first_image=5))
        assert (report.differing_spikes, report.drifts, report.max_potential_difference) == (0, 1, 1)
        first = report.first_divergence
        assert (first.layer, first.neuron, first.step, first.image) == ("if", (1,), 1, 5)
        assert report.sample.image == 5


class TestMerge:
    EARLY_TIE = ([(1, 0), (0, 0)], [(0, THETA), (0, THETA)], [THETA, THETA])
    LATE = ([(0, 0), (1, 0)], [(0, 0), (0, 0)], [0, 0])

    @pytest.mark.parametrize(("dtype", "step"), [(np.int32, 1), (np.float32, 2)])
    def test_the_first_difference_is_a_tie_only_in_exact_networks(self, dtype, step):
        tie, late = compare(pair(dtype, *self.EARLY_TIE)), compare(pair(dtype, *self.LATE, first_image=1))
        for parts in ((tie, late), (late, tie)):
            merged = merge(*parts, same_neurons=True, exact=dtype == np.int32)
            assert merged.first_divergence.step == step
            assert merged.sample.image == merged.first_divergence.image == step - 1

    def test_counts_are_added(self):
        a, b = compare(pair(np.int32, *self.EARLY_TIE)), compare(pair(np.int32, *self.LATE))
        merged = merge(a, b, same_neurons=False, exact=True)
        assert (merged.neurons, merged.of) == (2, 2)
        assert merged.differing_spikes == a.differing_spikes + b.differing_spikes == 2
        assert merged.drifts == a.drifts + b.drifts
        assert merge(a, b, same_neurons=True, exact=True).neurons == 1
