"""torchvision's networks in full width and depth, for 1000 classes, of the blocks in `blocks`.

The numbers of parameters are those that torchvision publishes.
"""

from functools import partial

from torch import nn

from source_networks.blocks import BasicBlock, DenseBlock, Fire, Inception, InvertedResidual, ShuffleUnit, conv_norm

CLASSES = 1000
PARAMETERS = {
    "densenet121": 7_978_856, "googlenet": 6_624_904, "mobilenet_v2": 3_504_872, "resnet18": 11_689_512,
    "shufflenet_v2": 2_278_604, "squeezenet1_1": 1_235_496, "vgg11_bn": 132_868_840,
}  # fmt: skip


def relu():
    return nn.ReLU(inplace=True)


def mean_and_linear(channels):
    return [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, CLASSES)]


def stem():
    convolution = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    return [convolution, nn.BatchNorm2d(64), relu(), nn.MaxPool2d(3, 2, 1)]


def resnet18():
    layers, inputs = stem(), 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs)]
        inputs = outputs
    return nn.Sequential(*layers, *mean_and_linear(512))


def vgg11_bn():
    layers, inputs = [], 3
    for outputs in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
        if outputs == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), relu()]
            inputs = outputs
    layers += [nn.AdaptiveAvgPool2d((7, 7)), nn.Flatten(), nn.Linear(512 * 49, 4096), relu(), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(4096, 4096), relu(), nn.Dropout(), nn.Linear(4096, CLASSES))


def mobilenet_v2():
    relu6 = partial(nn.ReLU6, inplace=True)
    layers, inputs = [conv_norm(3, 32, 3, 2, activation=relu6())], 32
    settings = (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    )  # fmt: skip
    for expand, outputs, count, stride in settings:
        for index in range(count):
            layers.append(InvertedResidual(inputs, outputs, stride if index == 0 else 1, expand))
            inputs = outputs
    return nn.Sequential(*layers, conv_norm(320, 1280, 1, activation=relu6()), *mean_and_linear(1280))


def squeezenet1_1():
    pool = partial(nn.MaxPool2d, 3, 2, ceil_mode=True)
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, stride=2), relu(), pool(), Fire(64, 16, 64), Fire(128, 16, 64), pool(), Fire(128, 32, 128),
        Fire(256, 32, 128), pool(), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256),
        nn.Dropout(), nn.Conv2d(512, CLASSES, 1), relu(), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
    )  # fmt: skip


def densenet121():
    layers, channels = stem(), 64
    for count in (6, 12, 24, 16):
        if len(layers) > 4:
            half = channels // 2
            layers += [nn.BatchNorm2d(channels), relu(), nn.Conv2d(channels, half, 1, bias=False), nn.AvgPool2d(2, 2)]
            channels = half
        layers.append(DenseBlock(count, channels, 32, hidden=4))
        channels += 32 * count
    return nn.Sequential(*layers, nn.BatchNorm2d(channels), relu(), *mean_and_linear(channels))


def googlenet():
    pool = partial(nn.MaxPool2d, stride=2, ceil_mode=True)
    return nn.Sequential(
        conv_norm(3, 64, 7, 2, activation=relu()), pool(3), conv_norm(64, 64, 1, activation=relu()),
        conv_norm(64, 192, 3, activation=relu()), pool(3),
        Inception(192, (64, 96, 128, 16, 32, 32)), Inception(256, (128, 128, 192, 32, 96, 64)), pool(3),
        Inception(480, (192, 96, 208, 16, 48, 64)), Inception(512, (160, 112, 224, 24, 64, 64)),
        Inception(512, (128, 128, 256, 24, 64, 64)), Inception(512, (112, 144, 288, 32, 64, 64)),
        Inception(528, (256, 160, 320, 32, 128, 128)), pool(2), Inception(832, (256, 160, 320, 32, 128, 128)),
        Inception(832, (384, 192, 384, 48, 128, 128)), nn.Dropout(0.2), *mean_and_linear(1024),
    )  # fmt: skip


def shufflenet_v2():
    layers, inputs = [conv_norm(3, 24, 3, 2, activation=relu()), nn.MaxPool2d(3, 2, 1)], 24
    for outputs, count in ((116, 4), (232, 8), (464, 4)):
        layers += [ShuffleUnit(inputs, outputs, 2), *(ShuffleUnit(outputs, outputs, 1) for _ in range(count - 1))]
        inputs = outputs
    return nn.Sequential(*layers, conv_norm(464, 1024, 1, activation=relu()), *mean_and_linear(1024))


FULL_NETWORKS = {
    "densenet121": densenet121, "googlenet": googlenet, "mobilenet_v2": mobilenet_v2, "resnet18": resnet18,
    "shufflenet_v2": shufflenet_v2, "squeezenet1_1": squeezenet1_1, "vgg11_bn": vgg11_bn,
}  # fmt: skip
