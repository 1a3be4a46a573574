"""Torch networks as people write them: hooks, several outputs, constants of the size of the batch, changes of type."""

import math
import warnings
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from onnx_forms import RAW
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import onnx
from spikelet_converters.frontends.torch import from_module, from_program


class Net(nn.Module):
    """Two linear layers with the function of a test between them, and one of its outputs."""

    def __init__(self, between, end=lambda y: y):
        super().__init__()
        torch.manual_seed(1)
        self.hidden, self.last, self.between, self.end = nn.Linear(20, 8), nn.Linear(8, 3), between, end

    def forward(self, x):
        return self.end(self.last(torch.relu(self.between(self.hidden(x.flatten(1) / 100)))))


def hooked(kind, hook):
    network = Net(lambda x: x)
    getattr(network.hidden, kind)(hook)
    return network


OUTPUTS = [lambda y: {"loss": None, "logits": y}, lambda y: (y, 0.0), lambda y: [{"logits": y, "name": "a"}]]
BETWEEN = [
    lambda x: x + torch.full((x.shape[0], 8), 0.3), lambda x: x + x.new_full((len(x), 1), 0.3),
    lambda x: x - 0.2 * torch.ones_like(x), lambda x: x + torch.tensor([[0.1] * 8]).repeat(x.size(0), 1),
    lambda x: x + torch.linspace(-1, 1, 8).expand(x.size(0), -1), lambda x: x.double().float().type_as(x),
]  # fmt: skip


@pytest.mark.parametrize("network", [*map(Net, BETWEEN), *(Net(lambda x: x, end) for end in OUTPUTS)])
def test_constants_and_outputs(network):
    shape = {0: torch.export.Dim.DYNAMIC}
    try:
        program = torch.export.export(network.eval(), (torch.rand(2, 1, 4, 5),), dynamic_shapes=(shape,))
    except torch._dynamo.exc.UserError:  # len(x) makes the size of the batch fixed
        program = torch.export.export(network.eval(), (torch.rand(2, 1, 4, 5),))
    for source in (from_module(network, (1, 4, 5), RAW), from_program(program, RAW)):
        assert check_graph(source, None) < 1e-3


class Floor(torch.autograd.Function):
    """A floor with a gradient of 1."""

    @staticmethod
    def forward(ctx, x):
        return x.floor()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Quantiser(nn.Module):
    """A clip-floor-shift activation with a function that rounds."""

    def __init__(self, rounding, theta):
        super().__init__()
        self.rounding, self.theta = rounding, nn.Parameter(theta)

    def forward(self, x):
        return self.rounding(torch.clamp(x / self.theta, 0, torch.tensor(1)) * 4) / 4 * self.theta


ROUNDINGS = {
    "function": (lambda x: Floor.apply(x + 0.5), 4),
    "straight-through floor": (lambda x: x + (torch.floor(x + 0.5) - x).detach(), 4),
    "straight-through round": (lambda x: (x.round() - x).detach() + x, 4),
    "floor": (lambda x: x.floor(), 4),
    "half way": (lambda x: torch.floor(x + 0.25), 4),
    "no whole number": (lambda x: torch.floor(x * 1.1), 0),
    "used twice": (lambda x: x - x.round(), 0),
    "too high": (lambda x: torch.floor(x + 1), 0),
}


class RoundsFirst(Quantiser):
    """The same, with a rounding before the clamp, or before the division by the levels."""

    def forward(self, x):
        return self.rounding(x / self.theta * 4) * self.theta


ROUNDED_FIRST = {
    "floor, clamp": (lambda x: torch.clamp(torch.floor(x + 0.5), 0, 4) / 4, 4),
    "round, division, clamp": (lambda x: (x.round() / 4).clamp(0, 1), 4),
    "straight-through": (lambda x: torch.clamp(x + (x.round() - x).detach(), min=0, max=4) / 4, 4),
    "relu6": (lambda x: nn.functional.relu6(torch.floor(x)), 6),
    "shifted": (lambda x: (torch.floor(x) / 2 - 1).clamp(-1, 1), 4),
}
REFUSED_FIRST = {
    "negative integers": lambda x: torch.clamp(torch.floor(x), -2, 4),
    "used before": lambda x: torch.relu(torch.floor(x)),
    "not clipped": torch.floor,
}


@pytest.mark.parametrize("form", ["module", "onnx"])
@pytest.mark.parametrize(("rounding", "levels"), ROUNDED_FIRST.values(), ids=ROUNDED_FIRST)
def test_quantisers_that_round_first(rounding, levels, form, tmp_path):
    network = nn.Sequential(RoundsFirst(rounding, torch.tensor([0.7])), RoundsFirst(rounding, torch.rand(8) + 0.5))
    network = Net(nn.Sequential(network[0], nn.Linear(8, 8), network[1])).eval()
    source = read_as(form, network, tmp_path)
    assert set(source.levels.values()) == {levels}
    assert check_graph(source, None) < 1e-3


@pytest.mark.parametrize("rounding", REFUSED_FIRST.values(), ids=REFUSED_FIRST)
def test_roundings_that_are_not_clipped_from_zero(rounding):
    network = Net(nn.Sequential(RoundsFirst(rounding, torch.tensor([0.7])), nn.Linear(8, 8))).eval()
    with pytest.raises(
        ConversionError, match=r"a rounding of activations is not supported|clips integers from -2 to 4; expected"
    ):
        from_module(network, (1, 4, 5), RAW)


def read_as(form, network, folder):
    """Return the source of a network, as a module, or a program or ONNX file that is exported from it."""
    shapes, example = ({0: torch.export.Dim.DYNAMIC},), torch.rand(2, 1, 4, 5)
    if form == "module":
        return from_module(network, (1, 4, 5), RAW)
    if form == "program":
        return from_program(torch.export.export(network, (example,), dynamic_shapes=shapes), RAW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (example,), folder / "a.onnx", dynamo=False, dynamic_axes={"input": [0]},
                          input_names=["input"])  # fmt: skip
    return onnx.read(folder / "a.onnx", RAW)


@pytest.mark.parametrize(("rounding", "levels"), ROUNDINGS.values(), ids=ROUNDINGS)
@pytest.mark.parametrize("form", ["module", "program", "onnx"])
def test_quantisers(rounding, levels, form, tmp_path):
    network = nn.Sequential(Quantiser(rounding, torch.tensor([0.7])), Quantiser(rounding, torch.rand(8) + 0.5))
    network = Net(nn.Sequential(network[0], nn.Linear(8, 8), network[1])).eval()
    if not levels:
        with pytest.raises(ConversionError, match="a rounding of activations is not supported"):
            read_as(form, network, tmp_path)
        return
    quantised = read_as(form, network, tmp_path)
    assert set(quantised.levels.values()) == {levels}
    assert check_graph(quantised, None) < 1e-3


class LearnedSteps(nn.Module):
    """A quantiser whose step is trained; its factor of the gradient has the number of values in it (LSQ)."""

    def __init__(self):
        super().__init__()
        self.step = nn.Parameter(torch.tensor(0.4))

    def forward(self, x):
        factor = 1 / math.sqrt(x.numel() * 15)
        step = (self.step - self.step * factor).detach() + self.step * factor
        clipped = (x / step).clamp(0, 15)
        return ((clipped.round() - clipped).detach() + clipped) * step


def test_a_quantiser_with_the_number_of_values():
    source = from_module(Net(LearnedSteps()).eval(), (1, 4, 5), RAW)
    assert set(source.levels.values()) == {15}
    assert check_graph(source, None) < 1e-3


Outputs = namedtuple("Outputs", "logits auxiliary")


@dataclass
class Results:
    logits: torch.Tensor
    loss: torch.Tensor | None = None


@pytest.mark.parametrize(("end", "output"), [
    (lambda y: Outputs(y, None), None), (lambda y: Outputs(y, 2 * y), "logits"), (lambda y: Outputs(2 * y, y), "1"),
    (lambda y: Results(y), None), (lambda y: Results(y, y.mean()), "logits"),
])  # fmt: skip
def test_named_outputs(end, output):
    source = from_module(Net(lambda x: x, end).eval(), (1, 4, 5), RAW, output=output)
    assert check_graph(source, None) < 1e-3


def test_arguments_with_defaults():
    class Scaled(Net):
        def forward(self, x, factor=2.0, names=("a", "b")):
            return super().forward(x) * factor

    assert check_graph(from_module(Scaled(lambda x: x).eval(), (1, 4, 5), RAW), None) < 1e-3


@pytest.mark.parametrize("between", [
    lambda x: torch.stack([x, 2 * x, -x]).mean(0), lambda x: torch.stack((x, torch.relu(x)), dim=-1).sum(dim=-1),
    lambda x: torch.stack([x, torch.relu(x)], 1).mean([1]),
])  # fmt: skip
def test_stacked_values_that_are_added(between):
    network, shape = Net(between).eval(), {0: torch.export.Dim.DYNAMIC}
    program = torch.export.export(network, (torch.rand(2, 1, 4, 5),), dynamic_shapes=(shape,))
    for source in (from_module(network, (1, 4, 5), RAW), from_program(program, RAW)):
        assert check_graph(source, None) < 1e-3


class Colours(nn.Module):
    """Exchanges the channels of an image."""

    def __init__(self, exchange):
        super().__init__()
        torch.manual_seed(2)
        self.conv, self.last, self.exchange = nn.Conv2d(3, 4, 3), nn.Linear(24, 3), exchange

    def forward(self, x):
        return self.last(torch.relu(self.conv(self.exchange(x / 100))).flatten(1))


def test_channels_taken_apart_and_stacked():
    def exchange(x):
        red, green, blue = x.unbind(1)
        return torch.stack((blue, green, red), dim=1)

    network, shape = Colours(exchange).eval(), {0: torch.export.Dim.DYNAMIC}
    program = torch.export.export(network, (torch.rand(2, 3, 4, 5),), dynamic_shapes=(shape,))
    for source in (from_module(network, (3, 4, 5), RAW), from_program(program, RAW)):
        assert check_graph(source, None) < 1e-3


def test_a_layer_of_torchscript():
    network = Net(lambda x: x).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        network.hidden = torch.jit.script(network.hidden)
    with pytest.raises(
        ConversionError, match=r"module hidden: is a TorchScript program; expected the torch\.nn\.Module"
    ):
        from_module(network, (1, 4, 5), RAW)


def observe(module, inputs, output):
    output.detach().numpy()


@pytest.mark.parametrize("network", [
    hooked("register_forward_hook", lambda module, inputs, output: output * 2), hooked("register_forward_hook", observe),
    hooked("register_forward_pre_hook", lambda module, inputs: (inputs[0] - 0.2,)),
])  # fmt: skip
def test_hooks(network):
    assert check_graph(from_module(network.eval(), (1, 4, 5), RAW), None) < 1e-3


@pytest.mark.parametrize(("between", "message"), [
    (lambda x: x + torch.randn(x.shape[0], 8), "it draws random numbers in evaluation mode too; draw them only if self"),
    (lambda x: x + torch.randn_like(x), "it draws random numbers in evaluation mode too"),
    (lambda x: torch.floor(x * 4) / 4, "a rounding of activations is not supported; leave it out and calibrate the clamp"),
    (lambda x: torch.softmax(x, 1), "a softmax inside the network has no spiking form here; one at the end"),
    (lambda x: x.reshape(x.shape[0] * 2, 4), r"reshapes \(N, 8\) to \[2N, 4\]"),
])  # fmt: skip
def test_refusals(between, message):
    with pytest.raises(ConversionError, match=message):
        from_module(Net(between).eval(), (1, 4, 5), RAW)


def test_a_network_under_autocast():
    def between(enabled):
        def function(x):
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                return x * 2

        return function

    assert check_graph(from_module(Net(between(False)).eval(), (20,), RAW), None) < 1e-4
    with pytest.raises(ConversionError, match=r"`torch.autocast`, \".*\", line .*enabled=self.training"):
        from_module(Net(between(True)).eval(), (20,), RAW)


def test_a_program_of_regions():
    """Of calls without gradients, one of them in another; a program has them as functions of their own."""

    def between(x):
        with torch.no_grad():
            y = torch.relu(x)
            with torch.enable_grad():
                z = y + 0.5 * x
            return torch.relu(z - 1), y

    network = Net(lambda x: sum(between(x))).eval()
    program = torch.export.export(network, (torch.rand(2, 20),), dynamic_shapes=({0: torch.export.Dim("n")},))
    assert any("set_grad" in str(node.target) for node in program.graph.nodes)
    assert check_graph(from_program(program, RAW), None) < 1e-4

    def rounded(x):
        with torch.autocast("cpu", torch.bfloat16):
            return x * 2

    program = torch.export.export(Net(rounded).eval(), (torch.rand(2, 20),))
    with pytest.raises(ConversionError, match="`torch.autocast` at node .* of the exported program: rounds the values"):
        from_program(program, RAW)


def test_several_outputs_name_the_option():
    with pytest.raises(ConversionError, match="returns 2 values; expected the logits alone, or --output-name with"):
        from_module(Net(lambda x: x, lambda y: {"a": y, "b": y * 2}).eval(), (1, 4, 5), RAW)


def test_a_softmax_of_spikes():
    snntorch = pytest.importorskip("snntorch")
    layers = nn.Linear(6, 4), snntorch.Leaky(0.5, init_hidden=True), nn.Linear(4, 3), nn.Softmax(1)
    with pytest.raises(
        ConversionError, match="applies softmax to its outputs, which a bundle sums over time; leave it"
    ):
        from_module(nn.Sequential(*layers).eval(), (6,))


def test_a_buffer_without_numbers_that_nothing_reads():
    network = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    network.register_buffer("later", nn.parameter.UninitializedBuffer())
    assert check_graph(from_module(network, (4,), RAW), None) < 1e-5


def test_a_value_that_is_rounded_down_and_used_again():
    """The shift of the rounding is not that of the other use."""

    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.after, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Linear(144, 3)

        def forward(self, x):
            y = self.conv(x)
            integers = torch.floor(torch.clamp(y, 0, 1) * 4) / 4
            return self.last(torch.relu(self.after(integers) + y).flatten(1))

    torch.manual_seed(0)
    assert check_graph(from_module(Reused().eval(), (3, 8, 8)), None) < 1e-5
