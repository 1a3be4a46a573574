"""Layers that change their weights in `forward`: masks, signs, bounds and norms that are written to the parameters."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onnx_forms import RAW
from source_networks.around import SHAPE, Net, compare
from spikelet.errors import ConversionError
from spikelet_converters.frontends.torch import from_module

MASK = torch.from_numpy(np.random.default_rng(2).integers(0, 2, (4, 4, 3, 3)).astype(np.float32))


class Masked(nn.Conv2d):
    """PixelCNN's convolution."""

    def forward(self, x):
        self.weight.data *= MASK
        return super().forward(x)


class MaskedByMethod(nn.Conv2d):
    def forward(self, x):
        self.weight.data.mul_(MASK)
        return F.conv2d(x, self.weight, self.bias)


class MaskedWithoutGradient(nn.Conv2d):
    def forward(self, x):
        with torch.no_grad():
            self.weight.mul_(MASK)
            self.bias.copy_(torch.tensor(0.25))
        return self._conv_forward(x, self.weight, self.bias)


class MaskedInPlace(nn.Conv2d):
    def forward(self, x):
        with torch.no_grad():
            self.weight *= MASK
        return super().forward(x)


class MaskedByIndex(nn.Conv2d):
    def forward(self, x):
        self.weight.data[MASK == 0] = 0.1
        self.bias.data[1:3] = self.bias.data[0].clone()
        return super().forward(x)


class Detached(nn.Conv2d):
    def forward(self, x):
        self.weight.detach().clamp_(0, 0.1)
        return super().forward(x)


class Filled(nn.Conv2d):
    def forward(self, x):
        nn.init.constant_(self.bias, 0.1)
        with torch.no_grad():
            torch.clamp(self.weight, 0, 0.1, out=self.weight)
        return super().forward(x)


class UnitNorm(nn.Conv2d):
    """EEGNet's convolution, whose filters have a largest norm."""

    def forward(self, x):
        self.weight.data = torch.renorm(self.weight.data, p=2, dim=0, maxnorm=0.5)
        return super().forward(x)


class Binary(nn.Conv2d):
    """The convolution of BinaryNet, which keeps its weights in an attribute of the parameter."""

    def forward(self, x):
        if not hasattr(self.weight, "org"):
            self.weight.org = self.weight.data.clone()
        self.weight.data = self.weight.org.sign()
        return F.conv2d(x, self.weight, self.bias)


class Outside(nn.Module):
    """A layer whose weights another module bounds before it calls it."""

    def __init__(self, *sizes):
        super().__init__()
        self.inner = nn.Conv2d(*sizes)

    def forward(self, x):
        self.inner.weight.data.clamp_(-0.05, 0.1)
        self.inner.bias.data.copy_(self.inner.bias.data.round(decimals=1))
        return self.inner(x)


KINDS = [
    *(Masked, MaskedByMethod, MaskedWithoutGradient, MaskedInPlace, MaskedByIndex),
    *(Detached, Filled, UnitNorm, Binary, Outside),
]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_forward_changes(kind):
    torch.manual_seed(6)
    layer = kind(4, 4, 3)
    network = Net(None, layer).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    source = from_module(network, SHAPE, RAW)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    compare(network, source)
    compare(network, from_module(network, SHAPE, RAW))  # after calls, with the attributes that they stored


def clamped(norm):
    norm.weight.data.clamp_(0.1, 2)


def positive(norm):
    with torch.no_grad():
        norm.weight.abs_()


def centred(norm):
    norm.running_mean.zero_()
    norm.running_var.fill_(2)


class Changed(nn.Module):
    """A layer that is called after a function has changed it."""

    def __init__(self, change, layer):
        super().__init__()
        self.layer = layer
        self.change = change

    def forward(self, x):
        self.change(self.layer)
        return self.layer(x)


@pytest.mark.parametrize("change", [clamped, positive, centred])
@pytest.mark.parametrize("kind", [nn.BatchNorm2d, nn.InstanceNorm2d])
def test_a_norm_that_forward_changes(kind, change):
    norm = kind(4, affine=True, track_running_stats=True)
    nn.init.uniform_(norm.weight.data, -1, 3, generator=torch.Generator().manual_seed(3))
    nn.init.uniform_(norm.running_mean, -1, 1, generator=torch.Generator().manual_seed(4))
    network = Net(None, Changed(change, norm)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    source = from_module(network, SHAPE, RAW)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    compare(network, source)


def first_filter(layer):
    layer.weight.data[0].zero_()


def bounded_norms(layer):
    layer.parametrizations.weight.original0.data.clamp_(0.2, 0.5)


def shared(layer):
    layer.bias = layer.weight


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (first_filter, r"`zero_` .* line .*: changes a part of \S+weight; change it once, before the network is"),
        (bounded_norms, r"`clamp_` .* line .*: changes \S+original0, a parameter of module \S+layer; change it once"),
        (
            shared,
            "`bias =`.* line .*: replaces a parameter of .*Conv2d in `forward`; use the new value in the function",
        ),
    ],
)
def test_other_changes_are_refused_by_name(change, message):
    layer = nn.Conv2d(4, 4, 3)
    if change is bounded_norms:
        nn.utils.parametrizations.weight_norm(layer)
    with pytest.raises(ConversionError, match=message):
        from_module(Net(None, Changed(change, layer)).eval(), SHAPE, RAW)


def test_a_parameter_is_changed_once_at_its_use():
    """The numbers of a parameter are not changed by the evaluation of a call."""

    class Halved(nn.Conv2d):
        def forward(self, x):
            return F.conv2d(x, self.weight.detach().mul_(0.5), self.bias)

    layer = Halved(4, 4, 3)
    before = layer.weight.detach().clone()
    from_module(Net(None, layer).eval(), SHAPE, RAW)
    assert torch.equal(layer.weight, before)


def test_numbers_of_a_value_are_refused():
    def assigned(x):
        y = torch.relu(x)
        y.data = y * 2
        return y

    with pytest.raises(ConversionError, match="assigns to the numbers of a value; expected a new value"):
        from_module(Net(assigned).eval(), SHAPE, RAW)
