"""Train a network of the user: its rectifiers become spiking activations, and its input is normalised.

The network is any module that torch.fx traces and `spikelet convert` reads: FILE.py:NAME, where NAME is a module, or a
class or function that returns one. Each call of a ReLU gets an activation of its own, also where one module or
`F.relu` serves several layers.
"""

from __future__ import annotations

import copy
import operator
from collections import Counter
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from spikelet.errors import ConversionError, UsageError, one_line, pass_out_of_memory
from spikelet_converters.frontends.refusals import IN_PLACE
from spikelet_converters.frontends.torch.calls import name_of
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.torch.in_place import changed_value, conflict
from spikelet_converters.frontends.torch.python_file import factory
from spikelet_converters.frontends.torch.source_lines import called
from spikelet_converters.frontends.torch.tracer import hooked
from spikelet_converters.frontends.torch.tracing import calls_of
from spikelet_converters.frontends.values import free_name
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks import NETWORKS, USER_NETWORKS, Builder
from spikelet_converters.source_model.networks.parts import ActivationFactory, Normalise, Size
from spikelet_converters.weights import fit

_RECTIFIERS = ("relu", "relu6")
_MODULES = (nn.ReLU, SpikingActivation)  # and Hardtanh from 0, of which ReLU6 is one
_CLAMPS = ("clamp", "clamp_min", "clip")
_REPLACED = "ReLU, ReLU6 and clamps from 0 by spiking activations"


def use(reference: str, name: str | None = None, weights: Path | None = None, weights_key: str | None = None) -> None:
    """Make a network of the user's code available to specifications. Its code runs.

    Args:
        reference: FILE.py:NAME.
        name: Name of the network in the specification, by default the reference.
        weights: File with initial weights, such as those of a trained ReLU network, see `spikelet_converters.weights`.
        weights_key: Name of the weights in the file, if several sets fit.

    Raises:
        UsageError: The file or the name does not exist.
        ConversionError: The file raises an error, or the weights do not fit.
    """
    make = factory(reference)

    def with_weights(path: Path) -> nn.Module:
        network = make()
        fit(path, network, reference, weights_key)
        return network

    if weights is None:
        define(name or reference, make)
    else:
        with_weights(weights)  # refuses those that do not fit before anything else
        define(name or reference, lambda: with_weights(weights))


def define(name: str, make: Callable[[], nn.Module]) -> None:
    """Make a network available to specifications, for `train` and `load_checkpoint` in this process.

    Args:
        name: Name of the network in the specification.
        make: Returns the network with initial weights. It takes images (N, C, H, W), with the mean and standard
            deviation of the specification subtracted and divided, and returns logits (N, K).

    Raises:
        UsageError: The name is that of a network of this package.

    Examples:
        >>> from spikelet_converters.source_model.activation import spiking_layers
        >>> from spikelet_converters.source_model.networks import NetworkSpec
        >>> define("mlp", lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 3)))
        >>> network = NetworkSpec("mlp", (1, 8, 8), 3, (120,), (60.0,)).build()
        >>> list(spiking_layers(network))
        ['2']
    """
    if name in NETWORKS:
        raise UsageError(f"{name}: is the name of a network of spikelet; expected another name")
    USER_NETWORKS[name] = builder(make, name)


def builder(make: Callable[[], nn.Module], reference: str) -> Builder:
    """Return a function that builds the network to train, and checks it before the training.

    Args:
        make: Returns the network with initial weights.
        reference: Name of the network in error messages.
    """

    def build(normalise: Normalise, size: Size, classes: int, act: ActivationFactory) -> nn.Module:
        shape = (normalise.mean.numel(), *size)
        network = with_activations(make(), normalise, shape, act, reference)
        logits = _evaluated(network, torch.zeros(2, *shape), reference)
        found = tuple(logits.shape[1:]) if isinstance(logits, torch.Tensor) else type(logits).__name__
        if found != (classes,):
            raise UsageError(
                f"{reference}: returns {found} for an image; expected ({classes},), a value for each class of the data"
            )
        if isinstance(logits, torch.Tensor) and _are_probabilities(logits):
            raise UsageError(f"{reference}: returns probabilities; expected logits: omit the softmax at its end")
        try:
            trace(copy.deepcopy(network), shape)
        except ConversionError as error:
            raise ConversionError(f"{reference}: cannot be converted: {error}; training replaces {_REPLACED}") from None
        return network

    return build


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
    if hooked(network):
        raise ConversionError(f"{reference}: has forward hooks, which are not recorded; call them in forward")
    example = torch.zeros(2, *shape)
    network = network.cpu().float()
    _evaluated(network.eval(), example, reference)  # gives lazy layers their shapes
    graph = _same_in_training(network, reference)
    modules = dict(network.named_modules())
    rectifiers = [node for node in graph.nodes if _is_rectifier(node, modules)]
    if not rectifiers:
        raise ConversionError(f"{reference}: has no ReLU; expected ReLUs, which become spiking activations")
    for node in rectifiers:
        _use_result(graph, node, changed_value(node, modules))
    if (step := conflict(graph, modules)) is not None:
        raise ConversionError(f"{reference}: {called(step)}: {IN_PLACE}")
    channels = _channels(network, graph, rectifiers, example, reference)
    normalise.every_step = _joins_input(graph, rectifiers)
    calls = Counter(node.target for node in rectifiers)
    for node in rectifiers:
        alone = node.op == "call_module" and calls[node.target] == 1
        name = str(node.target) if alone else free_name(node.name, dir(network))
        network.set_submodule(name, act(channels[node]))
        _replace(graph, node, name)
    entry = next(node for node in graph.nodes if node.op == "placeholder")
    name = free_name("normalise", dir(network))
    network.add_module(name, normalise)
    with graph.inserting_after(entry):
        normalised = graph.call_module(name, (entry,))
    entry.replace_all_uses_with(normalised, delete_user_cb=lambda user: user is not normalised)
    return fx.GraphModule(network, graph, type(network).__name__).eval()


@torch.no_grad()
def _evaluated(network: nn.Module, images: torch.Tensor, reference: str) -> object:
    """Return the outputs for images, (N, C, H, W). Raises ConversionError if the user's code fails."""
    try:
        output: object = network(images)
    except Exception as error:  # of the user's own code
        pass_out_of_memory(error, reference)
        shape = tuple(images.shape[1:])
        raise ConversionError(f"{reference}: cannot be evaluated on images {shape}: {one_line(error)}") from None
    return output


def _same_in_training(network: nn.Module, reference: str) -> fx.Graph:
    """Return the calls of a network. Raises ConversionError if there are others in training, which would be lost."""
    trained = copy.deepcopy(network).train()
    try:
        training, graph = calls_of(trained), calls_of(network)
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


def _is_rectifier(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        module = modules[str(node.target)]
        return isinstance(module, _MODULES) or (isinstance(module, nn.Hardtanh) and module.min_val == 0)
    if node.op not in ("call_function", "call_method"):
        return False
    name, low = name_of(node.target), node.args[1] if len(node.args) > 1 else node.kwargs.get("min")
    return name in _RECTIFIERS or (name in _CLAMPS and isinstance(low, int | float) and low == 0)


def _equal(one: nn.Module, other: nn.Module, name: str) -> bool:
    """Return whether two networks have the same tensor of a name, such as a constant that tracing recorded."""
    a, b = operator.attrgetter(name)(one), operator.attrgetter(name)(other)
    return not isinstance(a, torch.Tensor) or torch.equal(a, b)


def _are_probabilities(values: torch.Tensor) -> bool:
    """Return whether values, (N, K), are positive and add to 1."""
    return bool((values >= 0).all()) and torch.allclose(values.sum(1), torch.ones(len(values)))


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


def _replace(graph: fx.Graph, node: fx.Node, name: str) -> None:
    """Replace a rectifier by the activation of a name."""
    source = node.args[0] if node.args else node.kwargs["input"]
    assert isinstance(source, fx.Node)
    with graph.inserting_after(node):
        activation = graph.call_module(name, (source,))
    node.replace_all_uses_with(activation)
    graph.erase_node(node)


@torch.no_grad()
def _channels(
    network: nn.Module, graph: fx.Graph, rectifiers: list[fx.Node], images: torch.Tensor, reference: str
) -> dict[fx.Node, int]:
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
        if len(shape) > 2 and _features_last(node, dict(network.named_modules())):
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
