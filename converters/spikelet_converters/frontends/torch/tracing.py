"""Trace the `forward` of a torch network with torch.fx, so that an error names the line of the user's code."""

from __future__ import annotations

import sys
import traceback
from collections import OrderedDict
from types import FrameType

import torch
from torch import fx, nn

from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.torch import quant_aware, time_loop
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks.parts import Normalise

_LINE = "spikelet line"  # key of a node's meta


class NotTraced(ConversionError):
    """torch.fx cannot trace a network."""


class _Tracer(fx.Tracer):
    """Traces a network and records the line of the user's code that makes each call, so that an error can name it.

    torch can record stacks (`record_stack_traces`), but imports its compiler for that, which takes more than a second.
    """

    def create_node(
        self,
        kind: str,
        target: fx.node.Target,
        args: tuple[fx.node.Argument, ...],
        kwargs: dict[str, fx.node.Argument],
        name: str | None = None,
        type_expr: object = None,
    ) -> fx.Node:
        node = super().create_node(kind, target, args, kwargs, name, type_expr)
        node.meta[_LINE] = _user_line(sys._getframe(1))
        return node

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, SpikingActivation | Normalise) or frameworks.is_layer(m) or quant_aware.is_layer(m):
            return True
        return super().is_leaf_module(m, module_qualified_name)


def traced(network: nn.Module) -> tuple[nn.Module, fx.Graph, time_loop.Reduced]:
    """Trace a network in evaluation mode; layers of frameworks and quantisation-aware layers are leaves.

    Returns:
        The network, as a plain container if it is a framework's container, its calls, and the loop over time in its
        `forward`, of which the calls are one time-step.

    Raises:
        ConversionError: The network cannot be traced, or has a loop that is not one over time-steps.
    """
    network = network.eval()
    inner = frameworks.children(network)
    if inner is not None:
        network = nn.Sequential(OrderedDict(inner))  # the container would store states, but the engine stores them
    try:
        graph = _Tracer().trace(network)
    except Exception as error:  # of the user's own code, which is called with proxies
        pass_out_of_memory(error, f"{type(network).__name__}.forward")
        spiking = any(frameworks.is_neuron(module) for module in network.modules())
        advice = time_loop.ADVICE if spiking else "it may not branch on values"
        raise NotTraced(f"{type(network).__name__}.forward: cannot be traced ({one_line(error)}); {advice}") from None
    neurons = {name for name, module in network.named_modules() if frameworks.is_neuron(module)}
    reduced = time_loop.one_step(graph, lambda step: step.op == "call_module" and step.target in neurons)
    return network, graph, reduced


def hooked(network: nn.Module) -> bool:
    """Return whether a network has forward hooks, which torch.fx does not trace; those of torch do not count."""
    hooks = [
        hook
        for module in network.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    ]
    homes = [str(getattr(hook, "__module__", type(hook).__module__)) for hook in hooks]
    return any(home.partition(".")[0] != "torch" for home in homes)


def _user_line(frame: FrameType | None) -> traceback.FrameSummary | None:
    """Return the innermost frame outside torch, between torch and this module."""
    while frame is not None and frame.f_code.co_filename != __file__:
        if not frame.f_code.co_filename.startswith(torch.__path__[0]):
            return traceback.FrameSummary(
                frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, lookup_line=False
            )
        frame = frame.f_back
    return None


def source_line(step: fx.Node) -> str:
    """Return the line of the user's code that made a traced call as text, empty for a call inside torch."""
    line = step.meta.get(_LINE)
    return f', "{line.filename}", line {line.lineno}, in {line.name} {line.line}' if line is not None else ""
