"""Variants of a spiking torch network that compare what the network itself does not show.

Ties of the whole network explain small differences, and neurons that are silent or saturated hide their parameters.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import fx, nn

from spikelet.nodes import IF, LIF, Shape
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.source import PERTURBATION, Preprocessing, Source, build, finished
from spikelet_converters.frontends.torch.fx import add
from spikelet_converters.frontends.torch.simulation import fresh, inputs_of_neurons, simulator
from spikelet_converters.frontends.torch.tracing import traced
from spikelet_converters.frontends.values import Value


def without_ties(network: nn.Module) -> nn.Module:
    """Return a copy of a network with weights changed by up to PERTURBATION, so that sums do not equal thresholds."""
    changed = fresh(network)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in changed.modules():
            if frameworks.is_neuron(module):
                continue  # its parameters are the same within a channel
            for parameter in module.parameters(recurse=False):
                if not parameter.is_floating_point():
                    continue
                noise = 2 * torch.rand(parameter.shape, generator=generator) - 1
                parameter.mul_((1 + PERTURBATION * noise).to(parameter.device))
    return changed


def layers_alone(network: nn.Module, graph: fx.Graph, shape: Shape) -> dict[str, Source]:
    """Import every layer that fires as a network of its own, whose input is the current of the layer.

    Args:
        network: The network.
        graph: Its traced calls, in which the framework's layers are leaves.
        shape: Shape of one input of the network.

    Returns:
        The sources by the name of the module.
    """
    layers = {
        name: _alone(network.get_submodule(name), name.rpartition(".")[2], inputs)
        for name, inputs in inputs_of_neurons(network, graph, shape).items()
    }
    return {name: layer for name, layer in layers.items() if layer is not None}


def _alone(layer: nn.Module, name: str, shape: Shape) -> Source | None:
    modules = OrderedDict({f"layer_{name}": layer})
    if len(shape) > 1:
        modules["flat"] = nn.Flatten()
    network = nn.Sequential(modules)
    preprocessing = Preprocessing(scale=1.0)

    calls = traced(network)

    def add_layer(builder: Builder, x: Value) -> None:
        add(calls, builder, start=x)

    builder = build(shape, add_layer, preprocessing)
    if not any(isinstance(node, IF | LIF) for node in builder.nodes.values()):
        return None
    return finished("torch module", builder, None, preprocessing, simulate=simulator(*calls[:2], shape))
