"""ReLU networks, and images for which their predictions differ."""

import numpy as np
import torch
from onnx import helper
from torch import nn
from torch.nn import functional as F

from converters_support import SHAPE, onnx_file
from spikelet_converters.frontends import Preprocessing

NORM = Preprocessing((0.49, 0.48, 0.45), (0.25, 0.24, 0.26))


class Residual(nn.Module):
    """A network with functional and shared rectifiers, a residual block, a global pool and a view."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 6, 3, padding="same")
        self.relu = nn.ReLU()
        self.fc1 = nn.Linear(6, 12)
        self.output = nn.Linear(12, 4)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.conv2(x) + x)
        x = self.relu(F.adaptive_avg_pool2d(x, 1))
        x = torch.clamp(self.fc1(x.view(x.size(0), -1)), 0, 4.0)
        return self.output(x)


def smooth_pixels():
    """Return 80 smooth images, (80, *SHAPE) uint8."""
    small = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (80, 3, 3, 3))).float()
    return F.interpolate(small, SHAPE[1:], mode="bilinear").round().to(torch.uint8).numpy()


def residual_network(pixels):
    """Return a random network whose predictions differ between images."""
    torch.manual_seed(3)
    network = Residual()
    inputs = torch.from_numpy(NORM.apply(pixels.astype(np.float32)))
    with torch.no_grad():
        for _ in range(20):
            network(inputs)
        network.eval().output.bias -= network(inputs).mean(0)
    return network


def every_operator(path, seed=0):
    """Write an ONNX network with every supported operator."""
    rng = np.random.default_rng(seed)

    def f(*shape, scale=0.4):
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    weights = {
        "mean": np.full((1, 3, 1, 1), 120.0, np.float32),
        "std": np.array([60, 61, 62], np.float32).reshape(1, 3, 1, 1),
        "w1": f(6, 3, 3, 3), "gamma": np.abs(f(6)) + 0.5, "beta": f(6), "rm": f(6), "rv": np.abs(f(6)) + 0.5,
        "w2": f(6, 3, 3, 3), "b2": f(6), "zero": np.float32(0), "six": np.float32(6),
        "w3": f(6, 8), "b3": f(8), "w4": f(5, 8), "b4": f(5), "flat": np.array([0, -1]), "axes": np.array([2, 3]),
    }  # fmt: skip
    n = helper.make_node
    nodes = [
        n("Sub", ["x", "mean"], ["x1"]), n("Div", ["x1", "std"], ["x2"]),
        n("Conv", ["x2", "w1"], ["c1"], pads=[1, 1, 1, 1]),
        n("BatchNormalization", ["c1", "gamma", "beta", "rm", "rv"], ["bn"]), n("Relu", ["bn"], ["r1"]),
        n("AveragePool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        n("Conv", ["p1", "w2", "b2"], ["c2"], group=2, auto_pad="SAME_UPPER"), n("Add", ["c2", "p1"], ["sum"]),
        n("Clip", ["sum", "zero", "six"], ["r2"]), n("Dropout", ["r2"], ["r3"]),
        n("GlobalAveragePool", ["r3"], ["p2"]), n("Reshape", ["p2", "flat"], ["f"]),
        n("MatMul", ["f", "w3"], ["m"]), n("Add", ["m", "b3"], ["a"]), n("Relu", ["a"], ["r4"]),
        n("Gemm", ["r4", "w4", "b4"], ["g"], transB=1), n("Softmax", ["g"], ["y"], axis=1),
    ]  # fmt: skip
    return onnx_file(path, nodes, weights)
