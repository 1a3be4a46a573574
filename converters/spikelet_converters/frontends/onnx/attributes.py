"""Attributes that the import of ONNX files supports, by operator. Any other attribute raises an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError

if TYPE_CHECKING:
    import onnx

Attribute = int | float | str | Sequence[int] | Sequence[float] | npt.NDArray[np.generic]
Attributes = Mapping[str, Attribute]

RANGES = {
    "uint4": (0, 15), "int4": (-8, 7), "uint8": (0, 2**8 - 1), "int8": (-(2**7), 2**7 - 1),
    "uint16": (0, 2**16 - 1), "int16": (-(2**15), 2**15 - 1),
}  # fmt: skip
"""Smallest and largest integer of the types to which activations are quantised; the narrowest are first."""

_WINDOW = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")
READ: dict[str, tuple[str, ...]] = {
    "Abs": (),
    "Add": (),
    "ArgMax": ("axis", "keepdims", "select_last_index"),
    "AveragePool": (*_WINDOW, "ceil_mode", "count_include_pad"),
    "BatchNormalization": ("epsilon",),
    "Cast": ("to",),
    "CastLike": (),
    "Concat": ("axis",),
    "Clip": ("min", "max"),
    "Conv": (*_WINDOW, "group"),
    "ConvTranspose": (*_WINDOW, "group", "output_padding", "output_shape"),
    "DepthToSpace": ("blocksize", "mode"),
    "DequantizeLinear": ("axis",),
    "Div": (),
    "Dropout": (),
    "Einsum": ("equation",),
    "Expand": (),
    "Flatten": ("axis",),
    "Floor": (),
    "Gather": ("axis",),
    "Gemm": ("alpha", "beta", "transA", "transB"),
    "GlobalAveragePool": (),
    "GlobalMaxPool": (),
    "Greater": (),
    "GreaterOrEqual": (),
    "HardSigmoid": ("alpha", "beta"),
    "Identity": (),
    "LeakyRelu": ("alpha",),
    "Less": (),
    "LessOrEqual": (),
    "Log": (),
    "LogSoftmax": ("axis",),
    "MatMul": (),
    "Max": (),
    "MaxPool": (*_WINDOW, "ceil_mode"),
    "Mean": (),
    "Min": (),
    "Mul": (),
    "Neg": (),
    "Not": (),
    "PRelu": (),
    "Pad": ("mode", "pads", "value"),
    "QuantizeLinear": ("axis",),
    "ReduceMean": ("axes", "keepdims", "noop_with_empty_axes"),
    "ReduceMax": ("axes", "keepdims", "noop_with_empty_axes"),
    "ReduceSum": ("axes", "keepdims", "noop_with_empty_axes"),
    "Relu": (),
    "Reshape": ("allowzero",),
    "Round": (),
    "Resize": (
        "antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside",
        "extrapolation_value", "keep_aspect_ratio_policy", "mode", "nearest_mode",
    ),
    "Scatter": ("axis",),
    "ScatterElements": ("axis", "reduction"),
    "ScatterND": ("axis", "reduction"),
    "Shape": ("start", "end"),
    "Sigmoid": (),
    "Slice": ("starts", "ends", "axes", "steps"),
    "Softmax": ("axis",),
    "SpaceToDepth": ("blocksize",),
    "Split": ("axis", "split", "num_outputs"),
    "Squeeze": ("axes",),
    "Sub": (),
    "Sum": (),
    "Tanh": (),
    "ThresholdedRelu": ("alpha",),
    "Tile": (),
    "Transpose": ("perm",),
    "Unsqueeze": ("axes",),
    "Where": (),
    "Upsample": ("mode", "scales"),
}  # fmt: skip
"""Attributes that the import of an operator evaluates."""

WITHOUT_EFFECT: dict[str, dict[str, tuple[Attribute, ...] | None]] = {
    "BatchNormalization": {"momentum": None, "training_mode": (0,), "spatial": (1,), "is_test": (1,)},
    "Cast": {"saturate": None, "round_mode": None},
    "DequantizeLinear": {"block_size": (0,), "output_dtype": (0, 1)},
    "Dropout": {"ratio": None, "seed": None, "is_test": (1,)},
    "MaxPool": {"storage_order": None},
    "QuantizeLinear": {"block_size": (0,), "output_dtype": (0,), "precision": (0,), "saturate": None},
}
"""Attributes that change nothing at the listed values, or at any value (None)."""


IN_EVALUATION = "export the network in evaluation mode, network.eval()"
_REMEDIES = {("BatchNormalization", "training_mode"): f"; {IN_EVALUATION}"}


def attributes_of(node: onnx.NodeProto, where: str) -> dict[str, Attribute]:
    """Return the attributes of a node, all of which are supported.

    Args:
        node: The node.
        where: The node in error messages.

    Raises:
        ConversionError: The operator has an attribute or a value of an attribute that the import does not support.
    """
    kind, attributes = _attributes(node)
    for name, value in attributes.items():
        if name in READ.get(kind, ()):
            continue
        harmless = WITHOUT_EFFECT.get(kind, {})
        allowed = harmless.get(name, ())
        if name not in harmless:
            raise ConversionError(f"{where}: its attribute {name} = {value!r} is not supported")
        if allowed is not None and value not in allowed:
            expected = " or ".join(str(choice) for choice in allowed)
            remedy = _REMEDIES.get((kind, name), "")
            raise ConversionError(
                f"{where}: its attribute {name} = {value!r} is not supported; expected {expected}{remedy}"
            )
    return attributes


def _attributes(node: onnx.NodeProto) -> tuple[str, dict[str, Attribute]]:
    """Return the operator of a node and its attributes, with strings as str and tensors as arrays."""
    import onnx
    from onnx import helper, numpy_helper

    attributes: dict[str, Attribute] = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        elif isinstance(value, onnx.TensorProto):
            value = numpy_helper.to_array(value)
        attributes[attribute.name] = value
    return node.op_type, attributes


def integer(attributes: Attributes, name: str, default: int) -> int:
    """Return an integer attribute."""
    value = attributes.get(name, default)
    assert isinstance(value, int)
    return value


def real(attributes: Attributes, name: str, default: float) -> float:
    """Return a float attribute."""
    value = attributes.get(name, default)
    assert isinstance(value, int | float)
    return float(value)


def integers(attributes: Attributes, name: str, default: Sequence[int]) -> list[int]:
    """Return a list of integers."""
    value = attributes.get(name, default)
    assert not isinstance(value, int | float | str)
    return [int(item) for item in value]


def text(attributes: Attributes, name: str, default: str) -> str:
    """Return a string attribute."""
    return str(attributes.get(name, default))
