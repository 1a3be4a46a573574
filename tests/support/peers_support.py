"""Compare a network of another framework with the imported graph: all spikes, with a list of float ties."""

import importlib
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from spikelet.engines import create
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module

RAW = Preprocessing(scale=1.0)
SAMPLES, STEPS = 100, 12
CLOSE = 1e-4  # tolerance of a tie: the order of a float sum decides whether such a potential reaches the threshold


def need(name):
    """Import a module, or skip the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{name} is not installed ({error})")


@dataclass
class Compared:
    """comparisons: compared (neuron, time-step, input). spikes: of the framework, among them. ties: one line per tie."""

    comparisons: int = 0
    spikes: int = 0
    ties: list[str] = field(default_factory=list)

    def __str__(self):
        text = f"{self.spikes:,} spikes in {self.comparisons:,} comparisons, 0 differ"
        return text if not self.ties else f"{text} except at {len(self.ties)} ties"


def compare(network, x, run, layer_count, low=0, high=9):
    """Compare the spikes of a framework with those of the imported graph, layer by layer.

    x: (T, N, …). run: returns, for every time-step, a list by layer of (spikes, potential before the reset or None,
    threshold). A sample is not compared after a tie with different spikes.
    """
    source = from_module(network, tuple(x.shape[2:]), RAW, low=low, high=high)
    assert not source.relus
    assert check_graph(source, None) is not None, "compared with the framework before every conversion, too"
    with torch.no_grad():
        return compare_graph(source.graph, x, run(x), layer_count)


def compare_graph(graph, x, theirs, layer_count):
    """Compare a graph with recorded spikes of a framework."""
    assert len(graph.spiking) == layer_count
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(x.shape[1])
    left = np.ones(x.shape[1], bool)  # samples without a tie with different spikes
    result = Compared()
    for t in range(len(x)):
        engine.step(x[t].numpy())
        for name, (fired, potential, threshold) in zip(graph.spiking, theirs[t], strict=True):
            ours = engine.spikes(name).reshape(x.shape[1], -1)
            expected = fired.reshape(x.shape[1], -1).detach().numpy() > 0
            differs = (ours != expected) & left[:, None]
            result.comparisons += int(left.sum()) * ours.shape[1]
            result.spikes += int(expected[left].sum())
            if differs.any():
                result.ties += listed(name, t + 1, differs, expected, potential, threshold)
                left &= ~differs.any(1)
    assert left.sum() > 0.9 * len(left)
    assert result.spikes > 500
    return result


def listed(name, step, differs, expected, potential, threshold):
    """One line for every difference; fails if one of them is not a tie."""
    assert potential is not None, f"{name} differs at step {step} and its framework shows no potential"
    v = potential.reshape(len(differs), -1).detach().double().numpy()
    theta = np.broadcast_to(np.asarray(threshold, np.float64).ravel(), v.shape)
    lines = [
        f"{name}: neuron {j}, time-step {step}, input {n}: potential {v[n, j]:.9g}, threshold {theta[n, j]:.9g}; "
        f"{'they fire, we do not' if expected[n, j] else 'we fire, they do not'}"
        for n, j in zip(*differs.nonzero(), strict=True)
    ]
    away = differs & (np.abs(v - theta) >= CLOSE)
    assert not away.any(), "no tie:\n" + "\n".join(lines)
    return lines
