"""Base class of the penalties, and their sum over the layers of a training pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from spikelet_converters.source_model.activation import SpikingActivation, spiking_layers

Weight = Callable[[float], float]
"""Weight of a penalty at a time of the run, in epochs."""


class Penalty:
    """A term of the loss, computed for each spiking layer."""

    def term(self, name: str, layer: SpikingActivation, z: Tensor, a: Tensor) -> Tensor | None:
        """Return the term of a layer, a scalar, or None.

        Args:
            name: Name of the layer.
            layer: The layer, with the state of its residual for this batch.
            z: Its input, the mean current, (N, C, …).
            a: Its output, the activation or spike rate, (N, C, …).
        """
        raise NotImplementedError


class Penalties:
    """Penalties with their weights at a time of the run. Without any, nothing is attached to the network.

    Args:
        network: Source network.
        terms: Pairs of weight and penalty.

    Attributes:
        epoch: Time of the run, in epochs.
    """

    def __init__(self, network: nn.Module, terms: Sequence[tuple[Weight, Penalty]]) -> None:
        self.epoch = 0.0
        self._terms = terms
        self._values: list[Tensor] = []
        for name, layer in spiking_layers(network).items() if terms else ():
            layer.register_forward_hook(self._hook(name))

    def _hook(self, name: str):  # type: ignore[no-untyped-def]
        def hook(layer: SpikingActivation, inputs: tuple[Tensor], output: Tensor) -> None:
            if layer.training and torch.is_grad_enabled():  # not in simulations
                for weight, penalty in self._terms:
                    value = penalty.term(name, layer, inputs[0].float(), output)
                    if value is not None:
                        self._values.append(weight(self.epoch) * value)

        return hook

    def added_to(self, loss: Tensor) -> Tensor:
        """Return the loss plus the weighted terms of the last training pass."""
        for value in self._values:
            loss = loss + value
        self._values.clear()
        return loss
