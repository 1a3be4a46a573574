"""Outputs of torch networks: classes, one logit, one of several outputs, outputs in a dictionary."""

import numpy as np
import pytest
import torch
from torch import nn

from onnx_forms import RAW, logits, pixels
from source_networks.around import SHAPE
from spikelet.errors import ConversionError, UsageError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.torch import from_module, from_program


class Answers(nn.Module):
    """A classifier that returns classes, or one logit without an axis."""

    def __init__(self, end, classes):
        super().__init__()
        torch.manual_seed(4)
        self.conv, self.fc, self.end = nn.Conv2d(3, 4, 3), nn.Linear(4, classes), end

    def forward(self, x):
        return self.end(self.fc(torch.relu(self.conv(x)).mean((2, 3))))


ANSWERS = {
    "argmax": (lambda x: x.argmax(1), 5),
    "argmax, keepdim": (lambda x: torch.argmax(x, dim=-1, keepdim=True), 5),
    "softmax, argmax": (lambda x: torch.softmax(x, 1).argmax(1), 5),
    "one logit": (lambda x: x.squeeze(1), 1),
    "one logit, view": (lambda x: x.view(-1), 1),
    "one logit, sigmoid": (lambda x: torch.sigmoid(x.squeeze(-1)), 1),
    "sigmoid, one logit": (lambda x: torch.sigmoid(x).squeeze(), 1),
    "sigmoid, scaled": (lambda x: torch.sigmoid(x) * 2 - 1, 5),
    "softmax, percent": (lambda x: 100 * torch.softmax(x, 1), 5),
    "softmax, percent, argmax": (lambda x: (torch.softmax(x, 1) / 0.01).argmax(1), 5),
}


@pytest.mark.parametrize("end", ANSWERS)
def test_classes_and_one_logit(end):
    function, classes = ANSWERS[end]
    network = Answers(function, classes).eval()
    plain = Answers(nn.Identity(), classes).eval()
    images = torch.from_numpy(pixels(SHAPE))
    with torch.no_grad():
        expected = plain(images).numpy()
    program = torch.export.export(network, (torch.zeros(2, *SHAPE),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for source in (from_module(network, SHAPE, RAW), from_program(program, RAW)):
        assert source.ending == next((kind for kind in ("argmax", "sigmoid", "softmax") if kind in end), "logits")
        assert np.allclose(logits(source, pixels(SHAPE)), expected, atol=1e-3 * np.abs(expected).max())
        assert check_graph(source, None) is not None


class Several(nn.Module):
    def __init__(self, form):
        super().__init__()
        torch.manual_seed(5)
        self.conv, self.a, self.b = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), nn.Linear(4, 3)
        self.form = form

    def forward(self, x):
        x = torch.relu(self.conv(x)).mean((2, 3))
        first, second = self.a(x), self.b(x)
        if self.form == "one key":
            return {"logits": (first,)}
        return {"logits": first, "other": second} if self.form == "keys" else (first, torch.softmax(second, 1))


@pytest.mark.parametrize(("form", "output", "classes"), [("keys", "other", 3), ("keys", "logits", 5), ("index", "0", 5), ("index", "1", 3)])  # fmt: skip
def test_one_of_several_outputs(form, output, classes):
    network = Several(form).eval()
    source = from_module(network, SHAPE, RAW, output=output)
    assert source.graph.classes == classes
    assert check_graph(source, None) < 1e-3
    with pytest.raises(ConversionError, match="the network returns 2 values; expected the logits alone"):
        from_module(network, SHAPE, RAW)
    with pytest.raises(UsageError, match="the network has no output '7'; expected"):
        from_module(network, SHAPE, RAW, output="7")


def test_one_output_in_a_dictionary():
    source = from_module(Several("one key").eval(), SHAPE, RAW)
    assert source.graph.classes == 5
    assert check_graph(source, None) < 1e-3


def test_one_of_several_outputs_of_an_exported_program():
    program = torch.export.export(Several("index").eval(), (torch.zeros(2, *SHAPE),))
    source = from_program(program, RAW, output="1")
    assert (source.graph.classes, source.ending) == (3, "softmax")
    assert check_graph(source, None) < 1e-3
