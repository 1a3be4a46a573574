"""Neurons as Brian2 models, with differential equations where the neuron has one.

    IF          dv/dt = bias + drive                by Euler's method, exact over a step of constant current
    LIF, beta   dv/dt = -rate v, rate = -ln beta    by the exact solution; then v += bias + drive
    LIF, shift  v -= floor(v / 2^decay);            then v += bias + drive (no differential equation has this rounding)
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
    """Arguments of a NeuronGroup.

    Attributes:
        model: Equations.
        threshold: Condition, or None for neurons that do not fire.
        reset: Statement, or None for neurons that do not fire.
        method: Integration method.
        each_step: Statements that run after the integration, in order.
        parameters: Values (n,), by name.
    """

    model: str
    threshold: str | None
    reset: str | None
    method: str
    each_step: tuple[str, ...]
    parameters: Mapping[str, Values]


def describe(graph: Graph, population: Population) -> Neuron:
    """Describe the neurons of a population."""
    node, n = graph.nodes[population.name], len(population)
    parameters = {"bias": population.bias, "v_init": np.zeros(n)}
    if not isinstance(node, IF):
        return Neuron(_model(parameters, "dv/dt = (bias + drive) * Hz : 1"), None, None, "euler", (), parameters)
    channels = population.neurons // (graph.neurons(population.name) // len(node.theta))

    def per_neuron(values: Array) -> Values:
        return values.astype(np.float64)[channels]

    parameters |= {"theta": per_neuron(node.theta), "v_init": per_neuron(node.v_init)}
    each_step: tuple[str, ...] = ()
    equation, method = "dv/dt = (bias + drive) * Hz : 1", "euler"
    if isinstance(node, LIF):
        if is_float(node.decay):
            parameters["rate"] = -np.log(per_neuron(node.decay))
            equation, method, each_step = "dv/dt = -rate * v * Hz : 1", "exact", (INTEGRATE,)
        else:
            parameters["decay"] = per_neuron(node.decay)
            equation, each_step = "v : 1", ("v -= floor(v * 2**(-decay))", INTEGRATE)
    if node.reset == "subtract-late":
        parameters["drop"] = per_neuron(node.drop)
    reset = {"subtract": "v -= theta", "subtract-late": "v -= drop", "zero": "v = 0"}[node.reset]
    return Neuron(_model(parameters, equation), f"v {node.tie} theta", reset, method, each_step, parameters)


def _model(parameters: Mapping[str, Values], equation: str) -> str:
    return "\n".join([equation, "drive : 1", *(f"{name} : 1 (constant)" for name in parameters)])
