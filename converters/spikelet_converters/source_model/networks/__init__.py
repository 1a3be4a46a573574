"""Networks by name, and the specification from which one is built."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from numbers import Integral
from typing import TypeAlias

import torch
from torch import nn

from spikelet import options
from spikelet.choices import MAX_LEVELS
from spikelet.errors import UsageError
from spikelet.limits import Limits
from spikelet.options import LARGEST, LEAST
from spikelet_converters.choices import is_code
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks.line import line5
from spikelet_converters.source_model.networks.parts import ActivationFactory, Normalise, Size
from spikelet_converters.source_model.networks.resnet import resnet18, resnet20
from spikelet_converters.source_model.networks.vgg import vgg5, vgg9, vgg16
from spikelet_converters.source_model.quantiser import SURROGATES
from spikelet_converters.source_model.residuals import RESIDUALS

Builder: TypeAlias = Callable[[Normalise, Size, int, ActivationFactory], nn.Module]
"""Returns a network. Arguments: normalisation of the input, (height, width), number of classes, activations."""

NETWORKS: dict[str, Builder] = {f.__name__: f for f in (vgg5, vgg9, vgg16, resnet20, resnet18, line5)}

USER_NETWORKS: dict[str, Builder] = {}
"""Networks that the user's code defines, FILE.py:NAME, see `training.user_network`. A checkpoint cannot add to them."""


@dataclass(frozen=True)
class NetworkSpec:
    """Specification of a source network, stored in every checkpoint.

    Attributes:
        model: Name in `NETWORKS`, or FILE.py:NAME in `USER_NETWORKS`.
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

    Raises:
        UsageError: A value is of a wrong type or out of range.
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

    def __post_init__(self) -> None:
        for name in ("model", "residual", "surrogate"):
            options.instance(name, getattr(self, name), str)
        shape = options.shape("shape", self.shape)
        if len(shape) != 3:
            raise UsageError(f"shape: expected (C, H, W), found {shape}")
        lambda_init = options.real("lambda_init", self.lambda_init, 0)
        if not 0 < lambda_init <= LARGEST:
            raise UsageError(f"lambda_init: expected a number above 0, at most 2^64, found {self.lambda_init}")
        numbers: dict[str, object] = {
            "shape": shape,
            "classes": options.whole("classes", self.classes),
            "levels": options.whole("levels", self.levels, 1, MAX_LEVELS),
            "lambda_init": lambda_init,
            "slope": options.real("slope", self.slope, 0, 1),
            "mean": _by_channel("mean", self.mean, shape[0], -LARGEST),
            "std": _by_channel("std", self.std, shape[0], LEAST),
        }
        for name, number in numbers.items():
            object.__setattr__(self, name, number)  # a checkpoint contains numbers of Python only
        options.switch("train_potential", self.train_potential)
        options.switch("channel_thresholds", self.channel_thresholds)

    def build(self) -> nn.Module:
        """Build the network, with initial weights from torch's global generator.

        Raises:
            UsageError: A field is not one of the known names, or the images are too small.
            CostError: The weights need more memory than the limits permit, see `spikelet.limits`.
        """
        if self.model in USER_NETWORKS:  # code that may not run without numbers
            return self._build(USER_NETWORKS[self.model])
        if is_code(self.model):
            raise UsageError(
                f"the network is Python code, {self.model}, which a checkpoint does not contain; name it with "
                "--network FILE.py:NAME"
            )
        if self.model not in NETWORKS:
            raise UsageError(
                f"unknown network {self.model!r}; known: {', '.join(NETWORKS)}; name the code of another one with "
                "--network FILE.py:NAME"
            )
        with torch.device("meta"):  # without memory for the weights
            described = self._build(NETWORKS[self.model])
        tensors = itertools.chain(described.parameters(), described.buffers())
        Limits().check(
            f"the weights of {self.model}", sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        )
        return self._build(NETWORKS[self.model])

    def _build(self, builder: Builder) -> nn.Module:
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

        return builder(Normalise(self.mean, self.std), (height, width), self.classes, act)

    def as_dict(self) -> dict[str, object]:
        """Return the fields as plain values, as stored in a checkpoint."""
        return asdict(self)


def _by_channel(name: str, values: object, channels: int, least: float) -> tuple[float, ...]:
    """Return one number per channel of `least` or more. Raises UsageError for anything else."""
    if not isinstance(values, list | tuple) or len(values) != channels:
        found = f"{len(values)} values" if isinstance(values, list | tuple) else options.shown(values)
        raise UsageError(f"{name}: expected {channels} numbers, one per channel, found {found}")
    numbers = [options.real(name, value, least, LARGEST) for value in values]
    return tuple(
        int(value) if isinstance(value, Integral) else number for value, number in zip(values, numbers, strict=True)
    )


__all__ = ["NETWORKS", "NetworkSpec", "Normalise"]
