"""Constants of the size of an image that networks join to values or add to them, such as coordinates of pixels."""

import warnings

import pytest
import torch
from torch import nn

from onnx_forms import RAW
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.conversion.quantise import quantise
from spikelet_converters.frontends import onnx
from spikelet_converters.frontends.torch import from_module, from_program

SHAPE = (3, 6, 8)


class Net(nn.Module):
    """A function, two convolutions with rectifiers, and a linear layer."""

    def __init__(self, function, channels, between=lambda x: x):
        super().__init__()
        torch.manual_seed(1)
        self.function, self.between = function, between
        self.conv, self.conv2, self.last = nn.Conv2d(channels, 6, 3, padding=1), nn.Conv2d(6, 4, 3, 2), nn.Linear(24, 3)

    def forward(self, x):
        return self.last(torch.relu(self.conv2(self.between(torch.relu(self.conv(self.function(x / 99)))))).flatten(1))


def coordinates(x):
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, x.shape[2]), torch.linspace(0, 1, x.shape[3]), indexing="ij")
    return torch.stack([rows, columns])[None].repeat(x.shape[0], 1, 1, 1)


def expanded(x):
    count, _, height, width = x.shape
    rows = torch.linspace(-1, 1, height).view(1, 1, height, 1).expand(count, 1, height, width)
    return torch.cat([rows.type_as(x), x], 1)


IMAGE = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(3))
FORMS = {
    "coordinates": Net(lambda x: torch.cat([x, coordinates(x)], 1), 5),
    "rows": Net(expanded, 4),
    "ones": Net(lambda x: torch.cat([x, torch.ones_like(x[:, :1])], 1), 4),
    "mean image": Net(lambda x: x - IMAGE, 3),
    "image minus": Net(lambda x: IMAGE - x, 3),
    "one row": Net(lambda x: x + 2 * IMAGE[:1, :1], 3),
    "joined between": Net(lambda x: x, 3, lambda x: torch.cat([x[:, :4], coordinates(x)], 1)),
    "mask": Net(lambda x: x * (IMAGE[0] > 0.4).float(), 3),
    "window of channels": Net(lambda x: x, 3, lambda x: IMAGE.repeat(2, 1, 1) * x),
    "mask between, channels last": Net(
        lambda x: x, 3, lambda x: (x.permute(0, 2, 3, 1) * IMAGE[0, :, :, None]).permute(0, 3, 1, 2)
    ),
    "added between": Net(lambda x: x, 3, lambda x: IMAGE[:1] + x),
}


def sources(network, path):
    """Return the sources of a module, of its program and of its ONNX file."""
    network, example, dynamic = network.eval(), torch.rand(2, *SHAPE), torch.export.Dim.DYNAMIC
    yield from_module(network, SHAPE, RAW)
    yield from_program(torch.export.export(network, (example,), dynamic_shapes=({0: dynamic},)), RAW)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (example,), path, dynamo=False, input_names=["x"], dynamic_axes={"x": [0]})
    yield onnx.read(path, RAW)


@pytest.mark.parametrize("form", FORMS)
def test_constants(form, tmp_path):
    for source in sources(FORMS[form], tmp_path / "a.onnx"):
        assert check_graph(source, None) < 1e-3
        if "image" not in form and form != "one row":  # which are added to the input: the sums are larger
            quantise(source.graph)


def test_constant_features(tmp_path):
    network = Net(lambda x: x, 3)
    network.last = nn.Sequential(nn.Linear(24, 5), nn.ReLU(), Joined(torch.rand(1, 4)), nn.Linear(9, 3))
    for source in sources(network, tmp_path / "a.onnx"):
        assert check_graph(source, None) < 1e-3
        assert not any("constant" in name for name in source.graph.nodes)  # they are in the bias


class Joined(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = nn.Parameter(features)

    def forward(self, x):
        return torch.cat([self.features.expand(x.shape[0], -1), x], 1)


@pytest.mark.parametrize("function", [lambda x: torch.cat([x, IMAGE[None, :, :3]], 1),
                                      lambda x: torch.cat([x, IMAGE[None] / 0], 1)])  # fmt: skip
def test_other_constants(function):
    with pytest.raises(
        ConversionError, match=r"takes constants of shape .* expected finite ones, .* of the same height"
    ):
        from_module(Net(function, 6).eval(), SHAPE, RAW)


class Rows(nn.Module):
    """Convolutions along the rows of an image, or along its columns, whose pixels are their channels."""

    def __init__(self, columns, **options):
        super().__init__()
        torch.manual_seed(2)
        self.columns, self.conv, self.conv2 = columns, nn.Conv1d(6, 5, 3, **options), nn.Conv1d(5, 4, 2)

    def forward(self, x):
        x = x.squeeze(1) / 99
        x = torch.relu(self.conv(x.permute(0, 2, 1) if self.columns else x))
        return torch.relu(self.conv2(x)).mean(2)


@pytest.mark.parametrize(("columns", "options"), [(False, {"padding": 1, "dilation": 2}), (True, {"stride": 2})])
def test_rows_as_channels(columns, options):
    shape = (1, 9, 6) if columns else (1, 6, 9)
    assert check_graph(from_module(Rows(columns, **options).eval(), shape, RAW), None) < 1e-3
