"""Operators that resample images, pad them with pixels, or turn channels into pixels; Einstein sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet import onnx_runtime
from spikelet.errors import ConversionError, one_line, pass_out_of_memory
from spikelet_converters.frontends.einsum import einsum
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.onnx.attributes import integer, integers, text
from spikelet_converters.frontends.onnx.step import Handler, Step
from spikelet_converters.frontends.pixels import depth_to_space, space_to_depth, weighed
from spikelet_converters.frontends.values import Factor, Value

CHANNELS_LAST = "expected sizes of height and width alone"


def _resize(step: Step) -> Value:
    x = step.value()
    if text(step.attributes, "coordinate_transformation_mode", "") == "tf_crop_and_resize":
        raise ConversionError(f"{step.where}: crops by tf_crop_and_resize; expected another transformation")
    before = sizes(x)
    scales, goal = _scales(step, len(before) + 1), _goal(step)
    if goal is not None:
        if len(goal) != len(before) + 1 or goal[1] != before[0]:
            raise ConversionError(
                f"{step.where}: resizes (N, {', '.join(map(str, before))}) to {goal}; {CHANNELS_LAST}"
            )
    elif scales is None or (scales[:2] != 1).any():
        raise ConversionError(f"{step.where}: scales by {None if scales is None else scales.tolist()}; {CHANNELS_LAST}")

    def resized(units: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return _evaluated(step, units, scales, goal)

    factors = np.ones(len(before)) if scales is None else scales[1:]
    after = (
        goal[2:] if goal is not None else [size * factor for size, factor in zip(before[1:], factors[1:], strict=True)]
    )
    return weighed(step.builder, step.name, step.where, resized, after, x)


def _scales(step: Step, rank: int) -> npt.NDArray[np.float32] | None:
    """Return the scales (N, C, …), or None if sizes are given."""
    index = 1 if step.node.op_type == "Upsample" or step.state.opset < 11 else 2
    scales = step.optional(index)
    if scales is None and "scales" in step.attributes:
        scales = np.asarray(step.attributes["scales"])
    if scales is None or not scales.size:
        return None
    return _of_axes(step, scales, np.ones(rank)).astype(np.float32)


def _goal(step: Step) -> list[int] | None:
    """Return the sizes after the operator (N, C, …), or None if scales are given."""
    tensor = step.optional(3)
    if step.node.op_type == "Upsample" or tensor is None or not tensor.size:
        return None
    if text(step.attributes, "keep_aspect_ratio_policy", "stretch") != "stretch":
        raise ConversionError(f"{step.where}: keeps the aspect ratio; expected sizes of height and width")
    before = np.array([1, *sizes(step.value())], np.float64)
    return [int(size) for size in _of_axes(step, tensor, before)]


def _of_axes(step: Step, numbers: npt.NDArray[np.generic], defaults: Factor) -> Factor:
    """Return a number for every axis: those of the attribute `axes`, and the defaults of the others."""
    axes = integers(step.attributes, "axes", list(range(len(defaults))))
    if numbers.size != len(axes):
        raise ConversionError(f"{step.where}: has {numbers.size} numbers for {len(axes)} axes")
    result = defaults.copy()
    result[[axis % len(defaults) for axis in axes]] = numbers.ravel()
    return result


def _evaluated(
    step: Step, units: npt.NDArray[np.float32], scales: npt.NDArray[np.float32] | None, goal: list[int] | None
) -> npt.NDArray[np.float32]:
    """Return the output of the operator in ONNX Runtime for images of one channel."""
    import onnx
    from onnx import helper, numpy_helper

    node, opset = onnx.NodeProto(), step.state.opset
    node.CopyFrom(step.node)
    kept = [attribute for attribute in node.attribute if attribute.name != "axes"]
    del node.attribute[:], node.input[:], node.output[:]
    node.attribute.extend(kept)
    tensors = {}
    if goal is None and scales is not None and "scales" not in step.attributes:
        tensors = {"scales": scales}
    elif goal is not None:
        tensors = {"sizes": np.array([len(units), 1, *goal[2:]])}
    positions = {"scales": 1 if node.op_type == "Upsample" or opset < 11 else 2, "sizes": 3}
    inputs = ["x", "roi" if opset < 13 and node.op_type == "Resize" and opset >= 11 else "", "", ""]
    for name in tensors:
        inputs[positions[name]] = name
    if inputs[1] == "roi":
        tensors["roi"] = np.zeros(0, np.float32)
        if goal is not None:
            inputs[2], tensors["none"] = "none", np.zeros(0, np.float32)
    while not inputs[-1]:
        inputs.pop()
    node.input.extend(inputs)
    node.output.append("y")
    graph = helper.make_graph(
        [node], "resize", [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, units.shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in tensors.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnxruntime = onnx_runtime.load()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # it is evaluated once
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        result: npt.NDArray[np.float32] = session.run(None, {"x": units})[0]
    except Exception as error:  # ONNX Runtime raises many types of errors
        pass_out_of_memory(error, step.where)
        raise ConversionError(f"{step.where}: cannot be evaluated ({one_line(error)})") from None
    return result


def _depth_to_space(step: Step) -> Value:
    first = text(step.attributes, "mode", "DCR") == "DCR"
    block = integer(step.attributes, "blocksize", 1)
    return depth_to_space(step.builder, step.name, step.where, block, step.value(), depth_first=first)


def _space_to_depth(step: Step) -> Value:
    block = integer(step.attributes, "blocksize", 1)
    return space_to_depth(step.builder, step.name, step.where, block, step.value(), depth_first=True)


def _einsum(step: Step) -> Value:
    operands: list[Value | Factor] = [
        step.value(index) if step.depends(index) else np.asarray(step.constant(index), np.float64)
        for index in range(len(step.node.input))
    ]
    return einsum(step.builder, step.name, step.where, text(step.attributes, "equation", ""), operands)


HANDLERS: dict[str, Handler] = {
    "DepthToSpace": _depth_to_space,
    "Einsum": _einsum,
    "Resize": _resize,
    "SpaceToDepth": _space_to_depth,
    "Upsample": _resize,
}
