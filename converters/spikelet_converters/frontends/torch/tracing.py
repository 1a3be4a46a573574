"""Trace the `forward` of a torch network as a graph of calls, of which those of a loop over time are one time-step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set
from typing import TypeAlias

import torch
from torch import fx, nn

from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.refusals import IN_PLACE, NotTraced
from spikelet_converters.frontends.torch import classes, in_place, stored, straight_through, time_loop, written
from spikelet_converters.frontends.torch.changed_values import parameters_assigned
from spikelet_converters.frontends.torch.outputs import with_fields
from spikelet_converters.frontends.torch.source_lines import called
from spikelet_converters.frontends.torch.surroundings import (
    attributes_kept,
    functions_traced,
    lengths_traced,
    sizes_traced,
)
from spikelet_converters.frontends.torch.totals import ASSIGN
from spikelet_converters.frontends.torch.tracer import Tracer, hooks_of

Traced: TypeAlias = tuple[nn.Module, fx.Graph, time_loop.Reduced]
"""A traced network, see `traced`."""


_EXPECTED = "it may not branch on values"


def traced(network: nn.Module) -> Traced:
    """Trace a network in evaluation mode; layers of frameworks and quantisation-aware layers are leaves.

    Returns:
        The network, as a plain container if it is a framework's container, its calls, and the loop over time in its
        `forward`, of which the calls are one time-step.

    Raises:
        ConversionError: The network cannot be traced, or has a loop that is not one over time-steps.
    """
    network = network.eval()
    compute_weights(network)
    inner = frameworks.children(network)
    neurons: Set[str] = {name for name, module in network.named_modules() if frameworks.is_neuron(module)}
    if inner is not None:
        network = nn.Sequential(OrderedDict(inner))  # the container would store states, but the engine stores them
    elif neurons and (hooks_of(network._forward_hooks) or hooks_of(network._forward_pre_hooks)):
        network = nn.Sequential(OrderedDict(network=network))  # which calls the hooks of the network
        neurons = {f"network.{name}" for name in neurons}
    graph = calls_of(network, bool(neurons))
    if not neurons:
        copies = stored.without_copies(graph, dict(network.named_modules()))
        network, neurons = written.recognised(network, graph)
        if not neurons and (copies or any(node.target is ASSIGN for node in graph.nodes)):
            raise NotTraced(f"{type(network).__name__}.forward: assigns to parts of a value; {_EXPECTED}")
    modules = dict(network.named_modules())
    changed = in_place.conflict(graph, modules)
    if changed is not None:
        raise NotTraced(f"{called(changed)}: {IN_PLACE}")

    def layer(step: fx.Node) -> nn.Module | None:
        return modules.get(str(step.target)) if step.op == "call_module" else None

    reduced = time_loop.one_step(graph, lambda step: step.op == "call_module" and step.target in neurons, layer)
    return network, graph, reduced


def compute_weights(network: nn.Module) -> None:
    """Compute the weights that torch computes before every call, as its pruning and its normalisations of weights do.

    Until then a layer has the weights of its last call, not those of a state dict that was loaded since.
    """
    for module in network.modules():
        for hook in list(module._forward_pre_hooks.values()):
            if type(hook).__module__.startswith("torch.nn.utils."):
                with torch.no_grad():
                    hook(module, ())


def calls_of(network: nn.Module, spiking: bool = False, *, changed_weights: bool = True) -> fx.Graph:
    """Return the calls of a network.

    Args:
        network: The network.
        spiking: Whether it has neurons of a framework, whose hooks are traced.
        changed_weights: Whether its `forward` may change its parameters.

    Raises:
        NotTraced: The network cannot be traced.
    """
    try:
        with (
            attributes_kept(network),
            sizes_traced(),
            lengths_traced(network),
            functions_traced(),
            parameters_assigned(),
        ):
            graph = Tracer(hooks=spiking, changed_weights=changed_weights).trace(network)
    except ConversionError:
        raise
    except Exception as error:  # of the user's own code, which is called with proxies
        pass_out_of_memory(error, f"{type(network).__name__}.forward")
        advice = time_loop.ADVICE if spiking else _EXPECTED
        raise NotTraced(f"{type(network).__name__}.forward: cannot be traced ({one_line(error)}); {advice}") from None
    return with_fields(classes.replaced(straight_through.removed(graph)))
