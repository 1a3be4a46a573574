"""A network of another framework beside ours on the same inputs: every spike compared, every float tie listed."""

import importlib
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from spikelet.engines import create
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module

RAW = Preprocessing(scale=1.0)
SAMPLES, STEPS = 100, 12
CLOSE = 1e-4  # a potential this near its threshold falls on either side of it, as the order of a float sum has it


def need(name):
    """The module, or a skipped test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError as error:
            pytest.skip(f"{name} is not installed ({error})")


@dataclass
class Compared:
    """places: neuron, time-step and input, each one compared. spikes: theirs among them. ties: a line each."""

    places: int = 0
    spikes: int = 0
    ties: list[str] = field(default_factory=list)

    def __str__(self):
        said = f"{self.spikes:,} spikes at {self.places:,} places, 0 differ"
        return said if not self.ties else f"{said} but at {len(self.ties)} ties"


def compare(network, x, run, layer_count, low=0, high=9):
    """Hold the spikes of a framework against ours, layer by layer.

    x: (T, N, …). run: gives, for each step, a list by layer of (spikes, potential before the reset or None,
    threshold). What follows in a sample from a tie that fell the other way is compared no further.
    """
    source = from_module(network, tuple(x.shape[2:]), RAW, low=low, high=high)
    assert not source.relus
    with torch.no_grad():
        return compare_graph(source.graph, x, run(x), layer_count)


def compare_graph(graph, x, theirs, layer_count):
    """The same for a graph, and spikes that were recorded."""
    assert len(graph.spiking) == layer_count
    engine = create(graph, "numpy", graph.spiking)
    engine.reset(x.shape[1])
    left = np.ones(x.shape[1], bool)  # samples in which no tie has fallen the other way yet
    found = Compared()
    for t in range(len(x)):
        engine.step(x[t].numpy())
        for name, (fired, potential, threshold) in zip(graph.spiking, theirs[t], strict=True):
            ours = engine.spikes(name).reshape(x.shape[1], -1)
            expected = fired.reshape(x.shape[1], -1).detach().numpy() > 0
            differs = (ours != expected) & left[:, None]
            found.places += int(left.sum()) * ours.shape[1]
            found.spikes += int(expected[left].sum())
            if differs.any():
                found.ties += listed(name, t + 1, differs, expected, potential, threshold)
                left &= ~differs.any(1)
    assert left.sum() > 0.9 * len(left)
    assert found.spikes > 500
    return found


def listed(name, step, differs, expected, potential, threshold):
    """A line for every place that differs; fails where one is no tie."""
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
