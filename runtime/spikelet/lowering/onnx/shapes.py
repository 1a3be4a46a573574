"""Infer the type and shape of every value of an audited model, within limits, before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from spikelet.errors import SpikeletError
from spikelet.lowering.onnx.audit import DTYPES
from spikelet.lowering.onnx.model import Model, Operation
from spikelet.nodes import Shape


class InvalidModel(SpikeletError):
    """An ONNX model is not valid, or exceeds the limits."""


@dataclass(frozen=True)
class ValueType:
    """Type of a value: the name of a NumPy data type, and the sizes of the axes."""

    dtype: str
    shape: Shape


@dataclass
class Budget:
    """Resources that a model may still use.

    Attributes:
        elements: Number of elements of all values together.
        operations: Number of multiplications and additions.
    """

    elements: int
    operations: int

    def spend(self, operator: str, value: ValueType, operations: int = 0) -> None:
        """Subtract a value and the operations that compute it. Raises InvalidModel if the budget is exceeded."""
        size = math.prod(value.shape)
        self.elements -= size
        self.operations -= size + operations
        if self.elements < 0 or self.operations < 0:
            raise InvalidModel(f"{operator}: a value of shape {value.shape} takes more than the network itself needs")


def infer(model: Model, inputs: Mapping[str, ValueType], budget: Budget) -> dict[str, ValueType]:
    """Return the type of every value.

    Args:
        model: An audited model.
        inputs: Types of the inputs.
        budget: Limits, from which the values and operations are subtracted.

    Raises:
        InvalidModel: An operation is not valid, a name is defined twice or not at all, or a limit is exceeded.
    """
    types: dict[str, ValueType] = {}
    for port in model.inputs:
        if port.name not in inputs:
            raise InvalidModel(f"an input {port.name!r}; expected {', '.join(inputs)}")
        _define(types, port.name, inputs[port.name])
    for constant in model.constants:
        _define(types, constant.name, ValueType(constant.dtype, constant.shape))
        budget.spend("a constant", types[constant.name])
    for operation in model.operations:
        value, operations = _operation(operation, types)
        budget.spend(operation.operator, value, operations)
        _define(types, operation.outputs[0], value)
    for port in model.outputs:
        if port.name not in types:
            raise InvalidModel(f"its output {port.name!r} is not defined")
    return types


def _define(types: dict[str, ValueType], name: str, value: ValueType) -> None:
    if not name or name in types:
        raise InvalidModel(f"the name {name!r} is defined twice" if name else "a value has no name")
    types[name] = value


def _operation(operation: Operation, types: Mapping[str, ValueType]) -> tuple[ValueType, int]:
    """Return the type of the output, and the number of operations beyond one for each element."""
    operator = operation.operator
    undefined = [name for name in operation.inputs if name and name not in types]
    if undefined:
        raise InvalidModel(f"{operator}: its input {undefined[0]!r} is not defined before it")
    if len(operation.outputs) != 1:
        raise InvalidModel(f"{operator}: {len(operation.outputs)} outputs; expected one")
    operands = [types[name] for name in operation.inputs if name]
    if operator not in _RULES:
        raise InvalidModel(f"an operator {operator!r}")
    least, most, attributes, rule = _RULES[operator]
    unknown = set(operation.attributes) - set(attributes.split())
    if not least <= len(operands) <= most or len(operands) < len(operation.inputs) or unknown:
        raise InvalidModel(f"{operator}: {len(operands)} inputs and attributes {sorted(operation.attributes)}")
    numbers = operator not in ("Cast", "Flatten", "Identity", "Where")
    if numbers and any(operand.dtype != "float32" for operand in operands):
        _refuse(operation, operands)
    return rule(operation, operands)


def _cast(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    dtype = DTYPES.get(whole(operation, "to", 0))
    if dtype is None:
        _refuse(operation, operands)
    return ValueType(dtype, operands[0].shape), 0


def _same(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    return operands[0], 0


def _flatten(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    shape, axis = operands[0].shape, whole(operation, "axis", 1)
    if not 0 <= axis <= len(shape):
        _refuse(operation, operands)
    return ValueType(operands[0].dtype, (math.prod(shape[:axis]), math.prod(shape[axis:]))), 0


def _where(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    condition, a, b = operands
    if condition.dtype != "bool" or a.dtype != b.dtype:
        _refuse(operation, operands)
    return ValueType(a.dtype, _broadcast(operation, operands)), 0


def _arithmetic(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    return ValueType("float32", _broadcast(operation, operands)), 0


def _comparison(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    return ValueType("bool", _broadcast(operation, operands)), 0


def _conv(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    x, weight = operands[0].shape, operands[1].shape
    group = whole(operation, "group", 1)
    if len(x) != 4 or len(weight) != 4 or group < 1 or 0 in weight:
        _refuse(operation, operands)
    kernel = weight[2:]
    fits = x[1] == weight[1] * group and weight[0] % group == 0
    if not fits or operation.attributes.get("kernel_shape", kernel) != kernel:
        _refuse(operation, operands)
    if any(bias.shape != (weight[0],) for bias in operands[2:]):
        _refuse(operation, operands)
    top, left, bottom, right = sizes(operation, "pads", (0, 0, 0, 0), 0)
    out = _windows(operation, operands, (x[2] + top + bottom, x[3] + left + right), kernel)
    value = ValueType("float32", (x[0], weight[0], *out))
    # the padded image is a value too
    padded = x[0] * x[1] * (x[2] + top + bottom) * (x[3] + left + right)
    return value, math.prod(value.shape) * math.prod(weight[1:]) + padded


def _pool(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    shape = operands[0].shape
    if len(shape) != 4 or any(sizes(operation, "pads", (0, 0, 0, 0), 0)):
        _refuse(operation, operands)
    kernel = sizes(operation, "kernel_shape", (0, 0), 1)
    value = ValueType("float32", (*shape[:2], *_windows(operation, operands, shape[2:], kernel)))
    return value, math.prod(value.shape) * math.prod(kernel)


def _gemm(operation: Operation, operands: Sequence[ValueType]) -> tuple[ValueType, int]:
    a, b = operands[0].shape, operands[1].shape
    transposed = whole(operation, "transB", 0)
    if len(a) != 2 or len(b) != 2 or transposed not in (0, 1):
        _refuse(operation, operands)
    inner, columns = b[::-1] if transposed else b
    value = ValueType("float32", (a[0], columns))
    if a[1] != inner or (len(operands) > 2 and _broadcast(operation, [value, operands[2]]) != value.shape):
        _refuse(operation, operands)
    return value, math.prod(value.shape) * inner


def _windows(
    operation: Operation, operands: Sequence[ValueType], image: Sequence[int], kernel: Sequence[int]
) -> tuple[int, int]:
    strides = sizes(operation, "strides", (1, 1), 1)
    if any(size < taps for size, taps in zip(image, kernel, strict=True)):
        _refuse(operation, operands)
    height, width = ((size - taps) // by + 1 for size, taps, by in zip(image, kernel, strides, strict=True))
    return height, width


def _broadcast(operation: Operation, operands: Sequence[ValueType]) -> Shape:
    try:
        return tuple(np.broadcast_shapes(*(operand.shape for operand in operands)))
    except ValueError:
        return _refuse(operation, operands)


# by operator: least and largest number of inputs, attributes, type of the output
_Rule = Callable[[Operation, Sequence[ValueType]], tuple[ValueType, int]]
_RULES: dict[str, tuple[int, int, str, _Rule]] = {
    "Add": (2, 2, "", _arithmetic),
    "AveragePool": (1, 1, "kernel_shape pads strides", _pool),
    "Cast": (1, 1, "to", _cast),
    "Conv": (2, 3, "group kernel_shape pads strides", _conv),
    "Flatten": (1, 1, "axis", _flatten),
    "Floor": (1, 1, "", _same),
    "Gemm": (2, 3, "transB", _gemm),
    "Greater": (2, 2, "", _comparison),
    "GreaterOrEqual": (2, 2, "", _comparison),
    "Identity": (1, 1, "", _same),
    "Mul": (2, 2, "", _arithmetic),
    "Sub": (2, 2, "", _arithmetic),
    "Where": (3, 3, "", _where),
}


def sizes(operation: Operation, attribute: str, default: tuple[int, ...], least: int) -> tuple[int, ...]:
    """Return an attribute with as many whole numbers as its default, each between `least` and 2^28."""
    value = operation.attributes.get(attribute, default)
    if not isinstance(value, tuple) or len(value) != len(default) or not all(least <= size <= 2**28 for size in value):
        raise InvalidModel(f"{operation.operator}: {attribute} {value}")
    return value


def whole(operation: Operation, attribute: str, default: int) -> int:
    """Return an attribute that is a whole number."""
    value = operation.attributes.get(attribute, default)
    if not isinstance(value, int):
        raise InvalidModel(f"{operation.operator}: {attribute} {value}")
    return value


def _refuse(operation: Operation, operands: Sequence[ValueType]) -> NoReturn:
    inputs = ", ".join(f"{operand.dtype} {operand.shape}" for operand in operands)
    raise InvalidModel(f"{operation.operator}: does not take {inputs} with {dict(operation.attributes)}")
