"""Rectifiers that networks write out: values that are chosen by a comparison with a number."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onnx_forms import RAW, logits, pixels
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.torch import from_module, from_program
from spikelet_converters.maxima import maxima

SHAPE = (3, 9, 9)
SLOPES = torch.tensor([0.0, 0.1, -0.2, 0.5]).reshape(4, 1, 1)
MASK = torch.arange(4) % 2 == 0

# form, number of layers of neurons between the convolutions
RECTIFIERS = {
    "x * (x > 0)": (lambda x: x * (x > 0), 1),
    "(x >= 0).float() * x": (lambda x: (x >= 0).float() * x, 1),
    "x * torch.gt(x, 0).to(x.dtype)": (lambda x: x * torch.gt(x, 0).to(x.dtype), 1),
    "x * (0 < x).type(torch.float32)": (lambda x: x * (x > 0).type(torch.float32), 1),
    "x * ~(x <= 0)": (lambda x: x * ~(x <= 0), 1),
    "x * (1 - (x < 0).float())": (lambda x: x * (1 - (x < 0).float()), 1),
    "x * heaviside": (lambda x: x * torch.heaviside(x, torch.zeros(1)), 1),
    "where": (lambda x: torch.where(x > 0, x, torch.zeros_like(x)), 1),
    "where with a number": (lambda x: torch.where(x > 0, x, 0.0), 1),
    "where the other way": (lambda x: torch.where(x < 0, 0.0, x), 1),
    "masked_fill": (lambda x: x.masked_fill(x < 0, 0.0), 1),
    "where not": (lambda x: torch.where(~(x > 0), 0.0, x), 1),
    "the negative part": (lambda x: torch.where(x > 0, 0.0, x), 1),
    "a leaky rectifier": (lambda x: torch.where(x > 0, x, 0.1 * x), 2),
    "a leaky rectifier by a mask": (lambda x: x * (0.9 * (x > 0).float() + 0.1), 2),
    "slopes by channel": (lambda x: torch.where(x > 0, x, SLOPES * x), 2),
    "the larger slope below": (lambda x: torch.where(x > 0, 0.2 * x, 2 * x), 2),
    "two slopes at another threshold": (lambda x: torch.where(x > 0.2, 2 * x - 0.2, x), 2),
    "an upper bound": (lambda x: torch.where(x > 0.5, 0.5, x), 1),
    "a lower bound": (lambda x: torch.where(x > -0.3, x, -0.3), 1),
    "absolute value": (lambda x: torch.where(x > 0, x, -x), 2),
}


class Net(nn.Module):
    def __init__(self, between):
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.conv2, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 5)
        self.between = between
        with torch.no_grad():
            self.conv.weight /= 50
            self.fc.weight *= 3

    def forward(self, x):
        return self.fc(torch.relu(self.conv2(self.between(self.conv(x)))).mean((2, 3)))


def sources(network):
    """Import a network as traced and as exported."""
    yield from_module(network, SHAPE, RAW)
    yield from_program(torch.export.export(network, (torch.zeros(2, *SHAPE),)), RAW)


def check(network, layers=None):
    with torch.no_grad():
        expected = network(torch.from_numpy(pixels(SHAPE))).numpy()
    assert np.ptp(expected, axis=0).min() > 1e-3, "the network must distinguish the images"
    for source in sources(network):
        assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=1e-4 * np.abs(expected).max())
        assert check_graph(source, None) < 1e-2
        assert layers is None or len(source.graph.spiking) == layers + 1


@pytest.mark.parametrize("form", RECTIFIERS)
def test_a_rectifier_that_is_written_out(form):
    function, layers = RECTIFIERS[form]
    check(Net(function).eval(), layers)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.relu(x.masked_fill(MASK.reshape(4, 1, 1), 0.0)),
        lambda x: torch.relu(torch.where(MASK.reshape(4, 1, 1), x, 0.0)),
        lambda x: torch.relu(torch.where(torch.eye(7) > 0, 0.0, x)),
        lambda x: torch.relu(x.masked_fill(torch.eye(7) > 0, 0.7)),
        lambda x: torch.relu(torch.where(torch.eye(7) > 0, x, -x)),
        lambda x: torch.relu(torch.where(MASK.reshape(4, 1, 1), torch.eye(7), x)),
        lambda x: torch.relu(torch.addcmul(x, x, torch.tensor(0.5), value=2)),
        lambda x: torch.relu(torch.addcdiv(torch.ones(4, 1, 1), x, torch.tensor(2.0))),
        lambda x: torch.relu(torch.lerp(x, torch.relu(x), 0.3)),
        lambda x: torch.relu(torch.lerp(x, torch.ones(1), 0.25)),
    ],
)
def test_constants_that_choose_or_interpolate(function):
    check(Net(function).eval())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: (x > 0).float(), "a comparison of activations has no spiking form"),
        (lambda x: F.max_pool2d((x > 0).float(), 2), "a comparison of activations has no spiking form"),
        (lambda x: torch.cat([x > 0, x], 1)[:, 2:6], "a comparison of activations has no spiking form"),
        (lambda x: x + (x > 0).float(), "a comparison of activations has no spiking form"),
        (lambda x: x - (x > 0).float(), "a comparison of activations has no spiking form"),
        (lambda x: (x > 0).float() + x, "a comparison of activations has no spiking form"),
        (lambda x: torch.where(x > 0, F.max_pool2d(x, 3, 1, 1), 0.0), "chooses between other values by a comparison"),
        (lambda x: x * (x > 0.5), r"jumps at the threshold of its comparison, from 0 to 0\.5; expected equal values"),
        (lambda x: torch.where(x > 0, x + 1, 0.0), "jumps at the threshold of its comparison, from 0 to 1"),
        (lambda x: torch.where(x > 0, 1.0, 0.0), "jumps at the threshold"),
        (lambda x: torch.relu(x + 1) * (x > 0), "chooses between other values by a comparison; expected multiples of"),
        (lambda x: torch.where(x > 0, torch.relu(x + 1), x), "chooses between other values by a comparison"),
        (lambda x: torch.where(x > x.mean((2, 3), keepdim=True), x, 0.0), "a comparison of activations"),
        (lambda x: torch.where(x == 0, x, 0.0), "a comparison of activations"),
        (lambda x: x.masked_fill(torch.eye(7) > 0, float("-inf")), "sets values to NaN or infinity; expected finite"),
    ],
)
def test_other_choices_are_refused(function, message):
    with pytest.raises(ConversionError, match=message):
        from_module(Net(function).eval(), SHAPE, RAW)
    with pytest.raises(ConversionError, match=message):
        from_program(torch.export.export(Net(function).eval(), (torch.zeros(2, *SHAPE),)), RAW)


def test_a_cast_to_whole_numbers_is_refused():
    with pytest.raises(ConversionError, match=r"casts to torch.int32, which rounds; cast to float32"):
        from_module(Net(lambda x: torch.relu(x).type(torch.int32).float()).eval(), SHAPE, RAW)


def test_a_rectifier_that_is_written_out_precedes_a_max_pool():
    source = from_module(Net(lambda x: F.max_pool2d(x * (x > 0), 2)).eval(), SHAPE, RAW)
    assert len(maxima(source.graph)) == 1
