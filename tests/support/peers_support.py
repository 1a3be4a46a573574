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
CLOSE = 1e-4  # distance from the threshold at which the order of a float sum can decide on a spike


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
    """Result of a comparison.

    Attributes:
        comparisons: Number of compared values, one for each neuron, time-step and input.
        spikes: Number of spikes of the framework among them.
        ties: One line for each tie.
    """

    comparisons: int = 0
    spikes: int = 0
    ties: list[str] = field(default_factory=list)

    def __str__(self):
        text = f"{self.spikes:,} spikes in {self.comparisons:,} comparisons, 0 differ"
        return text if not self.ties else f"{text} except at {len(self.ties)} ties"


def compare(network, x, run, layer_count, low=0, high=9):
    """Compare the spikes of a framework with those of the imported graph, layer by layer.

    A sample is not compared after a tie with different spikes.

    Args:
        network: torch module of the framework.
        x: (T, N, …) inputs.
        run: Returns, for every time-step, a list by layer of (spikes, potential before the reset or None, threshold).
        layer_count: Number of spiking layers.
        low: Smallest input.
        high: Largest input.
    """
    source = from_module(network, tuple(x.shape[2:]), RAW, low=low, high=high)
    assert not source.relus
    assert check_graph(source, None) is not None, "every conversion compares with the framework, too"
    with torch.no_grad():
        return compare_graph(source.graph, x, run(x), layer_count)


def compare_graph(graph, x, recorded, layer_count):
    """Compare a graph with recorded spikes of a framework."""
    assert len(graph.spiking) == layer_count
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(x.shape[1])
    compared_samples = np.ones(x.shape[1], bool)  # samples that are still compared
    result = Compared()
    for t in range(len(x)):
        engine.step(x[t].numpy())
        for name, (fired, potential, threshold) in zip(graph.spiking, recorded[t], strict=True):
            actual = engine.spikes(name).reshape(x.shape[1], -1)
            expected = fired.reshape(x.shape[1], -1).detach().numpy() > 0
            differs = (actual != expected) & compared_samples[:, None]
            result.comparisons += int(compared_samples.sum()) * actual.shape[1]
            result.spikes += int(expected[compared_samples].sum())
            if differs.any():
                result.ties += listed(name, t + 1, differs, expected, potential, threshold)
                compared_samples &= ~differs.any(1)
    assert compared_samples.sum() > 0.9 * len(compared_samples)
    assert result.spikes > 500
    return result


def listed(name, step, differs, expected, potential, threshold):
    """Return one line for every difference, and fail if one of them is not a tie."""
    assert potential is not None, f"{name} differs at step {step} and its framework shows no potential"
    v = potential.reshape(len(differs), -1).detach().double().numpy()
    theta = np.broadcast_to(np.asarray(threshold, np.float64).ravel(), v.shape)
    lines = [
        f"{name}: neuron {j}, time-step {step}, input {n}: potential {v[n, j]:.9g}, threshold {theta[n, j]:.9g}; "
        f"{'only the framework fires' if expected[n, j] else 'only spikelet fires'}"
        for n, j in zip(*differs.nonzero(), strict=True)
    ]
    not_close = differs & (np.abs(v - theta) >= CLOSE)
    assert not not_close.any(), "not a tie:\n" + "\n".join(lines)
    return lines
