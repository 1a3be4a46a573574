"""Networks for tests: random ones with every kind of node, and a small one similar to a trained network."""

from __future__ import annotations

import string

import numpy as np
from hypothesis import strategies as st

from spikelet.graph import NAME, Graph
from spikelet.nodes import IF, LIF, Add, Conv2d, Flatten, Input, Linear, Node, Output, Scale, SumPool2d


class Builder:
    """Appends nodes; `here` is the name of the last node, which is the input of the next one."""

    def __init__(self, shape, rng, exact=True, grain=1):
        self.rng, self.exact, self.grain = rng, exact, grain
        self.nodes: dict[str, Node] = {}
        self.edges: list[tuple[str, str]] = []
        self.shapes = {}
        mean = rng.integers(0, 200, shape[0])
        self.here = ""
        self.add("input", Input(shape, mean.astype(np.int16 if exact else np.float32)), ())

    def add(self, name, node, sources=None):
        sources = (self.here,) if sources is None else sources
        self.nodes[name] = node
        self.edges += [(source, name) for source in sources]
        self.shapes[name] = node.output_shape(tuple(self.shapes[s] for s in sources))
        self.here = name
        return name

    @property
    def shape(self):
        return self.shapes[self.here]

    def integers(self, low, high, size, dtype=np.int32):
        values = self.rng.integers(low, high + 1, size)
        return values.astype(dtype) if self.exact else values.astype(np.float32) * np.float32(self.grain)

    def conv(self, name, channels, kernel=(3, 3), stride=(1, 1), padding=(1, 1), groups=1):
        weight = self.integers(-7, 7, (channels, self.shape[0] // groups, *kernel), np.int8)
        return self.add(name, Conv2d(weight, self.integers(-9, 9, channels), stride, padding, groups))

    def linear(self, name, features):
        weight = self.integers(-7, 7, (features, self.shape[0]), np.int8)
        return self.add(name, Linear(weight, self.integers(-9, 9, features)))

    def neuron(self, name, leaky=False, reset="subtract", tie=">=", scale=20, copies=1, start="random"):
        """Append neurons.

        start: initial potentials of copies; "even": theta / copies apart; "rounded": the same, rounded; or "random".
        """
        channels = self.shape[0]
        theta = self.integers(1, scale, channels)
        v_init = self.integers(-scale, scale, channels * copies)
        if start == "even":
            v_init = (v_init[:channels, None] + np.arange(copies) * theta[:, None]).reshape(-1).astype(theta.dtype)
            theta = theta * copies
        elif start == "rounded":
            exact = copies * v_init[:channels, None] + 1 + np.arange(copies) * theta[:, None]
            v_init = (exact // copies if tie == ">=" else -(-exact // copies)).reshape(-1).astype(theta.dtype)
        if not leaky:
            return self.add(name, IF(theta, v_init, reset, tie, copies=copies))
        shift = self.rng.integers(1, 6, channels).astype(np.int32)
        decay = shift if self.exact else (1 - np.exp2(-shift)).astype(np.float32)
        return self.add(name, LIF(theta, v_init, reset, tie, decay, copies=copies))

    def graph(self, classes=3):
        if len(self.shape) == 3:
            self.add("flatten", Flatten())
        self.linear("logits", classes)
        self.add("output", Output(0.5))
        return Graph(self.nodes, tuple(self.edges))


def _random_neuron(draw, net, name, copies):
    scale = draw(st.sampled_from([2, 20, 200]))
    reset, tie = draw(st.sampled_from(["subtract", "zero"])), draw(st.sampled_from([">=", ">"]))
    leaky, number, start = draw(st.booleans()), draw(st.sampled_from(copies)), "random"
    if net.exact and number > 1:
        start = draw(st.sampled_from(["even", "rounded", "random"]))
        if start != "random" and draw(st.booleans()):
            leaky, reset = False, "subtract"
    net.neuron(name, leaky, reset, tie, scale, number, start)


@st.composite
def graphs(draw, exact=True, copies=(1,)):
    """Return a random network: branches, residual Adds, strides, groups, padding, pools, IF and LIF of all kinds.

    copies: numbers of copies that a layer may have.

    Parameters of float32 networks are multiples of 0.1, so that potentials miss their thresholds by a rounding.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 4)), draw(st.integers(3, 7)), draw(st.integers(3, 7)))
    net = Builder(shape, rng, exact, grain=0.1)
    neurons = 0

    def neuron():
        nonlocal neurons
        neurons += 1
        _random_neuron(draw, net, f"if{neurons}", copies)

    for index in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["conv", "pool", "residual", "scale"]))
        channels, height, width = net.shape
        small = st.integers(1, min(3, height, width))
        if kind == "conv":
            groups = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
            kernel = (draw(small), draw(small))
            stride, padding = (draw(st.integers(1, 2)), draw(st.integers(1, 2))), (draw(st.integers(0, 2)),) * 2
            net.conv(f"conv{index}", groups * draw(st.integers(1, 3)), kernel, stride, padding, groups)
        elif kind == "pool":
            net.add(f"pool{index}", SumPool2d((draw(small), draw(small)), (draw(st.integers(1, 2)),) * 2))
        elif kind == "scale":
            net.add(f"scale{index}", Scale(net.integers(-4, 4, channels, np.int8)))
        else:
            root = net.here
            first = net.conv(f"branch{index}", channels)
            if draw(st.booleans()):
                neuron()
                first = net.conv(f"deeper{index}", channels)
            second = net.add(f"shortcut{index}", Scale(net.integers(-4, 4, channels, np.int8)), (root,))
            net.add(f"add{index}", Add(), (first, second))
        if kind != "pool" or draw(st.booleans()):
            neuron()
    if len(net.shape) == 3:
        net.add("flat", Flatten())
    for index in range(draw(st.integers(0 if neurons else 1, 2))):
        net.linear(f"fc{index}", draw(st.integers(1, 6)))
        neuron()
    return net.graph(draw(st.integers(1, 4)))


# names of nodes; faster to draw than st.from_regex(NAME)
NAMES_OF_NODES = st.text(f"{string.ascii_letters}{string.digits}_.", min_size=1, max_size=64).filter(NAME.fullmatch)
CHANNELS = [1, 5, 8, 15, 16, 17, 31, 32, 33, 48, 63, 64, 70, 96, 112, 128, 130, 200]


@st.composite
def wide_graphs(draw):
    """Return a network of small images with many channels: all widths of vectors, windows in the padding alone, residual Adds."""
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 12)), draw(st.integers(1, 12)))
    net = Builder(shape, np.random.default_rng(draw(st.integers(0, 2**32 - 1))))
    for index in range(draw(st.integers(1, 3))):
        channels = net.shape[0]
        kind = draw(st.sampled_from(["conv", "conv", "residual", "groups"]))
        if kind == "residual":
            root = net.here
            first = net.conv(f"branch{index}", channels)
            second = net.add(f"shortcut{index}", Scale(net.integers(-4, 4, channels, np.int8)), (root,))
            net.add(f"add{index}", Add(), (first, second))
        else:
            groups = (
                draw(st.sampled_from([g for g in (1, 2, channels) if channels % g == 0])) if kind == "groups" else 1
            )
            outputs = groups * draw(st.integers(1, 3)) if groups > 1 else draw(st.sampled_from(CHANNELS))
            kernel, stride, padding = draw(_windows(net.shape[1:]))
            net.conv(f"conv{index}", outputs, kernel, stride, padding, groups)
        _wide_neuron(draw, net, f"if{index}")
        if draw(st.booleans()):
            sizes = [min(size, draw(st.integers(1, 3))) for size in net.shape[1:]]
            net.add(f"pool{index}", SumPool2d(tuple(sizes), (draw(st.integers(1, 2)),) * 2))
    net.add("flat", Flatten())
    net.linear("fc", draw(st.sampled_from([10, 130, 257])))
    _wide_neuron(draw, net, "iffc")
    return net.graph(10)


@st.composite
def _windows(draw, image):
    """Return (kernel, stride, padding) of a convolution, with any padding or with that which keeps the size of the image."""
    kernel = (draw(st.sampled_from([1, 2, 3, 3, 5])), draw(st.sampled_from([1, 2, 3, 3, 5])))
    least = [-(-max(0, size - limit) // 2) for size, limit in zip(kernel, image, strict=True)]
    same = draw(st.booleans())
    padding = [
        max(low, size // 2 if same else draw(st.integers(0, size + 1))) for low, size in zip(least, kernel, strict=True)
    ]
    return kernel, (draw(st.integers(1, 3)), draw(st.integers(1, 3))), tuple(padding)


def _wide_neuron(draw, net, name):
    scale, reset, tie = (
        draw(st.sampled_from([20, 400, 2000])),
        draw(st.sampled_from(["subtract", "subtract", "zero"])),
        draw(st.sampled_from([">=", ">"])),
    )
    if draw(st.booleans()):
        copies, start = draw(st.sampled_from([2, 3, 4, 7, 16])), draw(st.sampled_from(["even", "rounded", "random"]))
        net.neuron(name, False, reset, tie, scale, copies, start)
    else:
        net.neuron(name, draw(st.booleans()), reset, tie, scale)


def small_graph(seed=0, exact=True, size=6):
    """Return a fixed network with a convolution, a pool, a residual block and a linear layer."""
    net = Builder((3, size, size), np.random.default_rng(seed), exact)
    net.conv("conv1", 4)
    net.neuron("if1", scale=900)
    net.add("pool1", SumPool2d((2, 2), (2, 2)))
    net.conv("conv2", 4)
    net.add("shortcut", Scale(net.integers(1, 5, 4, np.int8)), ("pool1",))
    net.add("add", Add(), ("conv2", "shortcut"))
    net.neuron("if2")
    net.add("flat", Flatten())
    net.linear("fc1", 8)
    net.neuron("if3", leaky=True)
    return net.graph()


def large_graph():
    """Return a network with 16.5 MB of weights."""
    net = Builder((3, 64, 64), np.random.default_rng(2))
    net.conv("conv0", 64)
    net.neuron("if0", scale=20000)
    for index in range(8):
        if index < 4:
            net.add(f"pool{index}", SumPool2d((2, 2), (2, 2)))
        net.conv(f"conv{index + 1}", 512)
        net.neuron(f"if{index + 1}", scale=900)
    return net.graph()
