"""VGG networks with average pooling, for CIFAR-sized images (after Simonyan & Zisserman, 2015)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from spikelet.errors import UsageError
from spikelet_converters.source_model.networks.parts import ActivationFactory, Normalise, Size, initialise

Layers = tuple[int | str, ...]  # channels of a convolution, or "P" for a pool
VGG9: Layers = (32, 32, "P", 64, 64, "P", 128, 128, "P")
VGG5: Layers = (16, "P", 32, "P", 64, "P")
VGG16: Layers = (64, 64, "P", 128, 128, "P", 256, 256, 256, "P", 512, 512, 512, "P", 512, 512, 512, "P")


def vgg(
    features: Layers, hidden: tuple[int, ...], normalise: Normalise, size: Size, classes: int, act: ActivationFactory
) -> nn.Sequential:
    """Build a VGG network of 3x3 convolutions with batch norm, average pools and linear layers.

    Args:
        features: Channels of each convolution, and "P" for a 2x2 average pool.
        hidden: Widths of the linear layers before the classifier.
        normalise: Input normalisation.
        size: (height, width) of the input.
        classes: Number of classes.
        act: Creates the activation for a number of channels.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(normalise=normalise)
    channels = normalise.mean.numel()
    conv = pool = 0
    for item in features:
        if isinstance(item, str):
            pool += 1
            layers[f"pool{pool}"] = nn.AvgPool2d(2)
            size = size[0] // 2, size[1] // 2
            if 0 in size:
                raise UsageError(f"the images are too small for {features.count('P')} pools that halve them")
        else:
            conv += 1
            layers[f"conv{conv}"] = nn.Conv2d(channels, item, 3, padding=1, bias=False)
            layers[f"bn{conv}"] = nn.BatchNorm2d(item)
            layers[f"if{conv}"] = act(item)
            channels = item
    layers["flatten"] = nn.Flatten()
    width = channels * size[0] * size[1]
    for index, out in enumerate(hidden, 1):
        layers[f"fc{index}"] = nn.Linear(width, out)
        layers[f"if{conv + index}"] = act(out)
        width = out
    layers[f"fc{len(hidden) + 1}"] = nn.Linear(width, classes)
    network = nn.Sequential(layers)
    initialise(network)
    return network


def vgg9(normalise: Normalise, size: Size, classes: int, act: ActivationFactory) -> nn.Sequential:
    """Build VGG-9: six convolutions and three linear layers, 39 million MACs at 3x32x32."""
    return vgg(VGG9, (256, 256), normalise, size, classes, act)


def vgg16(normalise: Normalise, size: Size, classes: int, act: ActivationFactory) -> nn.Sequential:
    """Build VGG-16: thirteen convolutions and three linear layers, 15 activations, as in Bu et al. (ICLR 2022)."""
    return vgg(VGG16, (4096, 4096), normalise, size, classes, act)


def vgg5(normalise: Normalise, size: Size, classes: int, act: ActivationFactory) -> nn.Sequential:
    """Build VGG-5 for microcontrollers: three convolutions and two linear layers.

    At 1x28x28 it has 98 thousand weights (98 KB of flash at 8 bits) and 22 thousand neurons (88 KB of RAM for 32-bit
    potentials).
    """
    return vgg(VGG5, (128,), normalise, size, classes, act)
