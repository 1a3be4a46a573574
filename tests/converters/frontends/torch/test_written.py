"""Neurons that a network writes out in its loop over time-steps, without a framework."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spikelet.engines import create
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module

STEPS, INPUTS, HIDDEN, CLASSES = 8, 6, 16, 4
RAW = Preprocessing(scale=1.0)


class Heaviside(torch.autograd.Function):
    """Spikes with a surrogate gradient."""

    @staticmethod
    def forward(ctx, v):
        ctx.save_for_backward(v)
        return (v > 0).float()


class Filled(torch.autograd.Function):
    """Spikes that are assigned to zeros, with a context of their own."""

    @staticmethod
    def forward(v, theta):
        spikes = torch.zeros_like(v)
        spikes[v >= theta] = 1.0
        return spikes

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.theta = inputs[1]


def integrate(v, i, beta):
    v = v + i
    spikes = (v >= 1).float()
    return spikes, v - spikes


def leak(v, i, beta):
    v = beta * v + i
    spikes = Heaviside.apply(v - 1.0)
    return spikes, v - 1.0 * spikes.detach()


def to_zero(v, i, beta):
    v = v + (i - v) / 2.0
    spikes = Filled.apply(v, 1.0)
    return spikes, v * (1.0 - spikes)


def late(v, i, beta):
    reset = (v > 1).float()
    v = beta.clamp(0, 1) * v + i - reset * 1.0
    return (v > 1).to(v.dtype), v


def where(v, i, beta):
    v = torch.add(torch.mul(v, 0.5), i)
    spikes = torch.gt(v / 2 - 0.5, 0)
    return spikes.float(), torch.where(spikes, torch.zeros_like(v), v)


def filled(v, i, beta):
    v = 0.25 * v + i
    return (v >= 1).float(), v.masked_fill(v >= 1, 0.0)


def leak_after(v, i, beta):
    v = v + 0.5 * i
    spikes = (v > 1).float()
    return spikes, (v - spikes) * 0.75


CELLS = {
    integrate: ("IF", "subtract", ">="), leak: ("LIF", "subtract", ">"), to_zero: ("LIF", "zero", ">="),
    late: ("LIF", "subtract-late", ">"), where: ("LIF", "zero", ">"), filled: ("LIF", "zero", ">="),
    leak_after: ("LIF", "subtract", ">"),
}  # fmt: skip


class Net(nn.Module):
    """Two layers of neurons, whose spikes are added."""

    def __init__(self, cell):
        super().__init__()
        torch.manual_seed(0)
        self.cell = cell
        self.fc1, self.fc2 = nn.Linear(INPUTS, HIDDEN), nn.Linear(HIDDEN, CLASSES)
        self.beta = nn.Parameter(torch.tensor(0.75))
        with torch.no_grad():
            for layer in (self.fc1, self.fc2):
                layer.weight.copy_((layer.weight * 64).round() / 16)  # sums of these are exact in float32
                layer.bias.copy_((layer.bias * 64).round() / 16)

    def forward(self, x):
        v1, v2, total = torch.zeros(x.shape[0], HIDDEN), torch.zeros(x.shape[0], CLASSES), 0
        for _ in range(STEPS):
            s1, v1 = self.cell(v1, self.fc1(x), self.beta)
            s2, v2 = self.cell(v2, self.fc2(s1), self.beta)
            total = total + s2
        return total


class Frames(Net):
    """One input for each time-step; the current is a sum."""

    def forward(self, x):
        v1, v2, spikes = torch.zeros(x.shape[1], HIDDEN), torch.zeros(x.shape[1], CLASSES), []
        for t in range(STEPS):
            s1, v1 = self.cell(v1, self.fc1(x[t]), self.beta)
            s2, v2 = self.cell(v2, self.fc2(s1), self.beta)
            spikes.append(s2)
        return torch.stack(spikes)


class TwoCurrents(Net):
    def __init__(self, cell):
        super().__init__(cell)
        self.skip = nn.Linear(INPUTS, CLASSES, bias=False)
        with torch.no_grad():
            self.skip.weight.copy_((self.skip.weight * 64).round() / 16)

    def forward(self, x):
        v1, v2, total = 0.0, 0.0, 0
        for _ in range(STEPS):
            s1, v1 = self.cell(v1, self.fc1(x), self.beta)
            s2, v2 = self.cell(v2, self.fc2(s1) + self.skip(x), self.beta)
            total = total + s2
        return total / STEPS


class Readout(Net):
    """The currents of the last layer are added, without neurons."""

    def forward(self, x):
        v1, total = 0.0, 0
        for _ in range(STEPS):
            s1, v1 = self.cell(v1, self.fc1(x), self.beta)
            total = total + self.fc2(s1)
        return total


def frames(count=30):
    return np.random.default_rng(0).integers(0, 4, (STEPS, count, INPUTS)).astype(np.float32)


def compared(network):
    """Return the source of a network whose outputs are those of an engine, summed over time."""
    source = from_module(network.eval(), (INPUTS,), RAW)
    inputs = frames() if isinstance(network, Frames) else np.repeat(frames()[:1], STEPS, 0)
    engine = create(source.graph, "numpy")
    engine.reset(inputs.shape[1])
    total = sum(engine.step(frame) for frame in inputs)
    with torch.no_grad():
        expected = network(torch.from_numpy(inputs if isinstance(network, Frames) else inputs[0])).numpy()
    expected = expected.sum(0) if expected.ndim == 3 else expected
    scale = STEPS if isinstance(network, TwoCurrents) else 1
    assert np.array_equal(total, expected * scale)
    assert len(np.unique(expected)) > 3, "the network must distinguish the images"
    assert check_graph(source, None) == 0
    return source


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)
def test_the_spikes_are_those_of_the_loop(cell):
    source = compared(Net(cell))
    kind, reset, tie = CELLS[cell]
    for name in ("neurons1", "neurons2"):
        node = source.graph.nodes[name]
        assert (node.kind, node.reset, node.tie) == (kind, reset, tie)
    assert source.notes == (f"the loop over {STEPS} time-steps in forward was reduced to one time-step",)


@pytest.mark.parametrize("kind", [Frames, TwoCurrents, Readout])
def test_other_loops(kind):
    compared(kind(leak))


def test_neurons_of_convolutions_in_modules_of_the_user():
    class Cell(nn.Module):
        def __init__(self, theta):
            super().__init__()
            self.register_buffer("theta", torch.tensor(theta))

        def forward(self, i, v):
            v = v + i
            spikes = (v >= self.theta).float()
            return spikes, v - spikes * self.theta

    class Images(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.fc, self.if1, self.if2 = nn.Conv2d(1, 4, 3), nn.Linear(36, 4), Cell(2.0), Cell(1.5)

        def forward(self, x):
            v1, v2, spikes = 0.0, 0.0, []
            for _ in range(STEPS):
                s1, v1 = self.if1(self.conv(x), v1)
                s2, v2 = self.if2(self.fc(F.avg_pool2d(s1, 2).flatten(1)), v2)
                spikes.append(s2)
            return torch.stack(spikes).mean(0)

    source = from_module(Images().eval(), (1, 8, 8), RAW)
    assert [source.graph.nodes[name].theta.max() for name in source.graph.spiking] == [2.0, 1.5]
    assert check_graph(source, None) is not None


def no_reset(v, i, beta):
    v = beta * v + i
    return (v > 1).float(), v


def half_reset(v, i, beta):
    v = v + i
    spikes = (v > 1).float()
    return spikes, v - 0.5 * spikes


class Changing(Net):
    def forward(self, x):
        v, total = 0.0, 0
        for t in range(STEPS):
            v = (0.5 + t / 10) * v + self.fc1(x)
            spikes = (v > 1).float()
            v = v - (0.5 + t / 10) * spikes
            total = total + self.fc2(spikes)
        return total


class Potential(Net):
    def forward(self, x):
        v1, v2 = 0.0, 0.0
        for _ in range(STEPS):
            s1, v1 = self.cell(v1, self.fc1(x), self.beta)
            _, v2 = self.cell(v2, self.fc2(s1), self.beta)
        return v2


class Recurrent(Net):
    def __init__(self, cell):
        super().__init__(cell)
        self.back = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, x):
        s1, v1, total = torch.zeros(x.shape[0], HIDDEN), 0.0, 0
        for _ in range(STEPS):
            s1, v1 = self.cell(v1, self.fc1(x) + self.back(s1), self.beta)
            total = total + self.fc2(s1)
        return total


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Net(no_reset), "a comparison of activations has no spiking form"),
        (Net(half_reset), r"a spike does not subtract the threshold 1 or set 0; expected spikes s = \(v >= theta\)"),
        (Changing(leak), "other factors at later time-steps|does not subtract the threshold"),
        (Potential(leak), "is used after its spikes, and a bundle does not return potentials; expected the spikes"),
        (Recurrent(leak), "is called with another input at time-step 2 than at the first"),
    ],
    ids=["no reset", "half a reset", "changing", "potential", "recurrent"],
)
def test_other_neurons_are_refused(network, message):
    with pytest.raises(ConversionError, match=message):
        from_module(network.eval(), (INPUTS,), RAW)


def test_rectifiers_of_residual_layers_are_no_neurons():
    """A value that is compared, and added to the next one that is compared, has no reset."""

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x):
            a = self.first(x)
            b = a + self.second(a * (a > 0))
            return self.last(b * (b > 0))

    class Branches(Residual):
        def forward(self, x):
            a = self.first(x) + self.first(2 * x)
            b = a + self.second(a * (a > 0))
            return self.last(b * (b > 0))

    for network in (Residual(), Branches()):
        source = from_module(network.eval(), (6,), RAW)
        assert len(source.relus) == 2
        assert check_graph(source, None) < 1e-5
