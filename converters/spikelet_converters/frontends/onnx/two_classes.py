"""Replace the probabilities 1 - p and p of two classes, p = sigmoid(z), by the softmax of the logits 0 and z.

sklearn-onnx writes a binary classifier with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikelet_converters.frontends.onnx.definitions import Constants, makers_of
from spikelet_converters.frontends.onnx.rewriter import Rewriter

if TYPE_CHECKING:
    import onnx


def replaced(model: onnx.ModelProto) -> tuple[onnx.ModelProto, bool]:
    """Return the model with a softmax, and whether it had such probabilities; the model itself without them."""
    makers = makers_of(model.graph)
    constants = Constants(model.graph)

    def logit_of(node: onnx.NodeProto) -> str | None:
        """Return the name of z for the concatenation of 1 - p and p."""
        if node.op_type != "Concat" or len(node.input) != 2 or [a.i for a in node.attribute] not in ([1], [-1]):
            return None
        inverse, sigmoid = (makers.get(name) for name in node.input)
        if inverse is None or sigmoid is None or (inverse.op_type, sigmoid.op_type) != ("Sub", "Sigmoid"):
            return None
        if len(inverse.input) != 2 or len(sigmoid.input) != 1:
            return None
        one = constants.get(inverse.input[0])
        is_one = one is not None and np.array_equal(np.ravel(one), [1])
        return str(sigmoid.input[0]) if is_one and inverse.input[1] == node.input[1] else None

    logits = [(node, logit_of(node)) for node in model.graph.node]
    logit_of_output = {node.output[0]: logit for node, logit in logits if logit is not None}
    if len(logit_of_output) != 1:
        return model, False
    rewriter = Rewriter(model)
    for node in rewriter.graph.node:
        if not logit_of_output.keys() & set(node.output):
            rewriter.nodes.append(node)
            continue
        output = node.output[0]
        zero = rewriter.node("Mul", [logit_of_output[output], rewriter.constant(output, "zero", np.float32(0))], output)
        both = rewriter.node("Concat", [zero, logit_of_output[output]], output, axis=1)
        rewriter.node("Softmax", [both], output, last=True, axis=1)
    return rewriter.finished(), True
