"""Replace the rectifiers of a network by spiking activations, and normalise its input.

The network is traced with torch.fx in evaluation mode. Each call of a rectifier gets an activation of its own, also
where one module or `F.relu` serves several layers.
"""

from __future__ import annotations

import copy
import operator
from collections import Counter
from itertools import zip_longest
from typing import Any

import torch
from torch import fx, nn

from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet_converters.frontends.refusals import IN_PLACE
from spikelet_converters.frontends.torch.calls import name_of
from spikelet_converters.frontends.torch.in_place import changed_value, conflict
from spikelet_converters.frontends.torch.source_lines import called
from spikelet_converters.frontends.torch.tracer import hooked
from spikelet_converters.frontends.torch.tracing import calls_of
from spikelet_converters.frontends.torch.wrappers import plain
from spikelet_converters.frontends.values import free_name
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks.parts import ActivationFactory, Normalise

REPLACED = "ReLU, ReLU6, clamps from 0 and maxima with 0 by spiking activations"
"""What this module replaces, as part of a message."""

_LIMITS = {"clamp": ("min",), "clamp_min": ("min",), "clip": ("min",), "hardtanh": ("min_val",),
           "threshold": ("threshold", "value"), "_threshold": ("threshold", "value")}  # fmt: skip
"""The arguments of calls after the value, which are 0 in a rectifier."""
_ZEROS = ("zeros", "zeros_like", "new_zeros")


def with_activations(
    network: nn.Module, normalise: Normalise, shape: tuple[int, int, int], act: ActivationFactory, reference: str
) -> nn.Module:
    """Return a float32 network in evaluation mode, with spiking activations as rectifiers and a normalised input.

    Args:
        network: The network, which is changed.
        normalise: Normalisation of its input.
        shape: (C, H, W) of its input.
        act: Returns the activation of a layer.
        reference: Name of the network in error messages.

    Raises:
        ConversionError: It cannot be traced, does not take inputs of this shape, behaves differently in training, or
            has hooks or no rectifiers.
    """
    network = plain(network, reference)
    if hooked(network):
        raise ConversionError(f"{reference}: has forward hooks, which are not recorded; call them in forward")
    example = torch.zeros(2, *shape)
    network = network.cpu().float()
    evaluated(network.eval(), example, reference)  # gives lazy layers their shapes
    graph = _same_in_training(network, reference)
    modules = dict(network.named_modules())
    rectifiers = [node for node in graph.nodes if _rectified(node, network, modules) is not None]
    if not rectifiers:
        raise ConversionError(f"{reference}: has no ReLU; expected ReLUs, which become spiking activations")
    for node in rectifiers:
        _use_result(graph, node, changed_value(node, modules))
    if (step := conflict(graph, modules)) is not None:
        raise ConversionError(f"{reference}: {called(step)}: {IN_PLACE}")
    channels = _channels(network, graph, rectifiers, modules, example, reference)
    normalise.every_step = _joins_input(graph, rectifiers)
    calls = Counter(node.target for node in rectifiers)
    for node in rectifiers:
        alone = node.op == "call_module" and calls[node.target] == 1
        name = str(node.target) if alone else free_name(node.name, dir(network))
        network.set_submodule(name, act(channels[node]))
        _replace(graph, node, _rectified(node, network, modules), name)
    entry = next(node for node in graph.nodes if node.op == "placeholder")
    name = free_name("normalise", dir(network))
    network.add_module(name, normalise)
    with graph.inserting_after(entry):
        normalised = graph.call_module(name, (entry,))
    entry.replace_all_uses_with(normalised, delete_user_cb=lambda user: user is not normalised)
    return fx.GraphModule(network, graph, type(network).__name__).eval()


@torch.no_grad()
def evaluated(network: nn.Module, images: torch.Tensor, reference: str) -> object:
    """Return the outputs for images, (N, C, H, W). Raises ConversionError if the user's code fails."""
    try:
        output: object = network(images)
    except Exception as error:  # of the user's own code
        pass_out_of_memory(error, reference)
        shape = tuple(images.shape[1:])
        remedy = "; lines are images of one row: x.squeeze(2) has the shape (N, C, L) of Conv1d"
        hint = remedy if len(shape) == 3 and shape[1] == 1 else ""
        raise ConversionError(f"{reference}: cannot be evaluated on images {shape}: {one_line(error)}{hint}") from None
    return output


def _same_in_training(network: nn.Module, reference: str) -> fx.Graph:
    """Return the calls of a network. Raises ConversionError if there are others in training, which would be lost."""
    trained = copy.deepcopy(network).train()
    try:
        # a parameter that `forward` changes has two values: one with a gradient, and one that is used
        training, graph = (calls_of(module, changed_weights=False) for module in (trained, network))
    except ConversionError as error:
        raise ConversionError(f"{reference}: {error}") from None
    for before, after in zip_longest(training.nodes, graph.nodes):
        if (
            before is None or after is None or before.format_node() != after.format_node()
            or (after.op == "get_attr" and not _equal(trained, network, str(after.target)))
        ):  # fmt: skip
            raise ConversionError(
                f"{reference}: {called(before or after)} differs in training and evaluation; use modules for that, "
                "such as nn.Dropout and nn.BatchNorm2d"
            )
    return graph


def _rectified(node: fx.Node, network: nn.Module, modules: dict[str, nn.Module]) -> fx.Node | None:
    """Return the value that a call rectifies, or None if it does not."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        is_rectifier = (
            isinstance(module, nn.ReLU | SpikingActivation)
            or (isinstance(module, nn.Hardtanh) and module.min_val == 0)  # such as ReLU6
            or (isinstance(module, nn.Threshold) and module.threshold == module.value == 0)
        )
        return _argument(node, 0, "input") if is_rectifier else None
    if node.op not in ("call_function", "call_method"):
        return None
    name, value = name_of(node.target), _argument(node, 0, "input")
    if name in ("maximum", "max"):
        other = _argument(node, 1, "other")  # of `max` also an axis
        for one, zero in ((value, other), (other, value)):
            if isinstance(zero, fx.Node) and isinstance(one, fx.Node) and _is_zero(zero, network):
                return one
        return None
    limits = [_argument(node, index, limit) for index, limit in enumerate(_LIMITS.get(name, ()), 1)]
    is_rectifier = name in ("relu", "relu6") or (bool(limits) and all(_is_zero(limit, network) for limit in limits))
    return value if is_rectifier else None


def _argument(node: fx.Node, index: int, name: str) -> Any:
    """Return an argument by its position or name, or None."""
    return node.args[index] if len(node.args) > index else node.kwargs.get(name)


def _is_zero(value: object, network: nn.Module) -> bool:
    """Return whether an argument is 0, or a constant of zeros."""
    if not isinstance(value, fx.Node):
        return isinstance(value, int | float) and value == 0
    if value.op == "get_attr":
        constant = operator.attrgetter(str(value.target))(network)
        return isinstance(constant, torch.Tensor) and not isinstance(constant, nn.Parameter) and not constant.any()
    return value.op in ("call_function", "call_method") and name_of(value.target) in _ZEROS


def _equal(one: nn.Module, other: nn.Module, name: str) -> bool:
    """Return whether two networks have the same tensor of a name, such as a constant that tracing recorded."""
    a, b = operator.attrgetter(name)(one), operator.attrgetter(name)(other)
    return not isinstance(a, torch.Tensor) or torch.equal(a, b)


def _use_result(graph: fx.Graph, node: fx.Node, changed: fx.Node | None) -> None:
    """Let later calls use the result of a rectifier in place of the value that it changes in place."""
    if changed is not None:
        order = {step: index for index, step in enumerate(graph.nodes)}
        changed.replace_all_uses_with(node, delete_user_cb=lambda user: order[user] > order[node])


def _joins_input(graph: fx.Graph, rectifiers: list[fx.Node]) -> bool:
    """Return whether a call takes a value before all rectifiers, or its size, together with one after a rectifier.

    In a simulation the first has a row for each image, and the second one for each image and time-step.
    """
    constant: set[fx.Node] = set()
    spiking: set[fx.Node] = set()
    for node in graph.nodes:
        inputs = set(node.all_input_nodes)
        if inputs & spiking and inputs & constant:
            return True
        if node in rectifiers or inputs & spiking:
            spiking.add(node)
        elif node.op == "placeholder" or inputs & constant:
            constant.add(node)
    return False


def _replace(graph: fx.Graph, node: fx.Node, value: fx.Node | None, name: str) -> None:
    """Replace a rectifier of a value by the activation of a name."""
    with graph.inserting_after(node):
        activation = graph.call_module(name, (value,))
    node.replace_all_uses_with(activation)
    operands = node.all_input_nodes
    graph.erase_node(node)
    for zero in operands:
        if not zero.users:
            graph.erase_node(zero)


@torch.no_grad()
def _channels(
    network: nn.Module, graph: fx.Graph, rectifiers: list[fx.Node], modules: dict[str, nn.Module], images: torch.Tensor,
    reference: str,
) -> dict[fx.Node, int]:  # fmt: skip
    """Return the number of channels of each rectifier. Raises ConversionError if one has none."""
    shapes: dict[fx.Node, tuple[int, ...]] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            if n in rectifiers:
                shapes[n] = tuple(value.shape)
            return value

    Recorder(network, graph=graph).run(images)
    for node, shape in shapes.items():
        if len(shape) < 2 or shape[0] != len(images):
            raise ConversionError(
                f"{reference}: {called(node)}: has an input {shape} for {len(images)} images; expected (N, C, …)"
            )
        if len(shape) > 2 and _features_last(node, modules):
            raise ConversionError(
                f"{reference}: {called(node)}: has an input {shape} with the features last; expected channels first, "
                "(N, C, …): permute the value before its ReLU"
            )
    return {node: shape[1] for node, shape in shapes.items()}


def _features_last(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Return whether the values of a call come from a linear layer, whose features are the last axis."""
    while node.all_input_nodes:
        if node.op == "call_module" and isinstance(modules[str(node.target)], nn.Linear | nn.Conv1d | nn.Conv2d):
            return isinstance(modules[str(node.target)], nn.Linear)
        if node.op != "call_module" and name_of(node.target) in ("permute", "transpose", "movedim", "reshape", "view"):
            return False  # the axes have another order
        node = node.all_input_nodes[0]
    return False
