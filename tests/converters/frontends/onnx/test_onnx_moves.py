"""Sequences, stacks, and chosen channels and pixels, as torch's exporter writes them, are read as their values."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from onnx_forms import RAW, assert_same_logits, conv, model, n, tail
from spikelet.errors import ConversionError
from spikelet_converters.frontends.onnx import read

OWN = {
    "f8": np.random.default_rng(5).standard_normal((5, 8)).astype(np.float32),
    "first": np.array(0), "last": np.array(-1), "far": np.array(2), "axis": np.array([1]),
    "channels": np.array([[2], [0], [-1], [2]]), "pairs": np.array([[2, 0], [0, 1]]),
    "grid": np.stack(np.meshgrid([0, 0, 2, 2, 5], [6, 1, 1], indexing="ij"), -1), "rows": np.array([0, 0, 2, -1]),
    "diagonal": np.array([[[0, 0], [0, 1]], [[1, 1], [1, 0]]]), "many": np.array([1, -1, 7, 7]),
    "again": np.array([-1, 4, 7, 7]), "wrong": np.array([-1, 2, 14, 7]),
    **{f"norm{index}": np.random.default_rng(index).random(4, np.float32) + np.float32(0.5) for index in range(4)},
}  # fmt: skip
TWO = [conv(), n("Relu", ["c"], ["p"]), n("Neg", ["c"], ["e"]), n("Relu", ["e"], ["m"])]
PAIR = [*TWO, n("SequenceConstruct", ["p", "m"], ["s"])]


def unknown(name):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)


def mapped():
    """Return SequenceMap as written for hstack: values without axes get one, others stay."""
    reshaped = helper.make_graph([n("Reshape", ["e", "one"], ["inner"])], "then", [], [unknown("inner")])
    same = helper.make_graph([n("Identity", ["e"], ["inner2"])], "else", [], [unknown("inner2")])
    nodes = [
        n("Shape", ["e"], ["shape"]),
        n("Size", ["shape"], ["rank"]),
        n("Equal", ["rank", "first"], ["flat"]),  # a constant of the graph around it
        n("If", ["flat"], ["o"], then_branch=reshaped, else_branch=same),
    ]
    one = helper.make_tensor("one", TensorProto.INT64, [1], [1])
    return n("SequenceMap", ["s"], ["t"], body=helper.make_graph(nodes, "body", [unknown("e")], [unknown("o")], [one]))


def stacked(reduction, **attributes):
    parts = [n("Unsqueeze", [name, "axis"], [f"{name}1"]) for name in ("p", "m")]
    return [
        *TWO,
        *parts,
        n("Concat", ["p1", "m1"], ["joined"], axis=1),
        n(reduction, ["joined"], ["r"], **attributes),
        *tail(),
    ]


def normalised(sizes):
    """Return InstanceNorm with statistics of the training data, as torch's exporter writes it."""
    tiled = [f"tiled{index}" for index in range(4)]
    return [
        conv(), n("Shape", ["c"], ["count"], start=0, end=1), n("Reshape", ["c", "many"], ["joined"]),
        *(n("Tile", [f"norm{index}", "count"], [name]) for index, name in enumerate(tiled)),
        n("BatchNormalization", ["joined", *tiled], ["e"], epsilon=0.01), n("Reshape", ["e", sizes], ["t"]),
        n("Relu", ["t"], ["r"]), *tail(),
    ]  # fmt: skip


def picked(indices):
    """Return pixels at indices (height, width, 2), as torch's exporter writes them."""
    return [
        conv(), n("Transpose", ["c"], ["t"], perm=[2, 3, 0, 1]), n("GatherND", ["t", indices], ["u"], batch_dims=0),
        n("Transpose", ["u"], ["joined"], perm=[2, 3, 0, 1]), n("Relu", ["joined"], ["r"]), *tail(),
    ]  # fmt: skip


FORMS = {
    "InstanceNorm with statistics of the training data": normalised("again"),
    "pixels by indices of rows and columns": picked("grid"),
    "rows by index": [conv(), n("Gather", ["c", "rows"], ["joined"], axis=2), n("Relu", ["joined"], ["r"]), *tail()],
    "hstack": [*PAIR, mapped(), n("SequenceAt", ["t", "first"], ["u"]), n("SequenceAt", ["t", "last"], ["v"]),
               n("Concat", ["u", "v"], ["r"], axis=1), *tail(weight="f8")],
    "values of a sequence in another order": [
        *PAIR, n("SequenceAt", ["s", "last"], ["u"]), n("SequenceAt", ["s", "first"], ["v"]),
        n("Concat", ["u", "v"], ["r"], axis=1), *tail(weight="f8")],
    "ConcatFromSequence": [*PAIR, n("ConcatFromSequence", ["s"], ["r"], axis=1), *tail(weight="f8")],
    "ConcatFromSequence along a new axis": [
        *PAIR, n("ConcatFromSequence", ["s"], ["joined"], axis=1, new_axis=1),
        n("ReduceMean", ["joined"], ["r"], axes=[1], keepdims=0), *tail()],
    "the mean of a stack": stacked("ReduceMean", axes=[1], keepdims=0),
    "chosen channels": [
        conv(), n("Transpose", ["c"], ["t"], perm=[1, 0, 2, 3]), n("GatherND", ["t", "channels"], ["u"]),
        n("Transpose", ["u"], ["joined"], perm=[1, 0, 2, 3]), n("Relu", ["joined"], ["r"]), *tail()],
    "chosen features": [
        conv(), n("GlobalAveragePool", ["c"], ["g"]), n("Relu", ["g"], ["h"]),
        n("Flatten", ["h"], ["f"]),
        n("Transpose", ["f"], ["t"], perm=[1, 0]), n("GatherND", ["t", "channels"], ["u"], batch_dims=0),
        n("Transpose", ["u"], ["joined"], perm=[1, 0]), n("Gemm", ["joined", "f4", "bias"], ["y"], transB=1)],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_imported_graph_computes_the_outputs_of_onnx_runtime(form, tmp_path):
    assert_same_logits(model(tmp_path / "a.onnx", FORMS[form], own=OWN))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([*PAIR, n("SequenceAt", ["s", "far"], ["r"]), *tail()], "SequenceConstruct.*no exact spiking form"),
        ([*PAIR, n("SequenceLength", ["s"], ["joined"]), n("SequenceAt", ["s", "first"], ["u"]), n("Cast", ["joined"], ["l"], to=1),
          n("Mul", ["u", "l"], ["r"]), *tail()], "SequenceConstruct.*no exact spiking form"),
        (stacked("ReduceMean", axes=[1], keepdims=1), "concatenates along axis 1; expected the channels"),
        (stacked("ReduceMean", axes=[2], keepdims=0), "concatenates along axis 1; expected the channels"),
        ([conv(), n("Transpose", ["c"], ["t"], perm=[1, 0, 2, 3]), n("GatherND", ["t", "channels"], ["u"]),
          n("Transpose", ["u"], ["r"], perm=[0, 1, 3, 2]), *tail()], "expected the batch to stay first"),
        ([conv(), n("Transpose", ["c"], ["t"], perm=[1, 0, 2, 3]), n("GatherND", ["t", "pairs"], ["u"]),
          n("Transpose", ["u"], ["r"]), *tail()], "expected the batch to stay first"),
        (picked("diagonal"), "expected the batch to stay first"),
        (normalised("wrong"), r"reshapes \(N, 4, 7, 7\) to \[1, -1, 7, 7\]"),
    ],
)  # fmt: skip
def test_others_are_refused(nodes, message, tmp_path):
    with pytest.raises(ConversionError, match=message):
        read(model(tmp_path / "a.onnx", nodes, own=OWN), RAW)
