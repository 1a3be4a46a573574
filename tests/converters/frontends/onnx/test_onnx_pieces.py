"""Parts of values that are replaced, as torch's exporters write them, and pixels that are joined, split and repeated."""

import warnings

import numpy as np
import pytest
import torch

from onnx_forms import RAW, SHAPE, assert_same_logits, conv, model, n, tail
from source_networks.around import Net, compare
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read

OWN = {
    "first": np.array(0), "two": np.array(2), "four": np.array(4), "one": np.array(1), "start": np.array([2]),
    "end": np.array([4]), "last": np.array([-1]), "axis2": np.array([2]), "size": np.array([4, 7]),
    "row": np.array([[[[3]]]]), "again": np.array([[1], [1]]), "far": np.array([[9]]), "rows": np.array([3, 4]),
    "turned": np.array([1, 1, 2, 1]), "f8": np.random.default_rng(5).standard_normal((5, 8)).astype(np.float32),
    "beyond": np.array([[[[0, 1, 9, 0]]]]), "shuffled": np.array([[[[0, 0, 1, 2]]], [[[0, 1, 0, 0]]]]),
    "far_end": np.array([-(2**63)]),
}  # fmt: skip
NEW = [conv(), n("Relu", ["c"], ["p"]), n("Neg", ["c"], ["e"]), n("Relu", ["e"], ["m"])]


def along(axis, indices, new="cut", order=None, **options):
    """Return ScatterND along an axis, between two transpositions."""
    order = order or {1: [1, 0, 2, 3], 2: [2, 1, 0, 3]}[axis]
    return [
        n("Transpose", ["p"], ["t"], perm=order), n("Transpose", [new], ["u"], perm=order),
        n("ScatterND", ["t", indices, "u"], ["s"], **options), n("Transpose", ["s"], ["r"], perm=order), *tail(),
    ]  # fmt: skip


RANGE = [
    n("Shape", ["p"], ["shape"]), n("Gather", ["shape", "two"], ["size2"]), n("Range", ["first", "size2", "one"], ["all"]),
    n("Slice", ["all", "start", "end"], ["some"]), n("Unsqueeze", ["some", "last"], ["places"]),
]  # fmt: skip
FORMS = {
    "rows": [*NEW, *RANGE, n("Slice", ["m", "start", "end", "axis2"], ["cut"]), *along(2, "places")],
    "channels": [*NEW, *RANGE, n("Slice", ["m", "start", "end", "one1"], ["cut"]), *along(1, "places")],
    "one row": [
        *NEW, n("Slice", ["m", "start", "end", "axis2"], ["both"]), n("Slice", ["both", "one1", "start", "axis2"], ["cut"]),
        n("Shape", ["cut"], ["shape"]), n("Expand", ["row", "shape"], ["places"]),
        n("ScatterElements", ["p", "places", "cut"], ["r"], axis=2), *tail()],
    "rows and their mirror image": [
        *NEW, n("Slice", ["m", "last", "far_end", "axis2", "last"], ["turn"]),
        n("Concat", ["p", "turn"], ["both"], axis=2), n("Split", ["both", "rows3"], ["top", "rest", "end_"], axis=2),
        n("Concat", ["end_", "rest"], ["r"], axis=2), *tail()],
    "rows repeated": [*NEW, n("Tile", ["p", "turned"], ["q"]), n("Add", ["q", "q"], ["r"]), *tail()],
    "HardSigmoid": [conv(), n("Mul", ["c", "hundredth"], ["h"]), n("HardSigmoid", ["h"], ["r"], alpha=0.3, beta=0.4), *tail()],
    "the mean of channels": [*NEW, n("ReduceMean", ["p"], ["q"], axes=[1]), n("Sub", ["m", "q"], ["d"]),
                             n("Relu", ["d"], ["r"]), *tail()],
}  # fmt: skip
OWN |= {"one1": np.array([1]), "rows3": np.array([3, 8, 3]), "hundredth": np.float32(1e-2)}


@pytest.mark.parametrize("form", FORMS)
def test_the_imported_graph_computes_the_outputs_of_onnx_runtime(form, tmp_path):
    assert_same_logits(model(tmp_path / "a.onnx", FORMS[form], own=OWN))


def patch(x):
    x = torch.relu(x)
    x[:, 1:3, 2:5, 3] = 0.5
    return x


def row(x):
    x = torch.relu(x)
    x[:, :, 3] = x[:, :, 4] * 0.5
    return x


def moved(x):
    x = torch.relu(x)
    y = torch.zeros_like(x)
    y[:, :, 1:, 2:] = x[:, :, :-1, :-2]
    return y


@pytest.mark.parametrize("between", [patch, row, moved])
def test_coordinates_of_every_number(between, tmp_path):
    """The first exporter of torch computes them from the size of the batch."""
    network, path = Net(between).eval(), tmp_path / "a.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the exporter
        torch.onnx.export(
            network, (torch.zeros(2, *SHAPE),), path, dynamo=False, dynamic_axes={"x": [0]}, input_names=["x"]
        )
    compare(network, read(path, RAW))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([*NEW, n("ScatterND", ["p", "shuffled", "m"], ["r"]), *tail()], "replaces numbers at places that are not the same"),
        ([*NEW, n("ScatterND", ["p", "beyond", "zero1"], ["r"]), *tail()], "assigns beyond .N, 4, 7, 7."),
        ([*NEW, n("Slice", ["m", "start", "end", "axis2"], ["cut"]), *along(2, "again")],
         r"assigns at indices \[1, 1\]; expected each of them once"),
        ([*NEW, n("Slice", ["m", "start", "end", "axis2"], ["cut"]), *along(2, "far")], r"assigns at indices \[9\] of 7"),
        ([*NEW, n("ScatterElements", ["p", "row", "zero4"], ["r"], axis=2, reduction="add"), *tail()], "or adds to them"),
        ([*NEW, n("ScatterElements", ["p", "row", "zero4"], ["r"], axis=2), *tail()], "replaces numbers at places that are not"),
        ([*NEW, n("Slice", ["m", "start", "end", "axis2"], ["cut"]), *along(2, "places2", reduction="add")], "or adds to them"),
        ([*NEW, n("ScatterND", ["p", "sample", "short"], ["r"]), *tail()],
         r"assigns numbers \(1, 5, 6\) at indices \(1, 2\) of \(N, 4, 7, 7\), which do not fit"),
        ([*NEW, n("Slice", ["p", "first1", "end", "axis2", "last"], ["r"]), *tail()], "takes none of 7 pixels"),
        ([*NEW, n("Concat", ["p", "m"], ["r"], axis=0), *tail()], "concatenates along axis 0; expected the channels"),
        ([*NEW, n("Split", ["p", "rows"], ["r", "s"], axis=2), n("Add", ["r", "s"], ["q"]), *tail("q")],
         r"adds shapes \(4, 3, 7\) and \(4, 4, 7\)"),
        ([*NEW, n("Split", ["p", "size"], ["r", "s"], axis=2), *tail()], r"splits 7 pixels into \[4, 7\]"),
    ],
)  # fmt: skip
def test_others_are_refused(nodes, message, tmp_path):
    own = OWN | {
        "zero4": np.zeros((1, 1, 1, 1), np.float32), "places2": np.array([[2], [3]]), "first1": np.array([0]),
        "sample": np.array([[0, 1]]), "short": np.zeros((1, 5, 6), np.float32),
    }  # fmt: skip
    with pytest.raises(ConversionError, match=message):
        read(model(tmp_path / "a.onnx", nodes, own=own), RAW)


@pytest.mark.parametrize("samples", [[0], [0, 1], [0, 1, 2, 3]])
def test_a_fixed_batch_is_assigned_as_a_whole_or_refused(samples, tmp_path):
    """torch's first exporter writes the coordinates of every sample."""
    own = {
        "indices": np.array([[sample, 2] for sample in samples]),
        "new": np.full((len(samples), 7, 7), 0.5, np.float32),
    }
    path = model(tmp_path / "a.onnx", [*NEW, n("ScatterND", ["p", "indices", "new"], ["r"]), *tail()], batch=4, own=own)
    if len(samples) == 4:
        assert check_graph(read(path, RAW), None) < 1e-2
    else:
        with pytest.raises(ConversionError, match="replaces numbers at places that are not the same"):
            read(path, RAW)


def test_constants_are_assigned_to_as_onnx_states(tmp_path):
    """ScatterND between two transpositions of constants, which is evaluated."""
    nodes = [
        *NEW, n("Transpose", ["image"], ["t"], perm=[1, 0, 2, 3]), n("ScatterND", ["t", "again1", "new"], ["s"]),
        n("Transpose", ["s"], ["mask"], perm=[1, 0, 2, 3]), n("Mul", ["p", "mask"], ["r"]), *tail(),
    ]  # fmt: skip
    own = {
        "image": np.ones((1, 4, 1, 1), np.float32),
        "again1": np.array([[1]]),
        "new": np.full((1, 1, 1, 1), 0.5, np.float32),
    }
    path = model(tmp_path / "a.onnx", nodes, own=own)
    assert check_graph(read(path, RAW), None) < 1e-2
