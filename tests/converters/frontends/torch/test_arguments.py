"""Arguments of the importers of torch: values of other types are refused, and outputs are named by index or key."""

import numpy as np
import pytest
import torch
from torch import nn

from awkward_values import VALUES
from spikelet.errors import SpikeletError, UsageError
from spikelet_converters.frontends.torch import from_exported, from_module

NETWORK = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(4, 2)

    def forward(self, x):
        return self.first(x).relu(), self.second(x).relu()


@pytest.mark.parametrize("name", ["network", "shape", "preprocessing", "output", "max_pools", "low", "high"])
def test_an_argument_of_any_type_gives_a_source_or_an_error_of_spikelet(name):
    for value in VALUES:
        try:
            from_module(**{"network": NETWORK, "shape": (1, 2, 2), name: value})
        except SpikeletError:
            continue


@pytest.mark.parametrize("shape", [(), (0, 2, 2), (-4,), (1, 2, 2, 2, 2), (2.0, 2), "x", 4, None])
def test_a_shape_that_no_input_has(shape):
    with pytest.raises(UsageError, match=r"shape: expected \(F,\), \(C, L\), \(C, H, W\) or \(H, W\) of one input"):
        from_module(NETWORK, shape)


@pytest.mark.parametrize(("output", "classes"), [(0, 3), (np.int64(1), 2), ("1", 2)])
def test_an_output_is_named_by_its_index(output, classes):
    assert from_module(Two(), (4,), output=output).graph.classes == classes


def test_a_program_is_read_by_its_path_as_text(tmp_path):
    torch.export.save(torch.export.export(NETWORK, (torch.zeros(1, 1, 2, 2),)), tmp_path / "a.pt2")
    assert from_exported(str(tmp_path / "a.pt2")).graph.classes == 2
    with pytest.raises(UsageError, match="path: expected a path, found None"):
        from_exported(None)
