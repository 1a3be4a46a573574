"""Comparisons that choose values, and other operators that exporters write for rectifiers and means."""

import numpy as np
import pytest

from onnx_forms import RAW, SHAPE, body, conv, logits, model, n, pixels, session, tail
from spikelet.errors import ConversionError
from spikelet_converters.conversion.check import check_graph
from spikelet_converters.frontends.onnx import read

PIXELS = np.arange(49).reshape(7, 7) % 3 == 0
OWN = {
    "zero": np.float32(0),
    "tenth": np.float32(0.1),
    "one": np.float32(1),
    "half": np.float32(0.5),
    "of pixels": PIXELS,
    "of channels": (np.arange(4) % 2 == 0).reshape(4, 1, 1),
    "numbers": PIXELS * np.float32(9),
}
MASK = [n("Greater", ["c", "zero"], ["m"])]
FORMS = {
    "Where": [*MASK, n("Where", ["m", "c", "zero"], ["r"])],
    "Where, Less": [n("Less", ["c", "zero"], ["m"]), n("Where", ["m", "zero", "c"], ["r"])],
    "Where, number first": [n("LessOrEqual", ["zero", "c"], ["m"]), n("Where", ["m", "c", "zero"], ["r"])],
    "Where, Not": [*MASK, n("Not", ["m"], ["kept"]), n("Where", ["kept", "zero", "c"], ["r"])],
    "Where, leaky": [*MASK, n("Mul", ["c", "tenth"], ["s"]), n("Where", ["m", "c", "s"], ["r"])],
    "Cast, Mul": [*MASK, n("Cast", ["m"], ["kept"], to=1), n("Mul", ["kept", "c"], ["r"])],
    "CastLike, Mul": [n("GreaterOrEqual", ["c", "zero"], ["m"]), n("CastLike", ["m", "c"], ["kept"]), n("Mul", ["c", "kept"], ["r"])],
    "Where, constants choose between values": [n("Neg", ["c"], ["e"]), n("Where", ["of pixels", "c", "e"], ["q"]), n("Relu", ["q"], ["r"])],
    "Where, constants choose a number": [n("Where", ["of pixels", "half", "c"], ["q"]), n("Relu", ["q"], ["r"])],
    "Where, constants choose numbers of pixels": [n("Where", ["of channels", "c", "numbers"], ["q"]), n("Relu", ["q"], ["r"])],
    "Where, constants choose channels": [n("Neg", ["c"], ["e"]), n("Where", ["of channels", "c", "e"], ["q"]), n("Relu", ["q"], ["r"])],
    "ThresholdedRelu at 0": [n("ThresholdedRelu", ["c"], ["r"], alpha=0.0)],
    "Mean": [n("Relu", ["c"], ["e"]), n("Neg", ["c"], ["kept"]), n("Relu", ["kept"], ["h"]), n("Mean", ["e", "h", "one"], ["r"])],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_imported_graph_computes_the_outputs_of_onnx_runtime(form, tmp_path):
    path = model(tmp_path / "a.onnx", [conv(), *FORMS[form], *tail()], own=OWN)
    source, images = read(path, RAW), pixels(SHAPE)
    expected = session(path, images)
    assert np.allclose(logits(source, images), expected, atol=1e-4 * np.abs(expected).max())
    assert check_graph(source, None) < 1e-2


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([*MASK, n("Cast", ["m"], ["r"], to=1)], "a comparison of activations has no spiking form"),
        ([n("Greater", ["c", "half"], ["m"]), n("Where", ["m", "c", "zero"], ["r"])], "from 0 to 0.5; expected equal"),
        ([*MASK, n("Relu", ["c"], ["e"]), n("Where", ["m", "e", "c"], ["r"])], "chooses between other values"),
        ([n("ThresholdedRelu", ["c"], ["r"], alpha=0.5)], "it jumps at its threshold"),
        ([n("Relu", ["c"], ["e"]), n("Greater", ["c", "e"], ["m"]), n("Where", ["m", "c", "zero"], ["r"])],
         "a comparison of activations"),
        ([n("Where", ["of pixels", "inf", "c"], ["r"])], "sets values to NaN or infinity; expected finite numbers"),
        ([n("Not", ["x"], ["kept"]), n("Where", ["kept", "c", "zero"], ["r"])], "a comparison of activations"),
    ],
)  # fmt: skip
def test_other_choices_are_refused(nodes, message, tmp_path):
    with pytest.raises(ConversionError, match=message):
        read(model(tmp_path / "a.onnx", body(*nodes), own=OWN), RAW)
