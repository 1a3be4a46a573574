"""Neurons as Brian2 models, with differential equations where the neuron has one.

    IF          dv/dt = bias + drive                by Euler's method, exact over a step of constant current
    LIF, beta   dv/dt = -rate v, rate = -ln beta    by the exact solution; then v += bias + drive
    LIF, shift  v -= floor(v / 2^decay);            then v += bias + drive (no differential equation has this rounding)
    LI          as LIF, beta, without a threshold; its potential is the input of the next layer
    output      dv/dt = bias + drive                without a threshold: logits, summed

`drive` is the sum of the currents of the input and of leaky integrators, one variable each; spikes are added by
synapses. Units: one time-step is a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Array, Input, is_float
from spikelet_converters.brian2.synapses import Population, Values


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
        drives: Variable of the current, by source: the input and leaky integrators.
    """

    model: str
    threshold: str | None
    reset: str | None
    method: str
    each_step: tuple[str, ...]
    parameters: Mapping[str, Values]
    drives: Mapping[str, str]


def describe(graph: Graph, population: Population) -> Neuron:
    """Describe the neurons of a population."""
    node, n = graph.nodes[population.name], len(population)
    graded = [source for source in population.inputs if isinstance(graph.nodes[source], Input | LI)]
    drives = {source: f"drive{index}" for index, source in enumerate(graded)}
    current = " + ".join(["bias", *drives.values()])
    parameters = {"bias": population.bias, "v_init": np.zeros(n)}
    equation, method = f"dv/dt = ({current}) * Hz : 1", "euler"

    def per_neuron(values: Array) -> Values:
        channels = population.neurons // (graph.neurons(population.name) // len(values))
        return values.astype(np.float64)[channels]

    def leaky(decay: Array) -> str:
        parameters["rate"] = -np.log(per_neuron(decay))
        return "dv/dt = -rate * v * Hz : 1"

    if isinstance(node, LI):
        model = _model(parameters, leaky(node.decay), drives)
        return Neuron(model, None, None, "exact", (f"v += {current}",), parameters, drives)
    if not isinstance(node, IF):
        return Neuron(_model(parameters, equation, drives), None, None, method, (), parameters, drives)

    parameters |= {"theta": per_neuron(node.theta), "v_init": per_neuron(node.v_init)}
    each_step: tuple[str, ...] = ()
    if isinstance(node, LIF):
        if is_float(node.decay):
            equation, method, each_step = leaky(node.decay), "exact", (f"v += {current}",)
        else:
            parameters["decay"] = per_neuron(node.decay)
            equation, each_step = "v : 1", ("v -= floor(v * 2**(-decay))", f"v += {current}")
    if node.reset == "subtract-late":
        parameters["drop"] = per_neuron(node.drop)
    reset = {"subtract": "v -= theta", "subtract-late": "v -= drop", "zero": "v = 0"}[node.reset]
    model = _model(parameters, equation, drives)
    return Neuron(model, f"v {node.tie} theta", reset, method, each_step, parameters, drives)


def _model(parameters: Mapping[str, Values], equation: str, drives: Mapping[str, str]) -> str:
    variables = [f"{drive} : 1" for drive in drives.values()]
    return "\n".join([equation, *variables, *(f"{name} : 1 (constant)" for name in parameters)])
