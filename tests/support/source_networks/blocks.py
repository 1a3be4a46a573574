"""Small networks with the blocks of well-known ones: VGG, ResNet, MobileNet, SqueezeNet, DenseNet, GoogLeNet, ShuffleNet.

The blocks are those of torchvision's definitions, with fewer channels and layers.
"""

import torch
from torch import nn
from torch.nn import functional as F


def conv_norm(inputs, outputs, kernel, stride=1, groups=1, activation=None):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([] if activation is None else [activation]))


class Vgg(nn.Module):
    """vgg11_bn: convolutions with batch norm, max pools, an adaptive pool that enlarges the image."""

    def __init__(self, classes=5):
        super().__init__()
        layers, inputs = [], 3
        for outputs in (4, "M", 6, "M", 8, 8, "M"):
            if outputs == "M":
                layers.append(nn.MaxPool2d(2, 2))
            else:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
                inputs = outputs
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d((3, 3))
        self.classifier = nn.Sequential(
            nn.Linear(72, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 12), nn.ReLU(True), nn.Dropout(),
            nn.Linear(12, classes),
        )  # fmt: skip

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """resnet18: a padded max pool, residual blocks, one ReLU module called twice."""

    def __init__(self, classes=5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(4, 4), BasicBlock(4, 4))
        self.layer2 = nn.Sequential(BasicBlock(4, 8, 2), BasicBlock(8, 8))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.avgpool(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(x, 1))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expand):
        super().__init__()
        self.use_res_connect = stride == 1 and inputs == outputs
        hidden = inputs * expand
        layers = [] if expand == 1 else [conv_norm(inputs, hidden, 1, activation=nn.ReLU6(inplace=True))]
        layers += [conv_norm(hidden, hidden, 3, stride, hidden, nn.ReLU6(inplace=True)), conv_norm(hidden, outputs, 1)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNet(nn.Module):
    """mobilenet_v2: depthwise convolutions, ReLU6, residuals of currents."""

    def __init__(self, classes=5):
        super().__init__()
        self.features = nn.Sequential(
            conv_norm(3, 4, 3, 2, activation=nn.ReLU6(inplace=True)), InvertedResidual(4, 4, 1, 1),
            InvertedResidual(4, 6, 2, 3), InvertedResidual(6, 6, 1, 3), conv_norm(6, 12, 1, activation=nn.ReLU6()),
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(12, classes))

    def forward(self, x):
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class Fire(nn.Module):
    def __init__(self, inputs, squeeze, expand):
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        return torch.cat(
            [self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))], 1
        )


class SqueezeNet(nn.Module):
    """squeezenet1_1: concatenations, max pools with ceil_mode, a convolution as the classifier."""

    def __init__(self, classes=5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(6, 3, 4),
            Fire(8, 3, 4), nn.MaxPool2d(3, 2, ceil_mode=True), Fire(8, 4, 5),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Dropout(p=0.5), nn.Conv2d(10, classes, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        torch.nn.init.constant_(self.classifier[1].bias, 0.5)

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


class DenseLayer(nn.Module):
    def __init__(self, inputs, growth, hidden):
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, hidden * growth, 1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(hidden * growth), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(hidden * growth, growth, 3, padding=1, bias=False)

    def forward(self, features):
        x = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        return self.conv2(self.relu2(self.norm2(x)))


class DenseBlock(nn.Module):
    def __init__(self, layers, inputs, growth, hidden=2):
        super().__init__()
        self.layers = nn.ModuleList([DenseLayer(inputs + i * growth, growth, hidden) for i in range(layers)])

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    """densenet121: batch norm and ReLU before the convolutions, concatenations of currents."""

    def __init__(self, classes=5):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 7, 2, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        self.block1 = DenseBlock(2, 4, 3)
        self.transition = nn.Sequential(
            nn.BatchNorm2d(10), nn.ReLU(inplace=True), nn.Conv2d(10, 5, 1, bias=False), nn.AvgPool2d(2, 2)
        )
        self.block2 = DenseBlock(2, 5, 3)
        self.norm5 = nn.BatchNorm2d(11)
        self.classifier = nn.Linear(11, classes)

    def forward(self, x):
        features = self.norm5(self.block2(self.transition(self.block1(self.stem(x)))))
        out = F.relu(features, inplace=True)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(out, (1, 1)), 1))


class Inception(nn.Module):
    def __init__(self, inputs, widths):
        super().__init__()
        one, three_in, three, five_in, five, pool = widths
        relu = nn.ReLU
        self.branch1 = conv_norm(inputs, one, 1, activation=relu())
        self.branch2 = nn.Sequential(
            conv_norm(inputs, three_in, 1, activation=relu()), conv_norm(three_in, three, 3, activation=relu())
        )
        self.branch3 = nn.Sequential(
            conv_norm(inputs, five_in, 1, activation=relu()), conv_norm(five_in, five, 3, activation=relu())
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv_norm(inputs, pool, 1, activation=relu()),
        )

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class GoogLeNet(nn.Module):
    """googlenet: concatenations of four branches, max pools of concatenations, some padded and with ceil_mode."""

    def __init__(self, classes=5):
        super().__init__()
        self.conv1 = conv_norm(3, 4, 7, 2, activation=nn.ReLU())
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(4, (2, 2, 3, 2, 2, 2))
        self.inception3b = Inception(9, (2, 3, 4, 2, 2, 3))
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(11, (3, 2, 4, 2, 2, 2))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(11, classes)

    def forward(self, x):
        x = torch.cat([(x[:, i] * 0.5 + 0.1 * i).unsqueeze(1) for i in range(3)], 1)  # transform_input
        x = self.maxpool3(self.inception3b(self.inception3a(self.maxpool1(self.conv1(x)))))
        x = self.avgpool(self.inception4a(x))
        return self.fc(self.dropout(torch.flatten(x, 1)))


def channel_shuffle(x, groups):
    batchsize, num_channels, height, width = x.size()
    x = x.view(batchsize, groups, num_channels // groups, height, width)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(batchsize, num_channels, height, width)


class ShuffleUnit(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.stride = stride
        half = outputs // 2
        if stride > 1:
            self.branch1 = nn.Sequential(
                conv_norm(inputs, inputs, 3, stride, inputs),
                conv_norm(inputs, half, 1, activation=nn.ReLU(inplace=True)),
            )
        else:
            self.branch1 = nn.Sequential()
        self.branch2 = nn.Sequential(
            conv_norm(inputs if stride > 1 else half, half, 1, activation=nn.ReLU(inplace=True)),
            conv_norm(half, half, 3, stride, half), conv_norm(half, half, 1, activation=nn.ReLU(inplace=True)),
        )  # fmt: skip

    def forward(self, x):
        if self.stride == 1:
            x1, x2 = x.chunk(2, dim=1)
            out = torch.cat((x1, self.branch2(x2)), dim=1)
        else:
            out = torch.cat((self.branch1(x), self.branch2(x)), dim=1)
        return channel_shuffle(out, 2)


class ShuffleNet(nn.Module):
    """shufflenet_v2: channels split, shuffled and concatenated."""

    def __init__(self, classes=5):
        super().__init__()
        self.conv1 = conv_norm(3, 4, 3, 2, activation=nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.stage2 = nn.Sequential(ShuffleUnit(4, 8, 2), ShuffleUnit(8, 8, 1), ShuffleUnit(8, 8, 1))
        self.conv5 = conv_norm(8, 10, 1, activation=nn.ReLU(inplace=True))
        self.fc = nn.Linear(10, classes)

    def forward(self, x):
        x = self.conv5(self.stage2(self.maxpool(self.conv1(x))))
        return self.fc(x.mean([2, 3]))


NETWORKS = {
    "densenet121": DenseNet, "googlenet": GoogLeNet, "mobilenet_v2": MobileNet, "resnet18": ResNet,
    "shufflenet_v2": ShuffleNet, "squeezenet1_1": SqueezeNet, "vgg11_bn": Vgg,
}  # fmt: skip


def network(name, size=32, networks=NETWORKS):
    """Return a network with random weights and with statistics of batch norm from random images."""
    torch.manual_seed(3)
    built = networks[name]()
    for module in built.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            module.momentum = None
    with torch.no_grad():
        built.train()(torch.rand(16, 3, size, size))
    return built.eval()
