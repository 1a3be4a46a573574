"""Values that torch.stack joins along a new axis: read if they are scaled and added up along it, else refused."""

import pytest
import torch
from torch import nn

from onnx_forms import RAW
from source_networks.around import SHAPE, Net, compare
from spikelet.errors import ConversionError
from spikelet_converters.frontends.torch import from_module, from_program

TWO = torch.tensor([0.5, 2.0])


def pair(x, axis=0):
    return torch.stack([torch.relu(x), torch.relu(-x)], axis)


ADDED = {
    "a sum": lambda x: pair(x, 1).sum(1),
    "a weighted sum": lambda x: (pair(x) * TWO.view(2, 1, 1, 1, 1)).sum(0),
    "a weighted sum along a middle axis": lambda x: (pair(x, 2) / TWO[:, None, None] + 1).mean(2),
    "a weighted sum along the last axis": lambda x: (pair(x, -1) * TWO).sum(-1),
    "weights of every value and channel": lambda x: (pair(x) * torch.arange(8.0).view(2, 1, 4, 1, 1)).sum(0),
    "a product with weights": lambda x: pair(x, -1) @ TWO,
    "einsum": lambda x: torch.einsum("k,kbchw->bchw", TWO, pair(x)),
    "einsum of channels": lambda x: torch.einsum("bchwk,ock->bohw", pair(x, -1), torch.arange(32.0).view(4, 4, 2) / 16 - 1),
    "tensordot": lambda x: torch.tensordot(TWO, pair(x), dims=1),
    "a difference of stacks": lambda x: (torch.relu(pair(x) - 0.5) - 2 * pair(-x)).sum(0),
    "a value that is added to each": lambda x: (pair(x) + x).mean(0),
    "a constant": lambda x: torch.stack([x.relu(), torch.arange(4.0)[:, None, None].expand_as(x)]).sum(0),
    "axes of pixels too": lambda x: pair(x, 2).sum((2, 3))[:, :, None],
}  # fmt: skip


@pytest.mark.parametrize("form", ADDED)
def test_values_that_are_added_up(form):
    network = Net(ADDED[form]).eval()
    compare(network, from_module(network, SHAPE, RAW))


@pytest.mark.parametrize("form", ["a weighted sum", "a product with weights", "tensordot"])
def test_values_of_an_exported_program(form):
    network = Net(ADDED[form]).eval()
    program = torch.export.export(network, (torch.zeros(2, *SHAPE),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    compare(network, from_program(program, RAW))


OTHERS = {
    "the output": lambda x: pair(x), "an index": lambda x: pair(x)[0], "a reshape": lambda x: pair(x, 1).flatten(1, 2),
    "sizes": lambda x: x * pair(x).shape[0], "another axis": lambda x: pair(x).sum((3, 4)), "kept": lambda x: pair(x).sum(0, True),
    "new columns": lambda x: pair(x) @ torch.ones(7, 7), "two axes": lambda x: (pair(x, 1) + pair(x, 2)).sum(1),
    "a function": lambda x: nn.functional.conv2d(pair(x), torch.ones(4, 4, 1, 1)), "two stacks": lambda x: (pair(x) @ pair(x)).sum(0),
    "a stack of stacks": lambda x: torch.stack([pair(x), pair(-x)]).sum((0, 1)),
    "a value behind": lambda x: (pair(x, 1) + x.mean((2, 3), True)).sum(1),
}  # fmt: skip


@pytest.mark.parametrize("form", OTHERS)
def test_other_uses_are_refused(form):
    message = "new axis of activations is only read if they are added|a product of activations"
    with pytest.raises(ConversionError, match=message):
        from_module(Net(OTHERS[form]).eval(), SHAPE, RAW)


def test_a_stack_that_a_layer_takes_is_refused():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.head = nn.Linear(12, 4), nn.Linear(4, 2)

        def forward(self, x):
            x = torch.relu(self.fc(x.flatten(1)))
            return self.head(torch.stack([x, x])).sum(0)

    with pytest.raises(ConversionError, match="`stack` at node .* new axis of activations is only read"):
        from_module(Both().eval(), (3, 2, 2), RAW)
