"""Evaluate ONNX operators with constant inputs, which exporters use for shapes and folded weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError

Constant = npt.NDArray[Any]


def evaluate(op: str, where: str, attributes: dict[str, Any], inputs: list[Constant | None]) -> Constant:
    """Evaluate one operator.

    Raises:
        ConversionError: The operator is not supported.
    """
    if op == "Constant":
        return _constant(where, attributes)
    handler = _OPERATORS.get(op)
    if handler is None:
        raise ConversionError(
            f"{where}: computes a constant with an unsupported operator; simplify the file first "
            "(constant folding, for instance with onnxsim)"
        )
    return np.asarray(handler(attributes, *inputs))


def _constant(where: str, attributes: dict[str, Any]) -> Constant:
    from onnx import numpy_helper

    if "value" in attributes:
        return numpy_helper.to_array(attributes["value"])
    for key in ("value_float", "value_int", "value_floats", "value_ints"):
        if key in attributes:
            return np.asarray(attributes[key])
    raise ConversionError(f"{where}: a constant of an unknown form ({', '.join(attributes)})")


def _unsqueeze(attributes: dict[str, Any], value: Constant, axes: Constant | None = None) -> Constant:
    for axis in sorted(_axes(attributes, axes) or ()):
        value = np.expand_dims(value, axis)
    return value


def _axes(attributes: dict[str, Any], axes: Constant | None) -> tuple[int, ...] | None:
    """The axes of an operator: an attribute before operator set 13, an input since."""
    given = attributes.get("axes") if axes is None else axes.tolist()
    return None if given is None else tuple(given)


def _cast(attributes: dict[str, Any], value: Constant) -> Constant:
    from onnx import helper

    return value.astype(helper.tensor_dtype_to_np_dtype(attributes["to"]))


def _product(attributes: dict[str, Any], value: Constant, axes: Constant | None = None) -> Constant:
    keep = bool(attributes.get("keepdims", 1))
    return np.asarray(np.prod(value, axis=_axes(attributes, axes), keepdims=keep, dtype=value.dtype))


def _filled(attributes: dict[str, Any], shape: Constant) -> Constant:
    from onnx import numpy_helper

    value = numpy_helper.to_array(attributes["value"]) if "value" in attributes else np.zeros(1, np.float32)
    return np.full(shape.tolist(), value.ravel()[0], value.dtype)


def _slice(
    attributes: dict[str, Any], value: Constant, starts: Constant | None = None, ends: Constant | None = None,
    axes: Constant | None = None, steps: Constant | None = None,
) -> Constant:  # fmt: skip
    if starts is None or ends is None:  # attributes before operator set 10
        starts, ends = np.array(attributes["starts"]), np.array(attributes["ends"])
        axes = np.array(attributes["axes"]) if "axes" in attributes else None
    slices = [slice(None)] * value.ndim
    for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        slices[i if axes is None else int(axes[i])] = slice(start, end, 1 if steps is None else int(steps[i]))
    return value[tuple(slices)]


def _dequantise(attributes: dict[str, Any], value: Constant, scale: Constant, zero: Constant | None = None) -> Constant:
    axes = [1] * value.ndim
    if scale.size > 1:
        axes[attributes.get("axis", 1)] = scale.size
    shifted = value.astype(np.float32) - (0 if zero is None else zero.astype(np.float32).reshape(axes))
    return shifted * scale.reshape(axes)


def _quantise(attributes: dict[str, Any], value: Constant, scale: Constant, zero: Constant | None = None) -> Constant:
    axes = [1] * value.ndim
    if scale.size > 1:
        axes[attributes.get("axis", 1)] = scale.size
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    limits = np.iinfo(kind)
    whole = np.rint(value / scale.reshape(axes)) + (0 if zero is None else zero.astype(np.float32).reshape(axes))
    return np.clip(whole, limits.min, limits.max).astype(kind)


_OPERATORS: dict[str, Callable[..., Any]] = {
    "Identity": lambda a, x: x,
    "Cast": _cast,
    "Gather": lambda a, x, index: np.take(x, index, axis=a.get("axis", 0)),
    "Concat": lambda a, *parts: np.concatenate([np.atleast_1d(p) for p in parts], axis=a["axis"]),
    "Unsqueeze": _unsqueeze,
    "Squeeze": lambda a, x, axes=None: np.squeeze(x, _axes(a, axes)),
    "Slice": _slice,
    "Reshape": lambda a, x, shape: x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(shape.tolist())]),
    "Transpose": lambda a, x: np.transpose(x, a.get("perm")),
    "Add": lambda a, x, y: x + y,
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "Div": lambda a, x, y: x // y if x.dtype.kind in "iu" else x / y,
    "Sqrt": lambda a, x: np.sqrt(x),
    "Neg": lambda a, x: -x,
    "ReduceProd": _product,
    "ConstantOfShape": _filled,
    "QuantizeLinear": _quantise,
    "DequantizeLinear": _dequantise,
}
