"""Reference networks by name, and the specification from which one is built."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import nn

from spikelet.errors import UsageError
from spikelet.limits import Limits
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks.line import line5
from spikelet_converters.source_model.networks.parts import Normalise
from spikelet_converters.source_model.networks.resnet import resnet18, resnet20
from spikelet_converters.source_model.networks.vgg import vgg5, vgg9, vgg16
from spikelet_converters.source_model.quantiser import SURROGATES
from spikelet_converters.source_model.residuals import RESIDUALS

NETWORKS: dict[str, Callable[..., nn.Module]] = {f.__name__: f for f in (vgg5, vgg9, vgg16, resnet20, resnet18, line5)}


@dataclass(frozen=True)
class NetworkSpec:
    """Specification of a source network, stored in every checkpoint.

    Attributes:
        model: Name in `NETWORKS`.
        shape: (C, H, W) of the input.
        classes: Number of classes.
        mean, std: Mean and standard deviation of the input per channel, in pixel units.
        levels: Number of levels L of the quantiser.
        residual: Name in `RESIDUALS`.
        lambda_init: Initial threshold.
        slope: Share of the clipped identity in the activation (SlipReLU).
        train_potential: Train the initial potential, one value per channel.
        channel_thresholds: One trained threshold per channel instead of one per layer.
        surrogate: Gradient of the activation, a name in `SURROGATES`.
    """

    model: str
    shape: tuple[int, int, int]
    classes: int
    mean: tuple[int, ...]
    std: tuple[float, ...]
    levels: int = 4
    residual: str = "none"
    lambda_init: float = 8.0
    slope: float = 0.0
    train_potential: bool = False
    channel_thresholds: bool = False
    surrogate: str = "straight"

    def build(self) -> nn.Module:
        """Build the network, with initial weights from torch's global generator.

        Raises:
            UsageError: A field is not one of the known names, or the images are too small.
            CostError: The weights need more memory than the limits permit, see `spikelet.limits`.
        """
        with torch.device("meta"):  # without memory for the weights
            described = self._build()
        tensors = itertools.chain(described.parameters(), described.buffers())
        Limits().check(
            f"the weights of {self.model}", sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        )
        return self._build()

    def _build(self) -> nn.Module:
        if self.model not in NETWORKS:
            raise UsageError(f"unknown network {self.model!r}; known: {', '.join(NETWORKS)}")
        if self.residual not in RESIDUALS:
            raise UsageError(f"unknown residual {self.residual!r}; known: {', '.join(RESIDUALS)}")
        if self.surrogate not in SURROGATES:
            raise UsageError(f"unknown surrogate {self.surrogate!r}; known: {', '.join(SURROGATES)}")
        _, height, width = self.shape

        def act(channels: int) -> SpikingActivation:
            residual = RESIDUALS[self.residual].layer()
            trained = channels if self.train_potential else None
            thresholds = channels if self.channel_thresholds else None
            return SpikingActivation(
                self.levels, residual, self.lambda_init, trained, self.slope, thresholds, self.surrogate
            )

        return NETWORKS[self.model](Normalise(self.mean, self.std), (height, width), self.classes, act)

    def as_dict(self) -> dict[str, object]:
        """Return the fields as plain values, as stored in a checkpoint."""
        return asdict(self)


__all__ = ["NETWORKS", "NetworkSpec", "Normalise"]
