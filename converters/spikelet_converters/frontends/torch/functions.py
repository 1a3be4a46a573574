"""Traced calls of torch functions and methods without weights: pools, means, constants, shapes and endings."""

from __future__ import annotations

import operator
from collections.abc import Callable

import torch
from torch import fx, nn
from torch.nn import functional as F

from spikelet.errors import ConversionError
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.values import Ending, Value
from spikelet_converters.frontends.windows import averages

Function = Callable[[Builder, fx.Node, str, Value, bool], Value | None]
"""Adds a call to a graph; takes (builder, call, where, input, whether no other call uses the input)."""

ENDINGS: dict[object, Ending] = {
    F.softmax: "softmax", torch.softmax: "softmax", "softmax": "softmax", nn.Softmax: "softmax",
    F.log_softmax: "log_softmax", torch.log_softmax: "log_softmax", "log_softmax": "log_softmax",
    nn.LogSoftmax: "log_softmax", F.sigmoid: "sigmoid", torch.sigmoid: "sigmoid", "sigmoid": "sigmoid",
    nn.Sigmoid: "sigmoid",
}  # fmt: skip
"""Functions of the logits, by function, method or module, and the name of each."""


def argument(step: fx.Node, index: int, name: str, default: object = None) -> object:
    """An argument of a call, by position or by keyword."""
    if name in step.kwargs:
        return step.kwargs[name]
    return step.args[index] if len(step.args) > index else default


def pair(value: object) -> tuple[int, int]:
    """An option with one number, or one for height and one for width."""
    if isinstance(value, tuple | list):
        return int(value[0]), int(value[-1])
    assert isinstance(value, int)
    return value, value


def leave_out(builder: Builder, where: str, kind: object, axis: object, x: Value) -> Value:
    """Leave out a function of the logits at the end of the network.

    Args:
        builder: The graph under construction.
        where: The function in error messages.
        kind: A key of ENDINGS.
        axis: Axis of a softmax.
        x: The logits.
    """
    ending = ENDINGS[kind]
    if ending != "sigmoid" and (axis not in (1, -1) or len(x.shape) != 1):
        raise ConversionError(f"{where}: is along axis {axis}; expected the classes, axis 1 of (N, K)")
    builder.ending = ending
    builder.note(f"{where}: was left out: the largest logit is the answer with and without")
    return x


def average(
    builder: Builder, name: str, where: str, kernel: object, stride: object, padding: object, x: Value, *,
    ceil: bool = False, count_padding: bool = True,
) -> Value:  # fmt: skip
    """Add an average pool with the options of torch."""
    size = pair(kernel)
    step = size if stride is None or stride == [] else pair(stride)
    if len(x.shape) != 3:
        raise ConversionError(f"{where}: expected an input (N, C, H, W), found (N, {x.shape[0]})")
    rows, columns = (
        averages(extent, width, move, pad, pad, ceil=ceil, count_padding=count_padding)
        for extent, width, move, pad in zip(x.shape[1:], size, step, pair(padding), strict=True)
    )
    return builder.average_pool(name, where, size, step, rows, columns, x)


def _average_pool(builder: Builder, step: fx.Node, where: str, x: Value, alone: bool) -> Value:
    if argument(step, 6, "divisor_override") is not None:
        raise ConversionError(f"{where}: divisor_override has no node; leave it out")
    return average(
        builder, step.name, where, argument(step, 1, "kernel_size"), argument(step, 2, "stride"),
        argument(step, 3, "padding", 0), x, ceil=bool(argument(step, 4, "ceil_mode", False)),
        count_padding=bool(argument(step, 5, "count_include_pad", True)),
    )  # fmt: skip


def _global_pool(builder: Builder, step: fx.Node, where: str, x: Value, alone: bool) -> Value:
    if argument(step, 1, "output_size") not in (1, (1, 1), [1, 1]):
        raise ConversionError(f"{where}: expected output size 1")
    kernel = x.shape[1], x.shape[2]
    return builder.pool(step.name, where, kernel, kernel, x)


def _mean(builder: Builder, step: fx.Node, where: str, x: Value, alone: bool) -> Value:
    axes = argument(step, 1, "dim")
    if not isinstance(axes, tuple | list) or sorted(axis % 4 for axis in axes) != [2, 3] or len(x.shape) != 3:
        raise ConversionError(f"{where}: a mean over axes {axes} has no node; expected height and width (2, 3)")
    kernel = x.shape[1], x.shape[2]
    pooled = builder.pool(step.name, where, kernel, kernel, x)
    return pooled if argument(step, 2, "keepdim", False) else builder.flatten(f"{step.name}.flat", where, pooled)


def _flatten(builder: Builder, step: fx.Node, where: str, x: Value, alone: bool) -> Value:
    start, end = argument(step, 1, "start_dim", 0), argument(step, 2, "end_dim", -1)
    if start != 1 or end not in (-1, len(x.shape)):
        raise ConversionError(f"{where}: flattens axes {start} to {end}; expected all but the batch")
    return builder.flatten(step.name, where, x)


def _arithmetic(gain: Callable[[float], float] | None, shift: Callable[[float], float] | None) -> Function:
    """A product or sum with a number."""

    def add(builder: Builder, step: fx.Node, where: str, x: Value, alone: bool) -> Value | None:
        numbers = [value for value in step.args if isinstance(value, int | float)]
        if len(step.args) != 2 or len(numbers) != 1 or step.kwargs:
            return None
        first = isinstance(step.args[0], int | float)
        if first and step.target in (*_DIVISIONS, *_DIFFERENCES):
            if step.target in _DIVISIONS:
                return None
            return builder.affine(where, -1.0, numbers[0], x, alone=alone)
        if step.target in _DIVISIONS and numbers[0] == 0:
            raise ConversionError(f"{where}: divides by zero")
        factor = 1.0 if gain is None else gain(float(numbers[0]))
        offset = 0.0 if shift is None else shift(float(numbers[0]))
        return builder.affine(where, factor, offset, x, alone=alone)

    return add


_PRODUCTS = (operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "mul_")
_DIVISIONS = (operator.truediv, operator.itruediv, torch.div, "div", "div_")
_SUMS = (operator.add, operator.iadd, torch.add, "add", "add_")
_DIFFERENCES = (operator.sub, operator.isub, torch.sub, "sub", "sub_")

FUNCTIONS: dict[object, Function] = {
    F.avg_pool2d: _average_pool,
    F.adaptive_avg_pool2d: _global_pool,
    torch.mean: _mean,
    "mean": _mean,
    torch.flatten: _flatten,
    "flatten": _flatten,
    **dict.fromkeys(_PRODUCTS, _arithmetic(lambda number: number, None)),
    **dict.fromkeys(_DIVISIONS, _arithmetic(lambda number: 1 / number, None)),
    **dict.fromkeys(_SUMS, _arithmetic(None, lambda number: number)),
    **dict.fromkeys(_DIFFERENCES, _arithmetic(None, lambda number: -number)),
}
"""Additions of a call to the graph, by function or method; None for a call that they do not interpret."""


def maximum(builder: Builder, name: str, where: str, options: dict[str, object], x: Value, kind: str = "") -> Value:
    """Add an average pool in place of a max pool; options: those of torch's max_pool2d, kind: its class.

    Raises:
        ConversionError: The max pool takes maxima at the border of the image.
    """
    kernel = pair(options["kernel_size"])
    stride = kernel if options.get("stride") in (None, [], ()) else pair(options["stride"])
    if (
        pair(options.get("padding", 0)) != (0, 0)
        or options.get("ceil_mode")
        or pair(options.get("dilation", 1)) != (1, 1)
    ):
        raise ConversionError(
            f"{where}{kind}: with padding, ceil_mode or dilation it has no average pool to replace it"
        )
    return builder.pool_of_maxima(name, where, kernel, stride, x)


def max_pool_options(step: fx.Node) -> dict[str, object]:
    """Options of a call of max_pool2d, by name."""
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    given = {name: argument(step, index, name) for index, name in enumerate(names, 1)}
    return {name: value for name, value in given.items() if value is not None}
