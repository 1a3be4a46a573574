"""Products with weights on either side, and images whose pixels are one axis, in ONNX files."""

import numpy as np
import pytest

from onnx_forms import RAW, assert_same_logits, conv, model, n, tail
from spikelet.errors import ConversionError
from spikelet_converters.frontends.onnx import read

DRAWN = np.random.default_rng(3)
OWN = {
    "rows": DRAWN.normal(0, 0.5, (7, 7)).astype(np.float32), "mix": DRAWN.normal(0, 0.5, (4, 4)).astype(np.float32),
    "single": DRAWN.normal(0, 0.5, (1, 1, 7, 7)).astype(np.float32), "pixels": DRAWN.normal(0, 0.3, (49, 49)).astype(np.float32),
    "place": DRAWN.normal(0, 1, (1, 49, 4)).astype(np.float32), "one_axis": np.array([0, 4, 49]), "image": np.array([0, 4, 7, 7]),
    "six": DRAWN.normal(0, 0.5, (6, 4)).astype(np.float32),
}  # fmt: skip
START = [conv(), n("Relu", ["c"], ["p"])]
TOKENS = [*START, n("Reshape", ["p", "one_axis"], ["s"]), n("Transpose", ["s"], ["t"], perm=[0, 2, 1])]
BACK = [n("Transpose", ["z"], ["u"], perm=[0, 2, 1]), n("Reshape", ["u", "image"], ["r"]), *tail()]
FORMS = {
    "weights on the left of an image": [*START, n("MatMul", ["rows", "p"], ["r"]), *tail()],
    "weights on its right": [*START, n("MatMul", ["p", "rows"], ["q"]), n("Relu", ["q"], ["r"]), *tail()],
    "weights with leading axes": [*START, n("MatMul", ["single", "p"], ["r"]), *tail()],
    "tokens": [*TOKENS, n("MatMul", ["t", "mix"], ["m"]), n("Add", ["m", "place"], ["a"]), n("Relu", ["a"], ["z"]), *BACK],
    "a mixer": [*START, n("Reshape", ["p", "one_axis"], ["s"]), n("MatMul", ["s", "pixels"], ["m"]), n("Relu", ["m"], ["h"]),
                n("Add", ["s", "h"], ["a"]), n("Reshape", ["a", "image"], ["r"]), *tail()],
    "einsum of several weights": [*START, n("Einsum", ["p", "six", "six"], ["r"], equation="bchw,kc,kd->bdhw"), *tail()],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_imported_graph_computes_the_outputs_of_onnx_runtime(form, tmp_path):
    assert_same_logits(model(tmp_path / "a.onnx", FORMS[form], own=OWN))


def test_a_product_of_activations_is_refused(tmp_path):
    nodes = [*TOKENS, n("MatMul", ["s", "t"], ["r"]), *tail()]
    with pytest.raises(ConversionError, match="a product of activations has no spiking form"):
        read(model(tmp_path / "a.onnx", nodes, own=OWN), RAW)
