"""Fifteen classifiers of 28x28 digits in the forms of public repositories and tutorials, written anew.

They are torch modules whose inputs are pixels / 255; `export` writes them as the original exporters do. `width` divides the
numbers of channels, for fast tests.
"""

import warnings
from itertools import pairwise

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = 0.2860, 0.3530  # of the pixels / 255 of Fashion-MNIST


class Normalised(nn.Module):
    """A network that normalises its input itself, as `transforms.Normalize` does."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network((x - MEAN) / STD)


class Dropouts(nn.Module):
    """Convolutions, one max pool, two dropouts, log_softmax; functional."""

    def __init__(self, w):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32 // w, 3), nn.Conv2d(32 // w, 64 // w, 3)
        self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(64 // w * 144, 128 // w), nn.Linear(128 // w, 10)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = torch.flatten(self.dropout1(F.max_pool2d(x, 2)), 1)
        return F.log_softmax(self.fc2(self.dropout2(F.relu(self.fc1(x)))), dim=1)


class PoolThenRelu(nn.Module):
    """Each max pool before its ReLU, view, log_softmax."""

    def __init__(self, w):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 10 // w + 1, 5), nn.Conv2d(10 // w + 1, 20 // w, 5)
        self.drop = nn.Dropout2d()
        self.fc1, self.fc2 = nn.Linear(20 // w * 16, 50), nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.drop(self.conv2(x)), 2))
        x = x.view(-1, self.fc1.in_features)
        return F.log_softmax(self.fc2(F.dropout(F.relu(self.fc1(x)), training=self.training)), dim=1)


def lenet(w, pool, activation):
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), activation(), pool(2), nn.Conv2d(6, 16, 5), activation(), pool(2), nn.Flatten(),
        nn.Linear(400, 120 // w), activation(), nn.Linear(120 // w, 84), activation(), nn.Linear(84, 10),
    )  # fmt: skip


class Vector(nn.Module):
    """A perceptron that flattens images itself."""

    def __init__(self, *sizes):
        super().__init__()
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
        self.stack = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.stack(x.view(-1, 784))


class ChannelsLast(nn.Module):
    """Images (N, 28, 28, 1), transposed before the convolutions and back before the dense layers; softmax."""

    def __init__(self, w, padding, hidden):
        super().__init__()
        self.conv1, self.conv2 = (
            nn.Conv2d(1, 32 // w, 3, padding=padding),
            nn.Conv2d(32 // w, 64 // w, 3, padding=padding),
        )
        size = 7 if padding else 5
        sizes = [size * size * 64 // w, *hidden, 10]
        self.kernels = nn.ParameterList(nn.Parameter(torch.randn(a, b) * a**-0.5) for a, b in pairwise(sizes))
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(b)) for b in sizes[1:])

    def forward(self, x):
        x = x.permute(0, 3, 1, 2)
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.permute(0, 2, 3, 1).reshape(-1, self.kernels[0].shape[0])
        for index, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            x = torch.matmul(x, kernel) + bias
            x = F.relu(x) if index + 1 < len(self.kernels) else F.softmax(x, dim=-1)
        return x


class Zoo(nn.Module):
    """SAME_UPPER convolutions whose bias is an Add, a pool of stride 3, MatMul by a kernel (16, 4, 4, 10)."""

    def __init__(self, w):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 5, padding=2, bias=False), nn.Conv2d(8, 16, 5, padding=2, bias=False)
        self.plus1, self.plus2 = nn.Parameter(torch.zeros(8, 1, 1)), nn.Parameter(torch.zeros(16, 1, 1))
        self.kernel, self.plus3 = nn.Parameter(torch.randn(16, 4, 4, 10) * 0.06), nn.Parameter(torch.zeros(1, 10))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x) + self.plus1), 2)
        x = F.max_pool2d(F.relu(self.conv2(x) + self.plus2), 3, 3)
        return torch.matmul(x.reshape(-1, 256), self.kernel.reshape(256, 10)) + self.plus3


def norm_conv(a, b, *, first=True, stride=1):
    norm, relu = nn.BatchNorm2d(b), nn.ReLU()
    return [nn.Conv2d(a, b, 3, stride, 1), *((norm, relu) if first else (relu, norm))]


class Residual(nn.Module):
    """Stem, two residual blocks, mean over the image, linear."""

    def __init__(self, w):
        super().__init__()
        c = 16 // w
        self.stem = nn.Sequential(*norm_conv(1, c, stride=2))
        self.a = nn.Sequential(*norm_conv(c, c), nn.Conv2d(c, c, 3, 1, 1), nn.BatchNorm2d(c))
        self.b = nn.Sequential(*norm_conv(c, 2 * c, stride=2), nn.Conv2d(2 * c, 2 * c, 3, 1, 1), nn.BatchNorm2d(2 * c))
        self.short = nn.Conv2d(c, 2 * c, 1, 2)
        self.fc = nn.Linear(2 * c, 10)

    def forward(self, x):
        x = self.stem(x)
        x = F.relu(self.a(x) + x)
        x = F.relu(self.b(x) + self.short(x))
        return self.fc(x.mean([2, 3]))


def mobile(w):
    layers = [nn.Conv2d(1, 16 // w, 3, 2, 1), nn.BatchNorm2d(16 // w), nn.ReLU6()]
    for a, b, stride in ((16 // w, 32 // w, 1), (32 // w, 64 // w, 2)):
        layers += [nn.Conv2d(a, a, 3, stride, 1, groups=a), nn.BatchNorm2d(a), nn.ReLU6()]
        layers += [nn.Conv2d(a, b, 1), nn.BatchNorm2d(b), nn.ReLU6()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64 // w, 10))


def deep(w):
    c = 32 // w
    return nn.Sequential(
        *norm_conv(1, c), *norm_conv(c, c), nn.MaxPool2d(2), nn.Dropout(0.2), *norm_conv(c, 2 * c), nn.MaxPool2d(2),
        nn.Dropout(0.2), nn.Flatten(), nn.Linear(2 * c * 49, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def convolutional(w):
    c = 32 // w
    return nn.Sequential(
        nn.Conv2d(1, c, 3, 2, 1), nn.ReLU(), nn.Conv2d(c, 2 * c, 3, 2, 1), nn.ReLU(), nn.Conv2d(2 * c, 10, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(dim=1),
    )  # fmt: skip


def norm_last(w):
    c = 16 // w
    return nn.Sequential(
        *norm_conv(1, c, first=False), nn.AvgPool2d(2), *norm_conv(c, 2 * c, first=False), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(2 * c * 49, 10),
    )  # fmt: skip


def leaky(w):
    c = 16 // w
    return nn.Sequential(
        nn.Conv2d(1, c, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(c, 2 * c, 4, 2, 1), nn.BatchNorm2d(2 * c), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(2 * c * 49, 10),
    )  # fmt: skip


CLASSIFIERS = {
    "two convolutions, max pool, dropouts, log_softmax": lambda w: Normalised(Dropouts(w)),
    "max pool before ReLU, view, log_softmax": lambda w: Normalised(PoolThenRelu(w)),
    "LeNet-5, max pools": lambda w: lenet(w, nn.MaxPool2d, nn.ReLU),
    "LeNet-5, average pools": lambda w: lenet(w, nn.AvgPool2d, nn.ReLU),
    "784-512-512-10": lambda w: Vector(784, 512 // w, 512 // w, 10),
    "784-256-128-10, normalised inside": lambda w: Normalised(Vector(784, 256 // w, 128 // w, 10)),
    "Keras: channels last, VALID, Dense, softmax": lambda w: ChannelsLast(w, 0, []),
    "Keras: channels last, SAME, two Dense": lambda w: ChannelsLast(w, 1, [128 // w]),
    "CNTK: bias as Add, SAME_UPPER, pool of stride 3": Zoo,
    "batch norm, dropout, max pools": deep,
    "residual blocks, mean": Residual,
    "depthwise convolutions, ReLU6": mobile,
    "convolutions only, global pool, softmax": convolutional,
    "batch norm after ReLU": norm_last,
    "LeakyReLU, strides": leaky,
}
CHANNELS_LAST = tuple(name for name in CLASSIFIERS if name.startswith("Keras"))
SAME_UPPER = ("CNTK: bias as Add, SAME_UPPER, pool of stride 3", "Keras: channels last, SAME, two Dense")


def classifier(name, width=1):
    """Build a classifier in evaluation mode. Its inputs are pixels / 255, (N, 1, 28, 28), or (N, 28, 28, 1) for Keras."""
    return CLASSIFIERS[name](width).eval()


def as_input(name, pixels):
    """Return pixels 0…255, (N, 1, 28, 28), as inputs of a classifier."""
    scaled = np.asarray(pixels, np.float32) / 255
    return np.ascontiguousarray(scaled.transpose(0, 2, 3, 1)) if name in CHANNELS_LAST else scaled


def export(name, network, path):
    """Write an ONNX file with the attributes and names of the original exporter."""
    sample = torch.from_numpy(as_input(name, np.zeros((1, 1, 28, 28))))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter without onnxscript
        torch.onnx.export(
            network.eval(), (sample,), str(path), dynamo=False, opset_version=13, input_names=["x"], output_names=["y"],
            dynamic_axes={"x": {0: "N"}, "y": {0: "N"}},
        )  # fmt: skip
    model = onnx.load(path)
    if name in SAME_UPPER:
        for node in (node for node in model.graph.node if node.op_type == "Conv"):
            kept = [attribute for attribute in node.attribute if attribute.name != "pads"]
            del node.attribute[:]
            node.attribute.extend([*kept, onnx.helper.make_attribute("auto_pad", "SAME_UPPER")])
    onnx.save(model, path)
    return path


def kinds(path):
    """Return the operators of an ONNX file, in order."""
    return [node.op_type for node in onnx.load(path).graph.node]
