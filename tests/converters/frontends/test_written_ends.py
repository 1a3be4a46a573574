"""Functions of the classes at the end that a network writes out: softmax, log_softmax, and the index of the largest."""

import numpy as np
import pytest
import torch
from torch import nn

from onnx_forms import RAW, SHAPE, body, logits, model, n, pixels
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read
from spikelet_converters.frontends.torch import from_module, from_program


def shifted(x):
    return x - x.max(1, keepdim=True)[0]


def exponentials(x):
    e = torch.exp(x)
    return e / e.sum(1, keepdim=True)


def log_of_the_sum(x):
    return x - torch.log(torch.exp(x).sum(dim=1, keepdim=True))


FORMS = {
    "exp / sum": (exponentials, "softmax"),
    "exp / sum of x - max": (lambda x: exponentials(shifted(x)), "softmax"),
    "exp / sum of x - amax": (lambda x: exponentials(x - x.amax(1, keepdim=True).detach()), "softmax"),
    "exp / sum of a scaled value": (lambda x: exponentials(x / 2.0), "softmax"),
    "exp twice": (lambda x: torch.exp(x) / torch.exp(x).sum(1, keepdim=True), "softmax"),
    "softmax of x - max": (lambda x: torch.softmax(x - x.max(dim=1, keepdim=True).values, 1), "softmax"),
    "logsumexp": (lambda x: x - torch.logsumexp(x, 1, keepdim=True), "log_softmax"),
    "log of the sum": (log_of_the_sum, "log_softmax"),
    "log of the sum of x - max": (lambda x: log_of_the_sum(shifted(x)), "log_softmax"),
    "max(1)[1]": (lambda x: x.max(1)[1], "argmax"),
    "max.indices": (lambda x: torch.max(x, dim=1).indices, "argmax"),
    "max(1)[1] of a softmax": (lambda x: torch.max(torch.softmax(x, 1), 1)[1], "argmax"),
    "topk(1)[1]": (lambda x: x.topk(1)[1], "argmax"),
}


class Net(nn.Module):
    def __init__(self, end):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.end = nn.Linear(6, 8), nn.Linear(8, 4), end

    def forward(self, x):
        return self.end(self.second(torch.relu(self.first(x))))


@pytest.mark.parametrize("form", FORMS)
def test_it_is_left_out(form):
    function, ending = FORMS[form]
    network = Net(function).eval()
    plain = from_module(Net(lambda x: x / 2.0 if "scaled" in form else x).eval(), (6,))
    for source in (
        from_module(network, (6,)),
        from_program(torch.export.export(network, (torch.zeros(2, 6),))),
    ):
        assert source.ending == ending
        assert np.array_equal(logits(source, pixels((6,))), logits(plain, pixels((6,))))
        assert check_graph(source, None) < 1e-3


ONNX_ENDS = {
    "Exp, ReduceSum, Div": ([n("Exp", ["z"], ["e"]), n("ReduceSum", ["e", "axis"], ["s"]), n("Div", ["e", "s"], ["y"])], "softmax"),
    "ReduceMax, Sub, Exp": (
        [n("ReduceMax", ["z"], ["m"], axes=[1]), n("Sub", ["z", "m"], ["d"]), n("Exp", ["d"], ["e"]),
         n("ReduceSum", ["e", "axis"], ["s"]), n("Div", ["e", "s"], ["y"])], "softmax"),
    "ReduceMax, Sub, Softmax": (
        [n("ReduceMax", ["z"], ["m"], axes=[-1]), n("Sub", ["z", "m"], ["d"]), n("Softmax", ["d"], ["y"], axis=1)], "softmax"),
    "ReduceLogSumExp": ([n("ReduceLogSumExp", ["z"], ["s"], axes=[1]), n("Sub", ["z", "s"], ["y"])], "log_softmax"),
    "Exp, ReduceSum, Log": (
        [n("Exp", ["z"], ["e"]), n("ReduceSum", ["e", "axis"], ["s"]), n("Log", ["s"], ["l"]), n("Sub", ["z", "l"], ["y"])],
        "log_softmax"),
}  # fmt: skip


def ended(*nodes):
    """Return a network whose logits are z, and nodes after them."""
    before = body(n("Relu", ["c"], ["r"]))
    before[-1].output[0] = "z"
    return [*before, *nodes]


@pytest.mark.parametrize("form", ONNX_ENDS)
def test_it_is_left_out_of_an_onnx_file(form, tmp_path):
    nodes, ending = ONNX_ENDS[form]
    source = read(model(tmp_path / "a.onnx", ended(*nodes), own={"axis": np.array([1])}), RAW)
    plain = read(model(tmp_path / "b.onnx", body(n("Relu", ["c"], ["r"]))), RAW)
    assert source.ending == ending
    assert np.array_equal(logits(source, pixels(SHAPE)), logits(plain, pixels(SHAPE)))
    assert check_graph(source, None) < 1e-2


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: torch.exp(x) / torch.exp(2 * x).sum(1, keepdim=True), "write a softmax at the end as one operation"),
        (lambda x: torch.exp(x).log(), "write a softmax at the end as one operation"),
        (lambda x: x.max(1)[0], "a maximum over axes .1. is not supported"),
        (lambda x: x.topk(2)[1], "a bundle returns the logits of all classes"),
    ],
)
def test_other_functions_are_refused(function, message):
    with pytest.raises(ConversionError, match=message):
        from_module(Net(function).eval(), (6,))
