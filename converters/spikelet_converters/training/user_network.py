"""Train a network of the user: its rectifiers become spiking activations, and its input is normalised.

The network is any module that torch.fx traces and `spikelet convert` reads: FILE.py:NAME, where NAME is a module, or a
class or function that returns one. Each call of a ReLU gets an activation of its own, also where one module or
`F.relu` serves several layers.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from spikelet.errors import ConversionError, UsageError, one_line, pass_out_of_memory
from spikelet_converters.frontends.torch.calls import name_of
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.torch.in_place import changed_value
from spikelet_converters.frontends.torch.python_file import factory
from spikelet_converters.frontends.torch.source_lines import called
from spikelet_converters.frontends.torch.tracing import calls_of
from spikelet_converters.frontends.values import free_name
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks import USER_NETWORKS, Builder
from spikelet_converters.source_model.networks.parts import ActivationFactory, Normalise, Size
from spikelet_converters.weights import fit

_RECTIFIERS = ("relu", "relu6")
_MODULES = (nn.ReLU, nn.ReLU6, SpikingActivation)
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

    Examples:
        >>> from spikelet_converters.source_model.activation import spiking_layers
        >>> from spikelet_converters.source_model.networks import NetworkSpec
        >>> define("mlp", lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 3)))
        >>> network = NetworkSpec("mlp", (1, 8, 8), 3, (120,), (60.0,)).build()
        >>> list(spiking_layers(network))
        ['2']
    """
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
        try:
            trace(copy.deepcopy(network), shape)
        except ConversionError as error:
            raise ConversionError(f"{reference}: cannot be converted: {error}; training replaces {_REPLACED}") from None
        return network

    return build


def with_activations(
    network: nn.Module, normalise: Normalise, shape: tuple[int, int, int], act: ActivationFactory, reference: str
) -> nn.Module:
    """Return a network in evaluation mode whose input is normalised and whose rectifiers are spiking activations.

    Args:
        network: The network, which is changed.
        normalise: Normalisation of its input.
        shape: (C, H, W) of its input.
        act: Returns the activation of a layer.
        reference: Name of the network in error messages.

    Raises:
        ConversionError: It cannot be traced, does not take inputs of this shape, behaves differently in training, or
            has no rectifiers.
    """
    example = torch.zeros(2, *shape)
    _evaluated(network.eval(), example, reference)  # gives lazy layers their shapes
    graph = _same_in_training(network, reference)
    modules = dict(network.named_modules())
    rectifiers = [node for node in graph.nodes if _is_rectifier(node, modules)]
    if not rectifiers:
        raise ConversionError(f"{reference}: has no ReLU; expected ReLUs, which become spiking activations")
    channels = _channels(network, graph, rectifiers, example)
    calls = Counter(node.target for node in rectifiers)
    for node in rectifiers:
        alone = node.op == "call_module" and calls[node.target] == 1
        name = str(node.target) if alone else free_name(node.name, dir(network))
        network.set_submodule(name, act(channels[node]))
        _replace(graph, node, name, changed_value(node, modules))
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
    training = calls_of(copy.deepcopy(network).train())
    graph = calls_of(network)
    for before, after in zip_longest(training.nodes, graph.nodes):
        if before is None or after is None or before.format_node() != after.format_node():
            raise ConversionError(
                f"{reference}: {called(before or after)} differs in training and evaluation; use modules for that, "
                "such as nn.Dropout and nn.BatchNorm2d"
            )
    return graph


def _is_rectifier(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], _MODULES)
    if node.op not in ("call_function", "call_method"):
        return False
    name, low = name_of(node.target), node.args[1] if len(node.args) > 1 else node.kwargs.get("min")
    return name in _RECTIFIERS or (name in _CLAMPS and isinstance(low, int | float) and low == 0)


def _replace(graph: fx.Graph, node: fx.Node, name: str, changed: fx.Node | None) -> None:
    """Replace a rectifier by the activation of a name.

    Args:
        graph: The calls of the network.
        node: The rectifier.
        name: Name of the activation.
        changed: Its input, if it is changed in place: calls that use the input later get the activation too.
    """
    source = node.args[0] if node.args else node.kwargs["input"]
    assert isinstance(source, fx.Node)
    with graph.inserting_after(node):
        activation = graph.call_module(name, (source,))
    node.replace_all_uses_with(activation)
    if changed is not None:
        order = {step: index for index, step in enumerate(graph.nodes)}
        changed.replace_all_uses_with(activation, delete_user_cb=lambda user: order[user] > order[activation])
    graph.erase_node(node)


@torch.no_grad()
def _channels(
    network: nn.Module, graph: fx.Graph, rectifiers: list[fx.Node], images: torch.Tensor
) -> dict[fx.Node, int]:
    """Return the number of channels of each rectifier."""
    channels: dict[fx.Node, int] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            value = super().run_node(n)
            if n in rectifiers:
                channels[n] = value.shape[1]
            return value

    Recorder(network, graph=graph).run(images)
    return channels
