"""A network of one-dimensional convolutions for lines (C, L), such as features of sound over time."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from spikelet.errors import UsageError
from spikelet_converters.source_model.networks.parts import ActivationFactory, Normalise, Size, initialise

CHANNELS = (48, 64, 64)
KERNELS = (5, 3, 3)
HIDDEN = 64


def line5(normalise: Normalise, size: Size, classes: int, act: ActivationFactory) -> nn.Sequential:
    """Build three convolutions along the line, each followed by an average pool over two values, and two linear layers.

    At 32x1x48 it has 53 thousand weights and 6 thousand neurons.

    Args:
        normalise: Input normalisation.
        size: (1, L).
        classes: Number of classes.
        act: Creates the activation for a number of channels.

    Raises:
        UsageError: The inputs are images, or lines too short for the pools.
    """
    height, length = size
    if height != 1 or length < 2 ** len(CHANNELS):
        raise UsageError(
            f"line5 takes lines (C, L) of {2 ** len(CHANNELS)} values or more, found {height}x{length}; "
            "arrays of lines need --layout NCL or NLC"
        )
    layers: OrderedDict[str, nn.Module] = OrderedDict(normalise=normalise)
    channels = normalise.mean.numel()
    for index, (width, kernel) in enumerate(zip(CHANNELS, KERNELS, strict=True), 1):
        layers[f"conv{index}"] = nn.Conv2d(channels, width, (1, kernel), padding=(0, kernel // 2), bias=False)
        layers[f"bn{index}"] = nn.BatchNorm2d(width)
        layers[f"if{index}"] = act(width)
        layers[f"pool{index}"] = nn.AvgPool2d((1, 2))
        channels, length = width, length // 2
    layers["flatten"] = nn.Flatten()
    layers["fc1"] = nn.Linear(channels * length, HIDDEN)
    layers[f"if{len(CHANNELS) + 1}"] = act(HIDDEN)
    layers["fc2"] = nn.Linear(HIDDEN, classes)
    network = nn.Sequential(layers)
    initialise(network)
    return network
