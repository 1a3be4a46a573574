"""Parts of values: pixels and channels that are assigned to, joined, divided, repeated and averaged."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onnx_forms import RAW
from source_networks.around import SHAPE, Net, compare
from spikelet.errors import ConversionError
from spikelet_converters.frontends.torch import from_module, from_program


def assigned(*assignments):
    """Return a function that rectifies a value and changes parts of it."""

    def between(x):
        before = torch.relu(x)
        after = before.clone()
        for assign in assignments:
            assign(after, before)
        return after

    return between


def shifted(x):
    """Move groups of channels in four directions."""
    x = torch.relu(x)
    y = torch.zeros_like(x)
    y[:, :1, 1:] = x[:, :1, :-1]
    y[:, 1:2, :-1] = x[:, 1:2, 1:]
    y[:, 2:3, :, 1:] = x[:, 2:3, :, :-1]
    y[:, 3:, :, :-1] = x[:, 3:, :, 1:]
    return y


def among_zeros(x):
    y = x.new_zeros(x.shape[0], 4, 14, 9)
    y[:, :, ::2, 1:8] = torch.relu(x)
    return y


ASSIGNED = {
    "a row of zeros": assigned(lambda y, x: y[:, :, 0].zero_()),
    "columns of one number": assigned(lambda y, x: y[..., -2:].fill_(0.3)),
    "rows that are added": assigned(lambda y, x: y[:, :, 1:].add_(x[:, :, :-1])),
    "a row that is copied": assigned(lambda y, x: y[:, :, 3].copy_(x[:, :, 4])),
    "every second pixel": assigned(lambda y, x: y[:, :, ::2, ::2].zero_()),
    "a patch of some channels": assigned(lambda y, x: y[:, 1:3, 2:5, 3].mul_(0.5)),
    "channels, then rows": assigned(lambda y, x: y[:, 2].fill_(0.25), lambda y, x: y[:, :, -1].zero_()),
    "indices": assigned(lambda y, x: y.__setitem__((slice(None), slice(None), [0, -1]), 0.0)),
    "channels by index": assigned(lambda y, x: y.__setitem__((slice(None), [2, 0]), x[:, 1:3])),
    "a whole value": assigned(lambda y, x: y.__setitem__(slice(None), x.mean(1, keepdim=True))),
    "all rows by numbers": lambda x: torch.relu(x) + torch.slice_scatter(x, torch.full_like(x, 0.5), 2, 0, 7),
    "shifts": shifted,
    "pixels among zeros": among_zeros,
}  # fmt: skip

PIECES = {
    "columns around": (lambda x: torch.cat([torch.relu(x)[..., -1:], x.relu(), x.relu()[..., :1]], -1), 4),
    "rows of numbers": (lambda x: torch.cat([torch.relu(x), torch.full((len(x), 4, 2, 7), 0.3)], 2), 4),
    "chunks of rows": (lambda x: torch.cat(torch.relu(x)[:, :, :6].chunk(3, 2), 1), 12),
    "halves exchanged": (lambda x: torch.cat(torch.relu(x).split([3, 4], 3)[::-1], 3), 4),
    "rows repeated": (lambda x: torch.relu(x).repeat(1, 2, 2, 1), 8),
    "pixels interleaved": (lambda x: torch.relu(x).repeat_interleave(2, 2).repeat_interleave(2, 3), 4),
    "rows cut off and added": (lambda x: F.pad(torch.relu(x), (-1, 2, 0, -1)), 4),
    "channels cut off": (lambda x: F.pad(torch.relu(x), (0, 0, 0, 0, 2, -2)), 4),
    "padding, then channels": (lambda x: F.pad(torch.relu(x), (1, 1, 1, 1))[:, [1, 0]], 2),
    "the mean of channels": (lambda x: torch.relu(x) - 0.1 * torch.relu(x).sum(1, keepdim=True), 4),
    "the mean of channels and rows": (lambda x: torch.relu(x).mean((1, 2), keepdim=True), 1),
    "a divisor": (lambda x: F.avg_pool2d(torch.relu(x), 3, 2, 1, False, False, 2), 4),
}  # fmt: skip


@pytest.mark.parametrize("piece", [*ASSIGNED, *PIECES])
def test_a_piece_of_a_module(piece):
    between, channels = PIECES.get(piece) or (ASSIGNED[piece], 4)
    network = Net(between, channels=channels).eval()
    compare(network, from_module(network, SHAPE, RAW))


@pytest.mark.parametrize("piece", ["every second pixel", "indices", "shifts", "rows repeated", "halves exchanged"])
def test_a_piece_of_a_program(piece):
    between, channels = PIECES.get(piece) or (ASSIGNED[piece], 4)
    network = Net(between, channels=channels).eval()
    program = torch.export.export(network, (torch.zeros(2, *SHAPE),), dynamic_shapes=({0: torch.export.Dim("n")},))
    compare(network, from_program(program, RAW))


@pytest.mark.parametrize(
    ("between", "message"),
    [
        (lambda x: torch.cat([x, x], 0), "concatenates along axis 0; expected the channels"),
        (lambda x: torch.cat([x, x[:, :, 1:]], 3), r"takes \(N, 4, 7, 7\) and \(N, 4, 6, 7\); expected equal sizes of"),
        (lambda x: torch.relu(x).chunk(2, 0)[0], "splits along axis 0; expected the channels"),
        (lambda x: torch.relu(x).split([3, 3], 2)[0], r"splits 7 pixels into \[3, 3\]; expected as many in all"),
        (lambda x: torch.relu(x).repeat(2, 1, 1, 1), "repeats along axis 0; expected the channels"),
        (lambda x: torch.relu(x).repeat(2, 1, 1), "repeats 3 axes; expected 4"),
        (lambda x: F.avg_pool2d(torch.relu(x), 2, ceil_mode=True, divisor_override=3), "divides by 3, with ceil_mode"),
        (assigned(lambda y, x: y[:1].zero_()), "takes a slice of the batch; expected channels"),
    ],
)
def test_what_is_refused(between, message):
    with pytest.raises(ConversionError, match=message):
        from_module(Net(between).eval(), SHAPE, RAW)


class Voting(nn.Module):
    """Features of which groups vote for a class."""

    def __init__(self, votes):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.groups, self.votes = nn.Linear(6, 8), nn.Linear(8, 20), votes

    def forward(self, x):
        return self.votes(torch.relu(self.groups(torch.relu(self.first(x / 100)))))


@pytest.mark.parametrize(
    "votes",
    [
        lambda x: x.view(-1, 5, 4).mean(-1),
        lambda x: x.reshape(x.shape[0], 5, 4).sum(2) / 4,
        lambda x: x.unflatten(1, (4, 5)).mean(1, keepdim=True).squeeze(1),
        lambda x: x.view(-1, 4, 5).transpose(1, 2).flatten(1).view(-1, 5, 4).sum(2),
        lambda x: F.avg_pool1d(x.unsqueeze(1), 4).squeeze(1),
        lambda x: x[:, :5] - x[:, 5:].mean(1, keepdim=True),
    ],
)
def test_groups_of_features_vote(votes):
    network = Voting(votes).eval()
    compare(network, from_module(network, (6,), RAW), (6,))


@pytest.mark.parametrize(
    "votes",
    [
        lambda x: F.avg_pool1d(x.unsqueeze(1), 4, 2).squeeze(1),
        lambda x: x.view(-1, 5, 4).softmax(2).mean(2),
        lambda x: x.view(-1, 1, 4, 5).mean((2, 3)),
    ],
)
def test_other_groups_are_refused(votes):
    with pytest.raises(ConversionError, match=r"expected features to stay \(N, 20\)"):
        from_module(Voting(votes).eval(), (6,), RAW)


def test_rows_as_features():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), Mean((1, 3)), nn.Linear(7, 3)).eval()
    compare(network, from_module(network, SHAPE, RAW))


class Mean(nn.Module):
    def __init__(self, axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.mean(self.axes)
