"""What tests of several sources share."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper, numpy_helper

SHAPE = (3, 8, 8)


def onnx_file(path, nodes, weights, shape=SHAPE, output="y", batch="N"):
    """A model of some nodes, from `x` to `output`."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", "K"])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
