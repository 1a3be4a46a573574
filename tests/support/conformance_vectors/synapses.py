"""Vectors of stateless nodes: Input, Conv2d, Linear, SumPool2d, Scale, Add, Flatten."""

from __future__ import annotations

import numpy as np

from conformance_vectors.sketch import Sketch, numbers
from conformance_vectors.vector import Vector, vector


@vector("linear", "Linear with bias, two layers")
def _linear() -> Vector:
    net = Sketch((4,))
    net.linear("fc1", numbers("a", (5, 4), -7, 7), numbers("b", (5,), -200, 200))
    net.neuron("if1", numbers("c", (5,), 100, 900), numbers("d", (5,), 0, 99))
    return Vector(net.readout("fc2", numbers("e", (3, 5), -7, 7), [1, -1, 0]), numbers("f", (3, 4), 0, 255), 6)


def picture(channels: int = 2, height: int = 5, width: int = 6, **options: object) -> Sketch:
    """Return a network with an image as its input."""
    return Sketch((channels, height, width), **options)  # type: ignore[arg-type]


def finish(net: Sketch, theta: int, steps: int = 4, samples: int = 2) -> Vector:
    """Append neurons and a readout of two classes to `net`."""
    shape = net.shape
    net.neuron("spikes", [theta + 7 * c for c in range(shape[0])], [theta // 2 - 3 * c for c in range(shape[0])])
    if len(shape) == 3:
        net.add("Flatten", "flatten", {})
    net.readout("fc", numbers("readout", (2, int(np.prod(shape))), -5, 5), [2, -3])
    node = net.nodes[0]
    low, high, size = node["low"], node["high"], node["shape"]
    assert isinstance(low, int)
    assert isinstance(high, int)
    assert isinstance(size, list)
    return Vector(net, numbers("pixels", (samples, *size), low, high), steps)


@vector("conv-3x3", "Conv2d, kernel 3 x 3, padding 1; a kernel without symmetry: cross-correlation, not convolution")
def _conv() -> Vector:
    net = picture()
    net.conv("conv", numbers("a", (3, 2, 3, 3), -7, 7), [100, -50, 0], padding=(1, 1))
    return finish(net, 900)


@vector("conv-1x1", "Conv2d, kernel 1 x 1")
def _conv_1x1() -> Vector:
    net = picture(3, 3, 3)
    net.conv("conv", numbers("a", (4, 3, 1, 1), -7, 7), [9, 8, 7, 6])
    return finish(net, 500)


@vector("conv-stride", "Conv2d, stride (2, 1), padding (1, 0), kernel 3 x 2: height before width")
def _conv_stride() -> Vector:
    net = picture(2, 6, 5)
    net.conv("conv", numbers("a", (2, 2, 3, 2), -7, 7), stride=(2, 1), padding=(1, 0))
    return finish(net, 700)


@vector("conv-remainder", "Conv2d, stride 2 leaves a row and a column of pixels that no window covers")
def _conv_remainder() -> Vector:
    net = picture(1, 6, 6)
    net.conv("conv", numbers("a", (2, 1, 3, 3), -7, 7), stride=(2, 2))
    return finish(net, 700)


@vector("conv-stride-beyond-kernel", "Conv2d, stride larger than the kernel")
def _conv_wide_stride() -> Vector:
    net = picture(1, 7, 7)
    net.conv("conv", numbers("a", (2, 1, 2, 2), -7, 7), stride=(3, 3))
    return finish(net, 500)


@vector(
    "conv-padding-beyond-kernel",
    "Conv2d, padding larger than the kernel: windows of zeros, where only the bias remains",
)
def _conv_wide_padding() -> Vector:
    net = picture(1, 3, 3)
    net.conv("conv", numbers("a", (2, 1, 2, 2), -7, 7), [350, -90], padding=(3, 2))
    return finish(net, 600)


@vector("conv-groups", "Conv2d with 2 groups: outputs 0…2 read channels 0…1, outputs 3…5 channels 2…3")
def _conv_groups() -> Vector:
    net = picture(4, 4, 4)
    net.conv("conv", numbers("a", (6, 2, 3, 3), -7, 7), numbers("b", (6,), -90, 90), padding=(1, 1), groups=2)
    return finish(net, 800)


@vector("conv-depthwise", "Conv2d with as many groups as channels, two outputs per channel")
def _conv_depthwise() -> Vector:
    net = picture(3, 4, 4)
    net.conv("conv", numbers("a", (6, 1, 3, 3), -7, 7), padding=(1, 1), groups=3)
    return finish(net, 600)


@vector("conv-padding-is-mean", "Conv2d after a mean: padding is 0, which is the mean and not the pixel 0")
def _conv_mean() -> Vector:
    net = picture(2, 3, 3, mean=[120, 90])
    net.conv("conv", numbers("a", (2, 2, 3, 3), 1, 7), padding=(1, 1))
    return finish(net, 900)


@vector("conv-on-spikes", "Conv2d on spikes, with padding, after another Conv2d")
def _conv_on_spikes() -> Vector:
    net = picture(1, 5, 5)
    net.conv("conv1", numbers("a", (3, 1, 3, 3), -7, 7), padding=(1, 1))
    net.neuron("first", [300, 400, 500])
    net.conv("conv2", numbers("b", (2, 3, 3, 3), -7, 7), [3, 3], padding=(1, 1))
    return finish(net, 20)


@vector("conv-whole-image", "Conv2d with a kernel of the size of the image, and a value of shape (C, 1, 1)")
def _conv_whole() -> Vector:
    net = picture(2, 3, 4)
    net.conv("conv", numbers("a", (3, 2, 3, 4), -7, 7))
    return finish(net, 900)


@vector("pool-2x2", "SumPool2d of area 4, a power of two: the sum of the window, not its mean")
def _pool_2x2() -> Vector:
    net = picture(2, 4, 4)
    net.pool("pool", (2, 2))
    return finish(net, 700)


@vector("pool-3x3", "SumPool2d of area 9, not a power of two")
def _pool_3x3() -> Vector:
    net = picture(2, 6, 6)
    net.pool("pool", (3, 3))
    return finish(net, 1500)


@vector("pool-1x3-overlapping", "SumPool2d, kernel (1, 3), stride (2, 1): windows overlap, some rows are not covered")
def _pool_overlap() -> Vector:
    net = picture(1, 5, 5)
    net.pool("pool", (1, 3), (2, 1))
    return finish(net, 500)


@vector("pool-remainder", "SumPool2d, the last row and column are covered by no window")
def _pool_remainder() -> Vector:
    net = picture(1, 5, 5)
    net.pool("pool", (2, 2))
    return finish(net, 800)


@vector("pool-on-spikes", "SumPool2d on spikes: values 0…9, area 9, not a power of two")
def _pool_on_spikes() -> Vector:
    net = picture(2, 7, 7)
    net.neuron("first", [300, 200])
    net.pool("pool", (3, 3), (2, 2))
    return finish(net, 6)


@vector("pool-of-negative-values", "SumPool2d on a current below 0, after a mean")
def _pool_negative() -> Vector:
    net = picture(2, 4, 4, mean=[200, 100])
    net.pool("pool", (2, 2))
    return finish(net, 200)


@vector("scale", "Scale of pixels, with a factor of 0 and one below 0")
def _scale() -> Vector:
    net = picture(3, 3, 3, mean=[10, 128, 128])
    net.scale("scale", [3, 0, -5])
    return finish(net, 300)


@vector("scale-on-spikes", "Scale of spikes, on features")
def _scale_on_spikes() -> Vector:
    net = Sketch((6,))
    net.neuron("first", [100, 150, 200, 250, 300, 350])
    net.scale("scale", [5, -5, 9, 12, 1, 40])
    return finish(net, 5)


@vector("add-2", "Add of a convolution and a Scale of the same spikes: a residual block with an identity shortcut")
def _add_2() -> Vector:
    net = picture(2, 4, 4)
    root = net.neuron("first", [300, 350])
    net.conv("branch", numbers("a", (2, 2, 3, 3), -7, 7), padding=(1, 1))
    net.scale("shortcut", [6, 9], (root,))
    net.add("Add", "add", {}, ("branch", "shortcut"))
    return finish(net, 18)


@vector("add-3", "Add of three values")
def _add_3() -> Vector:
    net = Sketch((3,))
    for name in ("one", "two", "three"):
        net.linear(name, numbers(name, (4, 3), -7, 7), after=("input",))
    net.add("Add", "add", {}, ("one", "two", "three"))
    return finish(net, 900)


@vector("add-of-spikes", "Add of the spikes of two layers: values 0, 1 and 2")
def _add_of_spikes() -> Vector:
    net = Sketch((5,))
    net.neuron("slow", [300] * 5, after=("input",))
    net.neuron("fast", [150] * 5, after=("input",))
    net.add("Add", "add", {}, ("slow", "fast"))
    return finish(net, 3)


@vector("residual-downsampling", "A residual block whose shortcut is a strided convolution, followed by another")
def _residual() -> Vector:
    net = picture(2, 6, 6)
    root = net.neuron("first", [300, 350])
    net.conv("a1", numbers("a", (4, 2, 3, 3), -7, 7), stride=(2, 2), padding=(1, 1))
    net.neuron("a1s", [9, 9, 9, 9])
    net.conv("a2", numbers("b", (4, 4, 3, 3), -7, 7), padding=(1, 1))
    net.conv("aside", numbers("c", (4, 2, 1, 1), -7, 7), stride=(2, 2), after=(root,))
    net.add("Add", "add1", {}, ("a2", "aside"))
    root = net.neuron("second", [9, 10, 11, 12])
    net.conv("b1", numbers("d", (4, 4, 3, 3), -7, 7), padding=(1, 1))
    net.scale("bside", [7, 7, 7, 7], (root,))
    net.add("Add", "add2", {}, ("b1", "bside"))
    return finish(net, 14, 5)


@vector("add-with-constant-branch", "Add of a branch without neurons, the same at each step, and one with neurons")
def _add_constant() -> Vector:
    net = Sketch((4,), mean=[100] * 4)
    net.linear("constant", numbers("a", (3, 4), -7, 7))
    net.neuron("first", [120, 90, 60, 30], after=("input",))
    net.linear("changing", numbers("b", (3, 4), -127, 127))
    net.add("Add", "add", {}, ("constant", "changing"))
    return finish(net, 200, 6)


@vector("flatten-order", "Flatten: index (c H + i) W + j; the next layer has a different weight for each neuron")
def _flatten() -> Vector:
    net = picture(2, 2, 3)
    net.neuron("first", [200, 300])
    net.add("Flatten", "flat", {})
    net.readout("fc", np.arange(24).reshape(2, 12) - 11)
    return Vector(net, numbers("pixels", (3, 2, 2, 3), 0, 255), 4)


@vector("flatten-pixels", "Flatten of pixels, before any neuron")
def _flatten_pixels() -> Vector:
    net = picture(3, 2, 2, mean=[0, 100, 200])
    net.add("Flatten", "flat", {})
    net.linear("fc1", numbers("a", (4, 12), -7, 7))
    return finish(net, 900)


@vector("negative-pixels", "Pixels of -128…127")
def _negative_pixels() -> Vector:
    net = picture(2, 3, 3, low=-128, high=127)
    net.conv("conv", numbers("a", (2, 2, 3, 3), -7, 7), padding=(1, 1))
    return finish(net, 600)


@vector("negative-mean", "A mean below 0")
def _negative_mean() -> Vector:
    net = picture(2, 3, 3, mean=[-50, -128], low=-128, high=127)
    net.conv("conv", numbers("a", (2, 2, 3, 3), -7, 7), padding=(1, 1))
    return finish(net, 600)


@vector("pixels-16-bits", "Pixels of -32768…32767 and a mean of 32768")
def _wide_pixels() -> Vector:
    net = Sketch((3,), mean=np.array([2**15, -(2**15), 5], np.int32), low=-(2**15), high=2**15 - 1)
    net.linear("fc1", [[1, 1, -1], [-1, 1, 1], [2, 0, 0]])
    case = finish(net, 40_000)
    pixels = np.array([[-(2**15), 2**15 - 1, 0], [2**15 - 1, -(2**15), -(2**15)], [0, 77, -77]])
    return Vector(net, pixels, case.steps)


@vector("dtypes", "int8, int16 and int32 in one network, also for bias, theta, v_init and scale")
def _dtypes() -> Vector:
    net = Sketch((3,), mean=np.array([1, 2, 3], np.int8))
    net.linear("narrow", np.array([[1, -2, 3], [4, 5, -6]], np.int8), np.array([100, -100], np.int8))
    net.neuron("first", np.array([120, 77], np.int8), np.array([-5, 5], np.int16))
    net.linear("medium", np.array([[300, -200], [150, 400], [20, 10]], np.int16), np.array([10, 20, 30], np.int16))
    net.neuron(
        "second", np.array([500, 400, 60], np.int16), np.array([0, -9, 9], np.int8), decay=np.array([2, 3, 4], np.int8)
    )
    net.scale("factors", np.array([3, -4, 5], np.int32))
    net.neuron("third", np.array([4, 4, 7], np.int32))
    net.readout("wide", np.array([[1, 2, 3], [-4, 5, 6]], np.int32))
    return Vector(net, numbers("pixels", (4, 3), 0, 255), 8)


@vector("bits-16", "Weights of 16 bits, up to both ends of the range")
def _bits_16() -> Vector:
    net = Sketch((2,), high=3)
    net.linear("fc1", np.array([[-(2**15), 2**15 - 1], [2**15 - 1, 2**15 - 1]], np.int16))
    net.neuron("if1", [30_000, 120_000])
    net.readout("fc2", np.array([[2**15 - 1, -(2**15)], [5, 7]], np.int16))
    return Vector(net, np.array([[0, 3], [3, 0], [1, 2], [3, 3]]), 5)


@vector("bits-2", "Weights of 2 bits, -2…1")
def _bits_2() -> Vector:
    net = Sketch((4,))
    net.linear("fc1", numbers("a", (4, 4), -2, 1))
    return finish(net, 200)
