"""Networks of the user that are trained: FILE.py:NAME, or a function of Python.

NAME is a module, or a class or function that returns one. The network is any that `spikelet convert` reads and torch.fx
traces; its rectifiers become spiking activations, see `rectifiers`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from spikelet.errors import ConversionError, UsageError
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.torch.python_file import factory
from spikelet_converters.source_model.networks import NETWORKS, USER_NETWORKS, Builder
from spikelet_converters.source_model.networks.parts import ActivationFactory, Normalise, Size
from spikelet_converters.training.rectifiers import REPLACED, evaluated, with_activations
from spikelet_converters.weights import fit


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
        black_and_white = torch.tensor([0.0, 255.0]).reshape(2, 1, 1, 1).expand(2, *shape)
        logits = evaluated(network, black_and_white, reference)
        returned = tuple(logits.shape[1:]) if isinstance(logits, torch.Tensor) else type(logits).__name__
        if returned != (classes,):
            raise UsageError(
                f"{reference}: returns {returned} for an image; expected ({classes},), a value for each class of the "
                "data"
            )
        if isinstance(logits, torch.Tensor) and _are_probabilities(logits):
            raise UsageError(f"{reference}: returns probabilities; expected logits: omit the softmax at its end")
        try:
            trace(copy.deepcopy(network), shape)
        except ConversionError as error:
            raise ConversionError(f"{reference}: cannot be converted: {error}; training replaces {REPLACED}") from None
        return network

    return build


def _are_probabilities(values: torch.Tensor) -> bool:
    """Return whether values, (N, K), are positive and add to 1."""
    return bool((values >= 0).all()) and torch.allclose(values.sum(1), torch.ones(len(values)))
