"""Casts, and arguments that an import does not evaluate."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module, from_program
from spikelet_converters.frontends.torch.dispatch import HANDLERS

RAW = Preprocessing(scale=1.0)
SHAPE = (2, 4, 4)


class Net(nn.Module):
    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.last, self.function = nn.Conv2d(2, 4, 3, padding=1), nn.LazyLinear(3), function
        self.register_buffer("whole", torch.arange(3))
        self.register_buffer("mask", torch.tensor([[True, False, True, True]] * 4))
        self.eval()(torch.zeros(1, *SHAPE))

    def forward(self, x):
        return self.last(self.function(self, torch.relu(self.conv(x / 50))).float().flatten(1))


def sources(function):
    network = Net(function)
    yield lambda: from_module(network, SHAPE, RAW)
    with torch.no_grad():
        program = torch.export.export(network, (torch.rand(1, *SHAPE),))
    yield lambda: from_program(program, RAW)


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: x.to(torch.int32), lambda net, x: x.to(dtype=torch.uint8), lambda net, x: x.to("cpu", torch.bool),
        lambda net, x: x.to(device="cpu", dtype=torch.int64), lambda net, x: x.type(torch.int32), lambda net, x: x.long(),
        lambda net, x: x.type("torch.IntTensor"), lambda net, x: x.type_as(net.whole), lambda net, x: x.to(net.whole),
        lambda net, x: x.half(), lambda net, x: x.to(torch.bfloat16), lambda net, x: x.mean(2, dtype=torch.bfloat16),
        lambda net, x: x.bool(),
    ],
)  # fmt: skip
def test_casts_that_round_are_refused(function):
    for source in sources(function):
        with pytest.raises(
            ConversionError, match=r"casts to torch\.\w+, which rounds; cast to float32, or leave it out"
        ):
            source()


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: x.to(torch.float32).double().float(), lambda net, x: x.to("cpu"), lambda net, x: x.type_as(x),
        lambda net, x: x.type("torch.FloatTensor"), lambda net, x: x.to(net.last.weight), lambda net, x: x.type(x.dtype),
        lambda net, x: (x > 0).int() * x, lambda net, x: torch.round(x.clamp(0, 1) * 8).int() / 8,
        lambda net, x: x.mean(2, dtype=torch.float32), lambda net, x: x * net.mask, lambda net, x: x.swapaxes(2, 3),
        lambda net, x: x.swapaxes(axis0=3, axis1=2), lambda net, x: x.tensor_split((1, 3), 1)[1],
        lambda net, x: torch.tensor_split(x, torch.tensor([1, 3]), dim=1)[1],
        lambda net, x: torch.tensor_split(x, torch.tensor(3), dim=1)[2], lambda net, x: torch.tensor_split(x, 3, dim=1)[2], lambda net, x: x.repeat_interleave(2, 1, output_size=8),
    ],
)  # fmt: skip
def test_casts_that_change_no_number(function):
    for source in sources(function):
        assert check_graph(source(), None) < 1e-5


def test_empty_parts_are_refused():
    with pytest.raises(ConversionError, match="splits 4 channels into .*; expected parts of one or more"):
        from_module(Net(lambda net, x: x.tensor_split((2, 2), 1)[0]), SHAPE, RAW)


def test_an_argument_that_is_not_evaluated_is_refused(monkeypatch):
    """No operation has one that the import would leave out without a word."""
    source = Net(lambda net, x: F.hardtanh(x, 0.0, 2.0))
    with monkeypatch.context() as patched:
        patched.setitem(HANDLERS, "hardtanh", lambda call: call.x)
        with pytest.raises(ConversionError, match=r"`hardtanh` .*: its argument m\w+_val = [02]\.0 is not supported"):
            from_module(source, SHAPE, RAW)


def test_a_network_for_a_fixed_batch():
    def joined(net, x):
        return torch.cat([x, net.mask.float().expand(1, 1, 4, 4)], 1)

    with pytest.raises(ConversionError, match=r"Net: cannot be evaluated on inputs of shape \(8, 2, 4, 4\)"):
        check_graph(from_module(Net(joined), SHAPE, RAW), None)
