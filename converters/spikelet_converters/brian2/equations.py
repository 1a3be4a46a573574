"""Neurons in Brian2's own language: differential equations where the neuron has one, integrated by Brian2.

    IF          dv/dt = bias + drive                by Euler's method, exact over a step of constant current
    LIF, beta   dv/dt = -rate v, rate = -ln beta    by the exact solution; then v += bias + drive
    LIF, shift  v -= floor(v / 2^decay);            then v += bias + drive (no differential equation rounds like that)
    output      dv/dt = bias + drive                without a threshold: logits, summed

`drive` is the input's current; spikes are added by synapses. Units: one time-step is a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikelet.graph import Graph
from spikelet.nodes import IF, LIF, Array, is_float
from spikelet_converters.brian2.synapses import Population, Values

INTEGRATE = "v += bias + drive"


@dataclass(frozen=True)
class Neuron:
    """model, threshold, reset, method: of a NeuronGroup. each_step: code run after the integration, in order.
    parameters: by name, (n,).
    """

    model: str
    threshold: str | None
    reset: str | None
    method: str
    each_step: tuple[str, ...]
    parameters: Mapping[str, Values]


def describe(graph: Graph, population: Population) -> Neuron:
    """The neurons of a population."""
    node, n = graph.nodes[population.name], len(population)
    parameters = {"bias": population.bias, "v_init": np.zeros(n)}
    if not isinstance(node, IF):
        return Neuron(_model(parameters, "dv/dt = (bias + drive) * Hz : 1"), None, None, "euler", (), parameters)
    channels = population.neurons // (graph.neurons(population.name) // len(node.theta))

    def each(values: Array) -> Values:
        return values.astype(np.float64)[channels]

    parameters |= {"theta": each(node.theta), "v_init": each(node.v_init)}
    each_step: tuple[str, ...] = ()
    equation, method = "dv/dt = (bias + drive) * Hz : 1", "euler"
    if isinstance(node, LIF):
        if is_float(node.decay):
            parameters["rate"] = -np.log(each(node.decay))
            equation, method, each_step = "dv/dt = -rate * v * Hz : 1", "exact", (INTEGRATE,)
        else:
            parameters["decay"] = each(node.decay)
            equation, each_step = "v : 1", ("v -= floor(v * 2**(-decay))", INTEGRATE)
    if node.reset == "subtract-late":
        parameters["drop"] = each(node.drop)
    reset = {"subtract": "v -= theta", "subtract-late": "v -= drop", "zero": "v = 0"}[node.reset]
    return Neuron(_model(parameters, equation), f"v {node.tie} theta", reset, method, each_step, parameters)


def _model(parameters: Mapping[str, Values], equation: str) -> str:
    return "\n".join([equation, "drive : 1", *(f"{name} : 1 (constant)" for name in parameters)])
