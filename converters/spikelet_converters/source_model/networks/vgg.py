"""VGG networks with average pooling, for CIFAR-sized images (after Simonyan & Zisserman, 2015)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from spikelet.errors import UsageError
from spikelet_converters.source_model.networks.common import ActivationFactory, Normalise, initialise

Plan = tuple[int | str, ...]
VGG9: Plan = (32, 32, "P", 64, 64, "P", 128, 128, "P")
VGG5: Plan = (16, "P", 32, "P", 64, "P")
VGG16: Plan = (64, 64, "P", 128, 128, "P", 256, 256, 256, "P", 512, 512, 512, "P", 512, 512, 512, "P")


def vgg(
    plan: Plan, hidden: tuple[int, ...], normalise: Normalise, size: int, classes: int, act: ActivationFactory
) -> nn.Sequential:
    """Convolutions 3x3 with batch norm and an activation each, "P" a 2x2 average pool, then linear layers.

    hidden: widths of the linear layers before the classifier. size: height and width of the input.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(normalise=normalise)
    channels = normalise.mean.numel()
    conv = pool = 0
    for item in plan:
        if isinstance(item, str):
            pool += 1
            layers[f"pool{pool}"] = nn.AvgPool2d(2)
            size //= 2
            if size == 0:
                raise UsageError(f"the images are too small for {plan.count('P')} pools that halve them")
        else:
            conv += 1
            layers[f"conv{conv}"] = nn.Conv2d(channels, item, 3, padding=1, bias=False)
            layers[f"bn{conv}"] = nn.BatchNorm2d(item)
            layers[f"if{conv}"] = act(item)
            channels = item
    layers["flatten"] = nn.Flatten()
    width = channels * size * size
    for index, out in enumerate(hidden, 1):
        layers[f"fc{index}"] = nn.Linear(width, out)
        layers[f"if{conv + index}"] = act(out)
        width = out
    layers[f"fc{len(hidden) + 1}"] = nn.Linear(width, classes)
    network = nn.Sequential(layers)
    initialise(network)
    return network


def vgg9(normalise: Normalise, size: int, classes: int, act: ActivationFactory) -> nn.Sequential:
    """Six convolutions and three linear layers: 39 M MACs at 3x32x32; trains on two cores in an hour or two."""
    return vgg(VGG9, (256, 256), normalise, size, classes, act)


def vgg16(normalise: Normalise, size: int, classes: int, act: ActivationFactory) -> nn.Sequential:
    """Thirteen convolutions and three linear layers, 15 activations, as in the QCFS papers."""
    return vgg(VGG16, (4096, 4096), normalise, size, classes, act)


def vgg5(normalise: Normalise, size: int, classes: int, act: ActivationFactory) -> nn.Sequential:
    """Three convolutions and two linear layers for a microcontroller, at 1x28x28.

    98 thousand weights (8 bits each in flash) and 22 thousand neurons, whose potentials are 88 KB of RAM at 32 bits.
    """
    return vgg(VGG5, (128,), normalise, size, classes, act)
