"""One call of a torch network, with the name and the arguments by name of an ATen operation.

torch.fx traces functions, methods, operators and modules, torch.export traces ATen operations. Both are converted to
these calls, so that they share one table of operations.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import fx
from torch.nn import functional as F

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import per_channel, varies
from spikelet_converters.frontends.values import Factor, Stack, Value

Target: TypeAlias = object
Arguments: TypeAlias = dict[str, object]


class Recorded(dict[str, object]):
    """Arguments by name, which record the names that were read.

    Attributes:
        read: Names that were read; `values()` reads none.
    """

    def __init__(self, arguments: Mapping[str, object]) -> None:
        super().__init__(arguments)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> object:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument."""
        self.read.add(name)
        return super().get(name, default)

    def items(self) -> Any:
        """Return all arguments, which counts as reading them."""
        self.read.update(self)
        return super().items()


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        kind: Name of the ATen operation.
        name: Name of the layer that is added for the call.
        where: The call in error messages.
        builder: The graph under construction.
        arguments: Arguments by name: values of the network, arrays, numbers, lists of these.
        alone: Whether no other call uses its first value.
        last: Whether the network returns its output.
        batch: Fixed size of the batch, or None.
    """

    kind: str
    name: str
    where: str
    builder: Builder
    arguments: Mapping[str, object]
    alone: bool = False
    last: bool = False
    batch: int | None = None

    @property
    def values(self) -> list[Value]:
        """The arguments that are values of the network, including those in lists."""
        return values_of(list(self.arguments.values()))

    @property
    def x(self) -> Value:
        """The first argument, a value of the network."""
        first = next(iter(self.arguments.values()))
        if not isinstance(first, Value):
            raise ConversionError(f"{self.where}: expected its first argument to be a value of the network")
        return first

    def get(self, name: str, default: object = None) -> object:
        """Return an argument, or the default if it is left out or None."""
        value = self.arguments.get(name)
        return default if value is None else value

    def array(self, name: str) -> Factor | None:
        """Return a constant tensor, or None if it is left out."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, np.ndarray):
            raise ConversionError(f"{self.where}: expected {name} to be constant weights")
        return np.asarray(value, np.float64)

    def number(self, name: str, default: float) -> float:
        """Return a number."""
        value = self.get(name, default)
        if isinstance(value, np.ndarray) and value.size == 1:
            return float(value.ravel()[0])
        if not isinstance(value, int | float):
            raise ConversionError(f"{self.where}: expected {name} to be a number, found {type(value).__name__}")
        return float(value)

    def integers(self, name: str, default: Sequence[int] = ()) -> tuple[int, ...]:
        """Return a list of whole numbers, or one number as a list."""
        value = self.get(name, default)
        if isinstance(value, int):
            return (value,)
        if not isinstance(value, tuple | list) or not all(isinstance(entry, int) for entry in value):
            raise ConversionError(f"{self.where}: expected {name} to be whole numbers, found {value!r}")
        return tuple(value)

    def per_channel(self, name: str, x: Value) -> Factor | None:
        """Return an argument as a constant for a value, () or (C,), or None if it is a value of the network."""
        value = self.get(name)
        if isinstance(value, bool | int | float):
            return np.asarray(float(value))
        return per_channel(self.where, value, x) if isinstance(value, np.ndarray) else None

    def per_pixel(self, name: str, x: Value) -> npt.NDArray[np.generic] | None:
        """Return an argument as constants that differ from pixel to pixel, or None for another one."""
        value = self.get(name)
        return value if isinstance(value, np.ndarray) and varies(value, x) else None

    def along(self, name: str, axes: int, default: Sequence[int] = ()) -> tuple[int, ...]:
        """Return a list of one whole number for each axis; one number stands for all."""
        numbers = self.integers(name, default)
        if len(numbers) not in (1, axes):
            raise ConversionError(f"{self.where}: {name} has {len(numbers)} numbers; expected {axes}")
        return numbers * axes if len(numbers) == 1 else numbers


Result: TypeAlias = Value | Stack | list[Value] | npt.NDArray[np.generic]
"""The output of a call, its outputs if it has several, or constants."""

Handler = Callable[[Call], Result]
"""Adds a call to the graph and returns its result."""


def values_of(arguments: object) -> list[Value]:
    """Return the values of the network among some arguments, also those of stacks."""
    if isinstance(arguments, Value):
        return [arguments]
    if isinstance(arguments, Stack):
        return list(arguments.values)
    if isinstance(arguments, tuple | list):
        return [value for argument in arguments for value in values_of(argument)]
    return []


def resolved(value: Any, values: Callable[[fx.Node], object]) -> Any:
    """Arguments of a traced call with the value of every node in them."""
    if isinstance(value, fx.Node):
        return values(value)
    if isinstance(value, tuple | list):
        return type(value)(resolved(entry, values) for entry in value)
    if isinstance(value, Mapping):
        return {key: resolved(entry, values) for key, entry in value.items()}
    if isinstance(value, slice):
        return slice(*(resolved(entry, values) for entry in (value.start, value.stop, value.step)))
    return value


OPERATORS: dict[Target, str] = {
    operator.add: "add", operator.iadd: "add", operator.sub: "sub", operator.isub: "sub", operator.mul: "mul",
    operator.imul: "mul", operator.truediv: "div", operator.itruediv: "div", operator.neg: "neg",
    operator.matmul: "matmul", operator.getitem: "getitem", operator.invert: "bitwise_not",
    operator.pos: "positive", operator.ifloordiv: "floordiv", operator.imod: "mod", operator.ipow: "pow",
}  # fmt: skip
"""Operators of Python."""

_DISPATCHED: dict[Target, tuple[str, Callable[..., object]]] = {
    F.max_pool1d: ("max_pool1d", F.max_pool1d_with_indices),
    F.max_pool2d: ("max_pool2d", F.max_pool2d_with_indices),
    F.adaptive_max_pool1d: ("adaptive_max_pool1d", F.adaptive_max_pool1d_with_indices),
    F.adaptive_max_pool2d: ("adaptive_max_pool2d", F.adaptive_max_pool2d_with_indices),
}
"""Functions with two variants: name of the operation, and the function with its signature."""

_AS_IN_NUMPY = {"axis": "dim", "keepdims": "keepdim"}
"""Other names of arguments, which torch accepts as well."""

_SIZES = ("expand", "flip", "permute", "repeat", "reshape", "tile", "unflatten", "view")


def name_of(target: Target) -> str:
    """Name of the operation of a function, or of a method by its name."""
    target = getattr(target, "overloadpacket", target)
    if isinstance(target, str):
        name = target
    elif target in OPERATORS:
        return OPERATORS[target]
    elif target in _DISPATCHED:
        return _DISPATCHED[target][0]
    else:
        name = getattr(target, "__name__", str(target))
    return name if name.startswith("__") else name.rstrip("_")


def bound(target: Target, args: Sequence[object], kwargs: Mapping[str, object]) -> Arguments | None:
    """Arguments of a call of a function or method by name, or None if they do not fit its signature."""
    name = name_of(target)
    if isinstance(target, torch._ops.OpOverload):
        return by_schema(target._schema, args, kwargs)
    if target == "where" and len(args) > 1:
        args = [args[1], args[0], *args[2:]]  # x.where(condition, other)
    kwargs = {_AS_IN_NUMPY.get(key, key): value for key, value in kwargs.items()}
    if name in _SIZES and len(args) > 2 and all(isinstance(size, int) for size in args[1:]):
        args = [args[0], list(args[1:])]
    if target in OPERATORS:
        return dict(zip(("self", "other"), args, strict=False))
    function = _DISPATCHED[target][1] if target in _DISPATCHED else target
    if name == "type":
        return {"self": args[0], "dtype": args[1] if len(args) > 1 else kwargs.get("dtype")}
    if inspect.isfunction(function):
        try:
            bound_arguments = inspect.signature(function).bind(*args, **kwargs)
        except TypeError:
            return None
        if "dropout" in name:  # those of torch.nn.functional have training=True by default
            bound_arguments.apply_defaults()
        return dict(bound_arguments.arguments)
    return _by_name(name, args, kwargs)


def _by_name(name: str, args: Sequence[object], kwargs: dict[str, object]) -> Arguments | None:
    """Return the arguments of the first form of an ATen operation that they fit."""
    packet = getattr(torch.ops.aten, name, None)
    if packet is None and len(args) == 1 and not kwargs:
        return {"self": args[0]}  # a method without an operation of its own, such as `half`
    schemas = [] if packet is None else [getattr(packet, overload)._schema for overload in packet.overloads()]
    if "input" in kwargs and all(argument.name != "input" for schema in schemas for argument in schema.arguments):
        kwargs = {"self" if key == "input" else key: value for key, value in kwargs.items()}  # as in torch.add
    return next((arguments for schema in schemas if (arguments := by_schema(schema, args, kwargs)) is not None), None)


def by_schema(schema: torch.FunctionSchema, args: Sequence[object], kwargs: Mapping[str, object]) -> Arguments | None:
    """Arguments by the names of a schema, or None if they are not of its types."""
    names = [argument.name for argument in schema.arguments]
    positional = [argument.name for argument in schema.arguments if not argument.kwarg_only]
    if len(args) > len(positional) or not set(kwargs) <= set(names):
        return None
    arguments = {**dict(zip(positional, args, strict=False)), **kwargs}
    for argument in schema.arguments:
        if argument.name in arguments:
            if not _accepts(str(argument.type), arguments[argument.name]):
                return None
        elif not argument.has_default_value():
            return None
    return {name: arguments[name] for name in names if name in arguments}


def _accepts(kind: str, value: object) -> bool:
    if kind.startswith("Optional["):
        return value is None or _accepts(kind[9:-1], value)
    match kind:
        case "Tensor":
            return isinstance(value, Value | Stack | np.ndarray | int | float)
        case "number" | "float" | "Scalar":
            return isinstance(value, int | float)
        case "int" | "SymInt":
            return isinstance(value, int | torch.memory_format | torch.dtype | torch.layout)
        case "str":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
    if kind.startswith("List["):
        is_number = isinstance(value, int) and kind in ("List[int]", "List[SymInt]")
        return is_number or (isinstance(value, tuple | list) and all(_accepts(kind[5:-1], entry) for entry in value))
    return True
