"""Neurons that a network writes out in other forms: loops that store or compare otherwise, and single time-steps."""

import pytest
import torch
from torch import nn

from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module

STEPS, INPUTS, CLASSES = 8, 6, 4


def lengths(net, x):
    v, total = torch.zeros(len(x), CLASSES), 0
    for _ in range(STEPS):
        v = 0.5 * v + net.fc(x)
        spikes = (v >= 1).float()
        v, total = v - spikes, total + spikes
    return total


def without_start(net, x):
    v, total = None, 0
    for _ in range(STEPS):
        current = net.fc(x)
        v = current if v is None else 0.5 * v + current
        spikes = (v >= 1).bool()
        v, total = v.masked_fill(spikes, 0.0), total + spikes.int()
    return total


def inverted(net, x):
    v, total = 0.0, 0
    for _ in range(STEPS):
        v = 0.5 * v + net.fc(x)
        spikes = v >= 1
        v = v * ~spikes
        total = total + spikes.float()
    return total


def compared_spikes(net, x):
    v, total = torch.zeros(x.shape[0], CLASSES), 0
    for _ in range(STEPS):
        v = 0.5 * v + net.fc(x)
        spikes = (v >= 1).float()
        v, total = torch.where(spikes > 0.5, v - 1, v), total + spikes
    return total


def assigned(net, x):
    v, total = torch.zeros(x.shape[0], CLASSES), 0
    for _ in range(STEPS):
        v = 0.5 * v + net.fc(x)
        spikes = v > 1
        v[spikes] = 0
        total = total + spikes.float()
    return total


def in_place(net, x):
    v, total = torch.zeros(x.shape[0], CLASSES), torch.zeros(x.shape[0], CLASSES)
    for _ in range(STEPS):
        v *= 0.5
        v += net.fc(x)
        spikes = (v >= 1).float()
        v -= spikes
        total += spikes
    return total


class Attribute(nn.Module):
    """A neuron that stores its potential."""

    def __init__(self, start):
        super().__init__()
        self.v = start

    def forward(self, current):
        self.v = current if self.v is None else 0.5 * self.v + current
        spikes = (self.v >= 1).float()
        self.v = self.v - spikes
        return spikes


def attribute(start):
    def step(net, x):
        return net.neuron(net.fc(x))

    return step, Attribute(start)


class Buffer(Attribute):
    """A neuron that stores its potential in a registered buffer."""

    def __init__(self, start):
        super().__init__(None)
        del self.v
        self.register_buffer("v", start)


def buffer(start):
    step, _ = attribute(None)
    return step, Buffer(start)


class Stored(nn.Module):
    """A neuron that changes its potential in place."""

    def __init__(self, step):
        super().__init__()
        self.v, self.step = None, step

    def forward(self, current):
        if self.v is None:
            self.v = torch.zeros_like(current)
        return self.step(self, current)


def methods(neuron, current):
    neuron.v.mul_(0.5).add_(current)
    spikes = (neuron.v >= 1).float()
    neuron.v.sub_(spikes)
    return spikes


def scaled_sum(neuron, current):
    neuron.v.mul_(0.5).add_(current, alpha=2.0)
    spikes = neuron.v >= 1
    neuron.v.masked_fill_(spikes, 0.0)
    return spikes.float()


def copies(neuron, current):
    neuron.v.copy_(0.5 * neuron.v + current)
    spikes = (neuron.v >= 1).float()
    neuron.v[...] = neuron.v - spikes
    return spikes


def slices(neuron, current):
    neuron.v[:] = 0.5 * neuron.v + current
    spikes = (neuron.v >= 1).float()
    neuron.v[:, :] = torch.where(spikes > 0, torch.zeros_like(neuron.v), neuron.v)
    return spikes


def average(neuron, current):
    neuron.v.lerp_(current, 0.25)
    spikes = (neuron.v >= 0.5).float()
    neuron.v *= 1 - spikes
    return spikes


def reversed_difference(neuron, current):
    neuron.v = torch.rsub(torch.rsub(neuron.v, current, alpha=-0.5), 0.0, alpha=-1)
    spikes = (neuron.v >= 1).float()
    neuron.v = torch.sub(neuron.v, spikes, alpha=1.0)
    return spikes


def stored(step):
    return lambda net, x: net.neuron(net.fc(x)), Stored(step)


class Alone(nn.Module):
    """A network of one layer."""

    def __init__(self, function, neuron=None):
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.function, self.neuron = nn.Linear(INPUTS, CLASSES), function, neuron
        with torch.no_grad():
            self.fc.weight.copy_((self.fc.weight * 64).round() / 16)
            self.fc.bias.copy_((self.fc.bias * 64).round() / 16)

    def forward(self, x):
        return self.function(self, x)


class Argument(Alone):
    """One time-step, whose potential is an argument."""

    def forward(self, x, v):
        v = 0.5 * v + self.fc(x)
        spikes = (v >= 1).float()
        return spikes, v - spikes


class Optional(Alone):
    """One time-step, whose potentials are a tuple, or None at the first."""

    def forward(self, x, state=None):
        (v,) = (0.0,) if state is None else state
        v = 0.5 * v + self.fc(x)
        spikes = (v >= 1).float()
        return spikes, (v - spikes,)


LOOPS = [Alone(function) for function in (lengths, without_start, inverted, compared_spikes, assigned, in_place)]
STEPWISE = [Alone(*attribute(None)), Alone(*attribute(0.0)), Argument(None), Optional(None)]
STEPWISE += [Alone(*stored(step)) for step in (methods, scaled_sum, copies, slices, average, reversed_difference)]
STEPWISE += [Alone(*buffer(None)), Alone(*buffer(torch.zeros(CLASSES))), Alone(*buffer(torch.zeros(1)))]


@pytest.mark.parametrize("network", [*LOOPS, *STEPWISE])
def test_other_forms_of_loops_and_single_time_steps(network):
    source = from_module(network.eval(), (INPUTS,), Preprocessing(scale=64.0))
    assert check_graph(source, None) == 0
    assert [type(source.graph.nodes[name]).__name__ for name in source.graph.spiking] == ["LIF"]
    assert source.loop.steps == (4 if network in STEPWISE else STEPS)
    assert any(note.startswith("forward computes one time-step") for note in source.notes) == (network in STEPWISE)


def test_tracing_leaves_the_potentials_of_a_network():
    network = Alone(*attribute(None)).eval()
    from_module(network, (INPUTS,), Preprocessing(scale=64.0))
    assert network.neuron.v is None


def test_a_potential_that_is_used_as_it_was_before_it_changed():
    def stale(neuron, current):
        before = neuron.v
        neuron.v.copy_(0.5 * neuron.v + current)
        spikes = (neuron.v >= 1).float()
        neuron.v = before - spikes
        return spikes

    with pytest.raises(ConversionError):
        from_module(Alone(*stored(stale)).eval(), (INPUTS,), Preprocessing(scale=64.0))


def test_tracing_leaves_the_buffers_of_a_network():
    """Also those that forward changes in place, before it is refused."""
    network = Alone(*buffer(torch.full((CLASSES,), 0.25))).eval()
    with pytest.raises(ConversionError):
        from_module(network, (INPUTS,), Preprocessing(scale=64.0))
    assert network.neuron.v.tolist() == [0.25] * CLASSES

    def scaled(net, x):
        net.neuron.v *= 0.5
        return torch.relu(net.fc(x))

    network.function = scaled
    from_module(network, (INPUTS,), Preprocessing(scale=64.0))
    assert network.neuron.v.tolist() == [0.25] * CLASSES


@pytest.mark.parametrize("kept", [torch.ones(1, 1).expand(2, 3), torch.eye(3).to_sparse()], ids=["expanded", "sparse"])
def test_a_buffer_that_cannot_be_changed_does_not_end_the_tracing(kept):
    """Errors name lines of the network only if it was traced."""
    network = Alone(lambda net, x: torch.sin(net.fc(x)))
    network.register_buffer("kept", kept)
    with pytest.raises(ConversionError, match=r"`sin` at node sin of the traced network, \".*\", line"):
        from_module(network.eval(), (INPUTS,))


def test_a_cast_of_a_potential_is_refused():
    def rounded(net, x):
        v, total = 0.0, 0
        for _ in range(STEPS):
            v = (0.5 * v + net.fc(x)).type(torch.int32).float()
            spikes = (v >= 1).float()
            v, total = v - spikes, total + spikes
        return total

    with pytest.raises(ConversionError):
        from_module(Alone(rounded).eval(), (INPUTS,), Preprocessing(scale=64.0))


def test_an_argument_that_is_none_is_named():
    class Net(Alone):
        def forward(self, x, state=None):
            return torch.relu(self.fc(x)) + state[0]

    with pytest.raises(ConversionError, match="takes an argument that is None; expected a network with one input"):
        from_module(Net(None).eval(), (INPUTS,))


def test_a_branch_on_an_argument_that_is_none():
    class Net(Alone):
        def forward(self, x, gain=None, scale=2.0):
            x = torch.relu(self.fc(x)) * scale
            return x if gain is None else x * gain

    assert check_graph(from_module(Net(None).eval(), (INPUTS,)), None) < 1e-5
