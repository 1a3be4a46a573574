"""Residual networks with a CIFAR stem (He et al., 2016): the activation follows each addition."""

from __future__ import annotations

from torch import Tensor, nn

from spikelet_converters.source_model.networks.parts import ActivationFactory, Normalise, Size, initialise


class Block(nn.Module):
    """Basic block: conv3x3 - bn - act - conv3x3 - bn, plus the shortcut, then act.

    The shortcut is the identity, or a 1x1 convolution with batch norm if the shape changes.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, act: ActivationFactory) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.if1 = act(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.if2 = act(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn2(self.conv2(self.if1(self.bn1(self.conv1(x)))))
        out = self.if2(out + self.shortcut(x))
        return out


class ResNet(nn.Module):
    """Residual network: 3x3 stem, stages of blocks, global average pool, classifier.

    Args:
        widths: Number of channels per stage. Every stage but the first halves height and width.
        blocks: Number of blocks per stage.
        normalise: Input normalisation.
        size: (height, width) of the input.
        classes: Number of classes.
        act: Creates the activation for a number of channels.
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        blocks: tuple[int, ...],
        normalise: Normalise,
        size: Size,
        classes: int,
        act: ActivationFactory,
    ) -> None:
        super().__init__()
        self.normalise = normalise
        self.conv1 = nn.Conv2d(normalise.mean.numel(), widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.if1 = act(widths[0])
        channels = widths[0]
        stages = []
        for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            stage = []
            for block in range(count):
                stage.append(Block(channels, width, 2 if block == 0 and index > 0 else 1, act))
                channels = width
            stages.append(nn.Sequential(*stage))
            size = ((size[0] + 1) // 2, (size[1] + 1) // 2) if index > 0 else size
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AvgPool2d(size)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, classes)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.if1(self.bn1(self.conv1(self.normalise(x))))
        logits: Tensor = self.fc(self.flatten(self.pool(self.stages(x))))
        return logits


def resnet20(normalise: Normalise, size: Size, classes: int, act: ActivationFactory) -> ResNet:
    """Build ResNet-20: three stages of three blocks, 16/32/64 channels, 19 activations."""
    return ResNet((16, 32, 64), (3, 3, 3), normalise, size, classes, act)


def resnet18(normalise: Normalise, size: Size, classes: int, act: ActivationFactory) -> ResNet:
    """Build ResNet-18: four stages of two blocks, 64 to 512 channels, 17 activations."""
    return ResNet((64, 128, 256, 512), (2, 2, 2, 2), normalise, size, classes, act)
