"""Calls that change a value in place which the network uses by another name too."""

import logging

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spikelet.errors import ConversionError
from spikelet_converters.calibration.analog import Analog
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends import Preprocessing
from spikelet_converters.frontends.torch import from_module, from_program

RAW = Preprocessing(scale=1.0)
SHAPE = (3, 4, 5)


class Net(nn.Module):
    def __init__(self, change, rectify=torch.relu):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(80, 3)
        self.change, self.rectify = change, rectify

    def forward(self, x):
        return self.last(self.rectify(self.change(self.conv(x / 100))).flatten(1))


def operator(x):
    y = x
    y += 1
    return x + y


def method(x):
    y = x
    y.sub_(0.1)
    return x + y


def unused(x):
    x.mul_(2)
    return x


def function(x):
    before = x
    x = F.relu(x, True)
    return before + x


def functions_result_unused(x):
    F.relu(x, inplace=True)
    return x


def output(x):
    torch.add(x, 1, out=x)
    return x


def view(x):
    x[:, :2].mul_(2)
    return x


def chunk(x):
    first, _ = x.chunk(2, 1)
    first.add_(1)
    return x


def slices(x):
    x = x.clone()
    x[:, 1:3] += 1
    x[:, 0] = x[:, 0] * 2
    x[:, ::2] = x[:, 1::2]
    return x


def masked(x):
    x[x < 0] = 0
    return x


def clipped_view(x):
    before = x.view(-1, 80)
    x[x > 0.1] = 0.1
    return before


def dropout(x):
    before = F.dropout2d(x, 0.5, False)
    x += 1
    return before


def harmless(x):
    x = F.dropout(x, 0.5, False, True)
    y = x * 2
    y += x
    height = y.shape[2]
    return y.view(-1, 4, height, 5).mul_(0.5)


CHANGES = [
    operator, method, unused, function, functions_result_unused, output, view, chunk, slices, masked, clipped_view,
    dropout, harmless,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_value_that_changes_in_place_is_read_as_changed(change):
    assert check_graph(from_module(Net(change).eval(), SHAPE, RAW), None) < 1e-5


@pytest.mark.parametrize("change", [operator, function, chunk, slices, dropout])
def test_a_program_that_changes_values_in_place(change):
    network, shape = Net(change).eval(), {0: torch.export.Dim.DYNAMIC}
    with torch.no_grad():
        program = torch.export.export(network, (torch.rand(2, *SHAPE),), dynamic_shapes=(shape,))
    assert check_graph(from_program(program, RAW), None) < 1e-5


def test_modules_that_change_their_input():
    network = Net(lambda x: x, nn.ReLU(inplace=True)).eval()
    network.change = lambda x: x + network.rectify(x)
    assert check_graph(from_module(network, SHAPE, RAW), None) < 1e-5


def filled(x):
    x[:, 0] = 0.5
    return x


def copied(x):
    y = torch.empty_like(x)
    y[:, :2], y[:, 2:] = x[:, 2:], x[:, :2]
    return y


def zeroed(x):
    x[:, 1:3].zero_()
    return x


def among_zeros(x):
    """Channels of zeros, of which some are not assigned."""
    y = torch.zeros(x.shape[0], 6, *x.shape[2:])
    y[:, 1:3], y[:, 5] = x[:, 2:], x[:, 0]
    return y[:, 1:5]


def one_among_zeros(x):
    y = torch.zeros(x.shape[0], 4, *x.shape[2:])
    y[:, -2] = x[:, 1]
    return y


def row_among_zeros(x):
    y = torch.zeros_like(x)
    y[:, :, -1] = x[:, :, 1]
    return y


def framed(x):
    """Pixels of zeros around an image; torch pads in the same way."""
    y = torch.zeros(x.shape[0], 4, 6, 8)
    y[:, :, 1:5, 2:7] = F.relu(x)
    return F.avg_pool2d(y, 3, 1)[:, :, :, 1:].repeat(1, 1, 1, 1).reshape(-1, 4, 4, 5)


def moved_down(x):
    y = torch.zeros_like(x)
    y[:, :, 1:] = F.relu(x)[:, :, :-1]
    return y


PARTS = [filled, copied, zeroed, among_zeros, one_among_zeros, row_among_zeros, framed, moved_down]


@pytest.mark.parametrize("change", PARTS)
def test_parts_of_a_value_or_of_zeros(change):
    assert check_graph(from_module(Net(change).eval(), SHAPE, RAW), None) < 1e-5


@pytest.mark.parametrize("change", PARTS)
def test_a_program_of_parts(change):
    network, shape = Net(change).eval(), {0: torch.export.Dim.DYNAMIC}
    with torch.no_grad():
        program = torch.export.export(network, (torch.rand(2, *SHAPE),), dynamic_shapes=(shape,))
    assert check_graph(from_program(program, RAW), None) < 1e-5


def power(x):
    y = F.relu(x)
    z = y
    y **= 2
    return z


def quotient(x):
    y = x
    x //= 2
    return y


def remainder(x):
    y = x
    x %= 2
    return y


def numbers(x):
    y = x
    y.data = F.relu(x)
    return y


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (power, "`pow_`.* a power of activations"),
        (quotient, "`floor_divide_`.* a rounding of activations"),
        (remainder, "`remainder_`.*no exact spiking form"),
        (numbers, rf'`data` of conv, "{__file__}", line \d+, in numbers y.data = F.relu\(x\): assigns to the numbers'),
    ],
)
def test_changes_under_another_name_are_named(change, message):
    with pytest.raises(ConversionError, match=message):
        from_module(Net(change).eval(), SHAPE, RAW)


def test_the_line_of_an_operator_is_named():
    def squared(x):
        x = F.relu(x)
        x **= 2
        return x

    line = squared.__code__.co_firstlineno + 2
    with pytest.raises(
        ConversionError, match=rf'`ipow` at node ipow of the traced network, "{__file__}", line {line},'
    ):
        from_module(Net(squared).eval(), SHAPE, RAW)


ZEROS = (1, 4, 4, 5)  # the shape of a value of one image, which is a constant


def added_to_zeros(x):
    y = torch.zeros(ZEROS)
    y.add_(x)
    return y


def added_to_a_view_of_zeros(x):
    y = torch.zeros(ZEROS)
    y.view(1, 4, 20).add_(x.flatten(2))
    return y


def zeros_filled(x):
    y = torch.zeros(ZEROS)
    y[:] = x
    return y


def a_list_of_zeros(x):
    y = torch.zeros(ZEROS)
    torch._foreach_add_([y], [x])
    return y


def read_as_a_constant(x):
    """No traced call reads y."""
    y = torch.zeros(ZEROS)
    y.copy_(x)
    return x + (2 * y + 1)


@pytest.mark.parametrize(
    "change", [added_to_zeros, added_to_a_view_of_zeros, zeros_filled, a_list_of_zeros, read_as_a_constant]
)
def test_a_constant_that_changes_under_another_name_is_named(change, monkeypatch):
    """Such a network takes one image only, which torch.export does not trace for more; what torch logs is not shown."""
    logged = []
    monkeypatch.setattr(logging.Logger, "callHandlers", lambda logger, record: logged.append(record))
    with pytest.raises(
        ConversionError,
        match=rf'`\w+`, "{__file__}", line \d+, in {change.__name__} .*: changes a value.*; a potential over time as `self\.v = f\(self\.v\)`',
    ):
        from_module(Net(change).eval(), SHAPE, RAW)
    assert [record.getMessage() for record in logged if record.levelno >= logging.WARNING] == []


def added_in_an_expression(x):
    return torch.zeros(ZEROS).add_(x)


def added_by_an_operator(x):
    y = torch.zeros(ZEROS)
    shape = y.shape
    for _ in range(2):
        y += x
    return y.reshape(-1, *shape[1:])


@pytest.mark.parametrize("change", [added_in_an_expression, added_by_an_operator])
def test_a_constant_that_changes_under_its_own_name(change):
    network = Net(change).eval()
    source = from_module(network, SHAPE, RAW)
    pixels = torch.rand(1, *SHAPE)
    with torch.no_grad():
        assert np.abs(source.predict(pixels.numpy()) - network(pixels).numpy()).max() < 1e-5
    analog = Analog(source.graph)
    assert (analog(pixels, analog.rectifier(source.relus)) - network(pixels)).abs().max() < 1e-5


def test_a_program_that_assigns_to_the_numbers_of_a_value():
    """torch.export writes a program that computes something else."""

    def assigned(x):
        y = torch.zeros_like(x)
        y.data = F.relu(x)
        return y

    network, shape = Net(assigned).eval(), {0: torch.export.Dim.DYNAMIC}
    with torch.no_grad():
        program = torch.export.export(network, (torch.rand(2, *SHAPE),), dynamic_shapes=(shape,))
    with pytest.raises(
        ConversionError, match="`data` at node .* assigns to the numbers of a value; expected a new value"
    ):
        from_program(program, RAW)


def test_the_comparison_keeps_its_inputs():
    """A network may change its input, which the imported graph takes too."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(60, 3), nn.ReLU())

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = network

        def forward(self, x):
            return self.layers(x.div_(255))

    source = from_module(Scaled().eval(), SHAPE, RAW)
    pixels = np.full((1, *SHAPE), 200, np.float32)
    source.predict(pixels)
    assert (pixels == 200).all()
    assert check_graph(source, None) < 1e-5


def by_another_value(x):
    large = F.relu(x) > 0.1
    y = x * 2
    y[large] = 0
    return y


def used_before(x):
    spikes = torch.zeros_like(x)
    before = spikes + 1
    spikes[x > 0] = 1
    return spikes + before


@pytest.mark.parametrize("change", [by_another_value, used_before])
def test_assignments_that_are_no_rectifier_are_named(change):
    with pytest.raises(
        ConversionError, match=r"masked_fill_.*, line \d+, .*(chooses between other values|jumps at the threshold)"
    ):
        from_module(Net(change).eval(), SHAPE, RAW)


def test_names_of_modules_are_no_operations():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.gt, self.zeros, self.size = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1), nn.Linear(80, 3)

        def forward(self, x):
            x = self.gt(x / 100).contiguous()
            x = self.zeros(x * (x > 0))
            x[x > 1] = 1
            return self.size(F.relu(x).flatten(1))

    assert check_graph(from_module(Named().eval(), SHAPE, RAW), None) < 1e-5
