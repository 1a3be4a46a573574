"""Linear maps written as products, and images with pixels as one axis or channels as two: imported exactly or refused."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onnx_forms import RAW
from source_networks.around import SHAPE, Net, compare
from spikelet.errors import ConversionError
from spikelet_converters.frontends.torch import from_module, from_program


def weights(*shape):
    return torch.tensor(np.random.default_rng(7).normal(0, 0.4, shape), dtype=torch.float32)


def windows(x):
    """A convolution of kernel 3 as a product with the pixels of its windows."""
    return (weights(6, 36) @ F.unfold(torch.relu(x), 3, padding=1, stride=2) + weights(6, 1)).view(-1, 6, 4, 4)


def mixed(x):
    """A block of an MLP-Mixer: a layer over the pixels, then one over the channels of every pixel."""
    tokens = torch.relu(x).flatten(2).transpose(1, 2) + weights(1, 49, 4)
    hidden = torch.relu(F.linear(tokens.transpose(1, 2), weights(5, 49), weights(5)))
    tokens = tokens + F.linear(hidden, weights(49, 5), weights(49)).transpose(1, 2)
    return (tokens + torch.relu(tokens @ weights(4, 4))).transpose(1, 2).reshape(-1, 4, 7, 7)


PRODUCTS = {
    "einsum of rows": (lambda x: torch.einsum("bchw,hk->bckw", torch.relu(x), weights(7, 3)), 4),
    "einsum that moves the channels": (lambda x: torch.einsum("bchw,co->bhwo", torch.relu(x), weights(4, 6)).movedim(3, 1), 6),
    "einsum of several weights": (
        lambda x: torch.einsum("bchw,oc,co,hw->bohw", torch.relu(x), weights(6, 4), weights(4, 6), weights(7, 7)), 6),
    "einsum with weights of every pixel": (lambda x: torch.einsum("bchw,ochw->bohw", torch.relu(x), weights(6, 4, 7, 7)), 6),
    "einsum without weights": (lambda x: torch.einsum("bchw->bcw", torch.relu(x))[:, :, None], 4),
    "einsum of weights alone": (lambda x: torch.einsum("bchw,k,l->bchw", torch.relu(x), weights(3).abs(), weights(2).abs()), 4),
    "einsum of a diagonal": (lambda x: torch.einsum("bchw,cc->bchw", torch.relu(x), weights(4, 4)), 4),
    "einsum of a factor of every pixel": (lambda x: torch.einsum("bchw,hw->bhwc", torch.relu(x), weights(7, 7)).movedim(3, 1), 4),
    "tensordot": (lambda x: torch.tensordot(torch.relu(x), weights(4, 6), dims=([1], [0])).movedim(3, 1), 6),
    "tensordot of the last axes": (lambda x: torch.tensordot(torch.relu(x), weights(7, 7, 3), dims=2)[..., None], 4),
    "a product with the columns": (lambda x: torch.relu(x) @ weights(7, 5), 4),
    "a product with the rows": (lambda x: weights(5, 7) @ torch.relu(x), 4),
    "a layer over the columns": (lambda x: F.linear(torch.relu(x), weights(5, 7), weights(5)), 4),
    "weights of every channel by the rows": (lambda x: weights(4, 5, 7) @ torch.relu(x), 4),
    "columns by weights of every channel": (lambda x: torch.relu(x) @ weights(4, 7, 7), 4),
    "weights with axes of size 1": (lambda x: weights(1, 1, 5, 7) @ torch.relu(x) @ weights(1, 4, 7, 3), 4),
    "unfold": (windows, 6),
    "unfold and fold": (lambda x: F.fold(F.unfold(torch.relu(x), 3, dilation=2, padding=1), (7, 7), 3, dilation=2, padding=1), 4),
    "windows of whole columns": (lambda x: F.fold(F.unfold(torch.relu(x), (7, 1)) - 0.5, (7, 7), (7, 1)), 4),
    "a window of all pixels": (lambda x: F.fold(F.unfold(torch.relu(x), 7), (7, 7), 7), 4),
    "windows apart": (lambda x: F.fold(F.unfold(torch.relu(x), 2, stride=3), (7, 6), 2, stride=3), 4),
    "a mixer": (mixed, 4),
    "a layer of every pixel": (lambda x: F.linear(x.permute(0, 2, 3, 1).reshape(-1, 49, 4), weights(6, 4), weights(6)).relu()
                               .movedim(2, 1).unflatten(2, (7, 7)), 6),
    "a mean of pixels": (lambda x: torch.relu(x).flatten(2).transpose(1, 2).mean(1, keepdim=True).transpose(1, 2)[..., None], 4),
    "a convolution of one axis": (lambda x: F.conv1d(torch.relu(x).flatten(2), weights(6, 4, 1), weights(6))[:, :, None], 6),
    "neighbours along one axis": (lambda x: F.conv1d(torch.relu(x).flatten(2), weights(6, 4, 5), stride=3)[:, :, None], 6),
    "pixels from a place on": (lambda x: torch.relu(x).flatten(2)[:, :, 10:].unsqueeze(2), 4),
    "pixels of one axis, scaled": (lambda x: (x.flatten(2) * weights(1, 1, 49) + weights(4, 1)).clamp(-1, 2).view_as(x), 4),
    "factors and numbers of every pixel of a padded image": (
        lambda x: F.pad(torch.relu(x), (1, 0, 0, 1)) * weights(8, 1) + weights(1, 8, 8), 4),
    "factors of groups of channels": (
        lambda x: torch.relu(x.view(-1, 2, 2, 7, 7) * weights(1, 2, 1, 1, 1) - weights(2, 2, 1, 1)).flatten(1, 2), 4),
    "a mean of groups of channels": (lambda x: torch.relu(x).view(-1, 2, 2, 7, 7).mean(1), 2),
    "a sum over groups and their channels": (lambda x: torch.relu(x).view(-1, 2, 2, 7, 7).sum((1, 2))[:, None], 1),
    "sums in groups of channels": (lambda x: torch.relu(x.view(-1, 1, 4, 7, 7).sum(2, keepdim=True)).flatten(1, 2), 1),
    "channels expanded in groups": (lambda x: torch.relu(x)[:, :, None].expand(-1, -1, 3, -1, -1).reshape(-1, 12, 7, 7), 12),
    "groups of channels expanded": (lambda x: torch.relu(x)[:, None].expand(-1, 2, -1, -1, -1).flatten(1, 2), 8),
    "groups of channels, rectified": (lambda x: torch.relu(x.view(-1, 2, 2, 7, 7) * 0.5 + 1).transpose(1, 2).flatten(1, 2), 4),
}  # fmt: skip


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_is_imported(product):
    between, channels = PRODUCTS[product]
    network = Net(between, channels=channels).eval()
    compare(network, from_module(network, SHAPE, RAW))


class Features(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.body, self.between, self.head = Net(None), between, nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.relu(self.between(torch.relu(self.body.conv(x)))))


FEATURES = {
    "einsum of all pixels": lambda x: torch.einsum("bchw,ochw->bo", x, weights(6, 4, 7, 7)),
    "einsum with a sum of pixels": lambda x: torch.einsum("bchw,kc->bk", x, weights(6, 4)) / 49,
    "einsum of pixels of one axis": lambda x: torch.einsum("bcp,kcp->bk", x.flatten(2), weights(6, 4, 49)),
    "einsum of an ellipsis": lambda x: torch.einsum("...f,kf", x.mean((2, 3)), weights(6, 4)),
    "einsum of the sum of the features": lambda x: torch.einsum("bf,k->bk", x.mean((2, 3)), weights(6)),
    "inner": lambda x: torch.inner(x.mean((2, 3)), weights(6, 4)),
    "products in turn": lambda x: x.mean((2, 3)) @ weights(4, 3) @ weights(3, 6),
    "a weighted sum of rows": lambda x: (weights(7) @ x).flatten(1) @ weights(28, 6),
    "a norm of features in another order": lambda x: (
        F.batch_norm(x.movedim(1, 3).flatten(1), weights(196), weights(196).abs() + 0.5, weights(196), weights(196))
        @ weights(196, 6)
    ),
    "tokens as features": lambda x: F.linear(x.flatten(2).transpose(1, 2), weights(2, 4)).flatten(1) @ weights(98, 6),
}


@pytest.mark.parametrize("product", FEATURES)
def test_a_product_that_gives_features_is_imported(product):
    network = Features(FEATURES[product]).eval()
    compare(network, from_module(network, SHAPE, RAW))


@pytest.mark.parametrize("product", ["einsum of rows", "tensordot", "unfold", "unfold and fold", "a mixer"])
def test_a_product_of_an_exported_program_is_imported(product):
    between, channels = PRODUCTS[product]
    network = Net(between, channels=channels).eval()
    program = torch.export.export(network, (torch.zeros(2, *SHAPE),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    compare(network, from_program(program, RAW))


REFUSED = {
    "a product of activations": (lambda x: torch.einsum("bchw,bchw->bchw", x, x), "takes a product of activations"),
    "a product of activations by matmul": (lambda x: x @ x.transpose(2, 3), "a product of activations has no spiking form"),
    "the batch behind": (lambda x: torch.einsum("bchw->chwb", torch.relu(x)), "with the batch first"),
    "a sum over the batch": (lambda x: torch.tensordot(weights(2, 8), x, ([1], [0])), "with the batch first"),
    "a diagonal of a value": (lambda x: torch.einsum("bchh->bch", x), "with the batch first"),
    "a permutation of groups": (lambda x: torch.einsum("bgchw->bcghw", x.unflatten(1, (2, 2))), "sums 'bgchw->bcghw' of"),
    "two new axes": (lambda x: torch.einsum("bchw,cdk->bdkhw", x, weights(4, 2, 3)), "sums 'bchw,cdk->bdkhw' of"),
    "more axes of weights": (lambda x: x @ weights(2, 1, 1, 7, 7), "multiplies 4 axes by weights of 5"),
    "a sum over groups and pixels": (lambda x: x.view(-1, 2, 2, 7, 7).sum((1, 3)), "a sum or mean over axes .* of .N, 2, 2, H"),
    "a mean over the batch": (lambda x: x.mean((0, 2)), "a sum or mean over axes"),
    "windows of windows": (lambda x: x.unfold(2, 3, 1), "takes windows as axes of their own"),
    "weights on the left of features": (lambda x: weights(5, 4) @ x.mean((2, 3)), "on its left, W x"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_a_product_without_a_form_is_refused(form):
    between, message = REFUSED[form]
    with pytest.raises(ConversionError, match=message):
        from_module(Net(between).eval(), SHAPE, RAW)


@pytest.mark.parametrize(
    ("layer", "does"), [(nn.BatchNorm1d(9), "normalises"), (nn.PReLU(9), "has a slope for each index of")]
)
def test_a_layer_of_pixels_is_refused(layer, does):
    """BatchNorm1d of (N, H·W, C) normalises pixels, not channels, also with as many of both; slopes are of axis 1, too."""

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.layer, self.fc = nn.Conv2d(1, 9, 2), layer, nn.Linear(9, 2)

        def forward(self, x):
            return self.fc(self.layer(self.conv(x).flatten(2).transpose(1, 2)).mean(1))

    with pytest.raises(ConversionError, match=f"{does} an axis that is not the channels"):
        from_module(Tokens().eval(), (1, 4, 4), RAW)
