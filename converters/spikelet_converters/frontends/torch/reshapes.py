"""Torch operations that change the shape of a value or the order of its axes."""

from __future__ import annotations

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import rearranged
from spikelet_converters.frontends.channels import check_along_channels, selected
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import BATCH, Value


def _flatten(call: Call) -> Value:
    x = call.x
    shape = [BATCH, *sizes(x)]
    start, end = (int(call.number(name, axis)) % len(shape) for name, axis in (("start_dim", 0), ("end_dim", -1)))
    if start < 1 or end < start:
        raise ConversionError(f"{call.where}: flattens axes {start} to {end}; expected all but the batch")
    new = [*shape[:start], int(np.prod(shape[start : end + 1])), *shape[end + 1 :]]
    return rearranged.reshape(call.builder, call.name, call.where, new, None, x)


def _view(call: Call) -> Value:
    size = call.integers("size" if "size" in call.arguments else "shape")
    return rearranged.reshape(call.builder, call.name, call.where, list(size), call.batch, call.x)


def _view_as(call: Call) -> Value:
    x, like = call.x, call.values[-1]
    return rearranged.reshape(call.builder, call.name, call.where, [BATCH, *sizes(like)], None, x)


def _unflatten(call: Call) -> Value:
    x = call.x
    shape, axis = [BATCH, *sizes(x)], int(call.number("dim", 1))
    axis %= len(shape)
    new = [*shape[:axis], *call.integers("sizes"), *shape[axis + 1 :]]
    return rearranged.reshape(call.builder, call.name, call.where, new, None, x)


def _squeeze(call: Call) -> Value:
    x = call.x
    shape = sizes(x)
    axes = [i + 1 for i, size in enumerate(shape) if size == 1] if call.get("dim") is None else call.integers("dim")
    removed = {axis % (len(shape) + 1) for axis in axes}
    removed = {axis for axis in removed if axis and shape[axis - 1] == 1}
    new = [BATCH, *(size for index, size in enumerate(shape) if index + 1 not in removed)]
    return rearranged.reshape(call.builder, call.name, call.where, new, None, x) if removed else x


def _unsqueeze(call: Call) -> Value:
    x = call.x
    shape = [BATCH, *sizes(x)]
    shape.insert(int(call.number("dim", 1)) % (len(shape) + 1), 1)
    return rearranged.reshape(call.builder, call.name, call.where, shape, None, x)


def _permute(call: Call) -> Value:
    x = call.x
    rank = len(sizes(x)) + 1
    if call.kind == "permute":
        order = [axis % rank for axis in call.integers("dims")]
    elif call.kind in ("movedim", "moveaxis"):
        sources, targets = ([axis % rank for axis in call.integers(name)] for name in ("source", "destination"))
        order = [axis for axis in range(rank) if axis not in sources]
        for target, source in sorted(zip(targets, sources, strict=True)):
            order.insert(target, source)
    else:
        order = list(range(rank))
        names = ("axis0", "axis1") if call.kind == "swapaxes" else ("dim0", "dim1")
        first, second = (int(call.number(name, 0)) % rank for name in names)
        order[first], order[second] = order[second], order[first]
    return rearranged.transpose(call.where, call.builder.padded(call.name, call.where, x), order)


def _channel_shuffle(call: Call) -> Value:
    x, groups = call.x, int(call.number("groups", 1))
    check_along_channels(call.where, "shuffles", x, 1)
    if groups < 1 or x.shape[0] % groups:
        raise ConversionError(f"{call.where}: shuffles {x.shape[0]} channels in {groups} groups; expected a multiple")
    return selected(x, np.arange(x.shape[0]).reshape(groups, -1).T.ravel())


OF_VIEWS = (
    "_unsafe_view", "flatten", "movedim", "moveaxis", "permute", "reshape", "squeeze", "swapaxes", "swapdims",
    "transpose", "unflatten", "unsqueeze", "view",
)  # fmt: skip
"""Operations that take reshaped values which no node has."""

HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("view", "reshape", "_unsafe_view"), _view),
    **dict.fromkeys(("movedim", "moveaxis", "permute", "swapaxes", "swapdims", "transpose"), _permute),
    **dict.fromkeys(("reshape_as", "view_as"), _view_as),
    "channel_shuffle": _channel_shuffle,
    "flatten": _flatten,
    "squeeze": _squeeze,
    "unflatten": _unflatten,
    "unsqueeze": _unsqueeze,
}
"""Functions that add a call to the graph, by the name of its operation."""
