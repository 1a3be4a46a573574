"""Torch operations that select values, join or pad them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikelet.errors import ConversionError
from spikelet_converters.frontends import pieces, rearranged
from spikelet_converters.frontends.channels import concatenated
from spikelet_converters.frontends.layout import arranged, axes_of, expected_of, sizes
from spikelet_converters.frontends.pixels import gathered
from spikelet_converters.frontends.torch import resampling, stacks
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import BATCH, Stack, Value

DROPOUTS = (
    "alpha_dropout", "dropout", "dropout1d", "dropout2d", "feature_alpha_dropout", "feature_dropout", "native_dropout",
)  # fmt: skip

IDENTITY = ("alias", "clone", "contiguous", "detach", "detach_copy", "lift_fresh_copy", "positive", *DROPOUTS)
"""Operations whose output is their input in evaluation mode."""


def _dropout(call: Call) -> Value:
    rate, training = call.number("p", 0.5), call.get("training", call.get("train", False))
    if training and rate > 0:
        raise ConversionError(
            f"{call.where}: drops values at random in evaluation mode too; give it training=self.training, or use "
            "nn.Dropout; call eval() on a network before torch.export"
        )
    return call.x


def _cat(call: Call) -> Value:
    values = call.get("tensors")
    if not isinstance(values, tuple | list) or not all(isinstance(value, Value | np.ndarray) for value in values):
        raise ConversionError(f"{call.where}: concatenates {values}; expected a list of values of the network")
    axis = int(call.number("dim", 1 if call.kind == "hstack" else 0)) % (len(sizes(call.values[0])) + 1)
    return pieces.joined(call.builder, call.name, call.where, values, axis)


def _stack(call: Call) -> Value | Stack:
    """Join values without an axis of channels, such as (N, H, W), along a new one, or values that are then added up."""
    values = call.get("tensors")
    parts = values if isinstance(values, tuple | list) else []
    axis = int(call.number("dim", 0))
    images = [
        arranged(call.builder.padded(call.name, call.where, x), (0, *axes_of(x)))
        for x in parts if isinstance(x, Value) and x.shape[0] == 1 and axes_of(x) == (1, 2) and not x.regrouped
    ]  # fmt: skip
    if not images or len(images) != len(parts) or axis not in (1, -3):
        return stacks.stacked(call, parts)
    return concatenated(call.where, images)


def _unbind(call: Call) -> list[Value]:
    axis = int(call.number("dim", 0))
    count = sizes(call.x)[axis % (len(sizes(call.x)) + 1) - 1]
    return [_select(replace(call, name=f"{call.name}.{index}", arguments={**call.arguments, "index": index}))
            for index in range(count)]  # fmt: skip


def _split(call: Call) -> list[Value]:
    x = call.x
    axis = int(call.number("dim", 0)) % (len(sizes(x)) + 1)
    size = sizes(x)[axis - 1]
    if call.kind == "chunk":
        widths = [-(-size // int(call.number("chunks", 1)))]
    elif call.kind == "tensor_split":
        widths = [len(part) for part in np.array_split(np.arange(size), _borders(call))]
    else:
        widths = list(call.integers("split_sizes" if "split_sizes" in call.arguments else next(
            name for name in ("split_size", "split_size_or_sections") if name in call.arguments
        )))  # fmt: skip
    if len(widths) == 1 and widths[0] > 0:
        widths = [min(widths[0], size - start) for start in range(0, size, widths[0])]
    return pieces.divided(call.builder, call.name, call.where, x, axis, widths)


def _borders(call: Call) -> list[int] | int:
    """Return the channels at which a tensor_split divides a value, or the number of its parts."""
    tensor = call.get("tensor_indices_or_sections")
    if isinstance(tensor, np.ndarray):
        return [int(border) for border in tensor] if tensor.ndim else int(tensor)
    return list(call.integers("indices")) if "indices" in call.arguments else int(call.number("sections", 1))


def _slice(call: Call) -> Value:
    x = call.x
    slices = [slice(None)] * (len(sizes(x)) + 1)
    axis = int(call.number("dim", 0)) % len(slices)
    start = int(call.number("start", 0))
    last = start + int(call.number("length", 0)) if call.kind == "narrow" else int(call.number("end", 2**31))
    slices[axis] = slice(start, min(last, 2**31), int(call.number("step", 1)))
    return call.builder.sliced(call.name, call.where, slices, x)


def _select(call: Call) -> Value:
    slices: list[object] = [slice(None)] * (len(sizes(call.x)) + 1)
    slices[int(call.number("dim", 0)) % len(slices)] = int(call.number("index", 0))
    return _indexed(call, slices)


def _getitem(call: Call) -> Value:
    index = call.get("other")
    entries = list(index) if isinstance(index, tuple | list) else [index]
    rank = len(sizes(call.x)) + 1
    axes = sum(entry is not None and entry is not Ellipsis for entry in entries)
    index_of_rest = next((i for i, entry in enumerate(entries) if entry is Ellipsis), len(entries))
    entries[index_of_rest : index_of_rest + 1] = [slice(None)] * (rank - axes)
    taken = [entry for entry in entries if entry is not None]
    if call.x.view is not None and not all(isinstance(entry, slice) and entry == slice(None) for entry in taken):
        raise rearranged.refused(call.where, call.x)
    x = call.x if call.x.view is not None else _indexed(call, taken)
    if all(entry is not None for entry in entries):
        return x
    shape = iter(sizes(x))  # an axis for every slice, a new one for every None
    kept = [entry for entry in entries[1:] if not isinstance(entry, int)]
    target = tuple(1 if entry is None else next(shape) for entry in kept)
    if entries[0] is None:
        raise ConversionError(f"{call.where}: adds axes to (N, {', '.join(map(str, sizes(x)))}); {expected_of(x)}")
    return rearranged.reshape(call.builder, call.name, call.where, [BATCH, *target], None, x)


def _indexed(call: Call, entries: list[object]) -> Value:
    """Apply a slice or an index to each axis; an index removes its axis."""
    x = call.x
    if len(entries) == len(sizes(x)) + 1:
        for axis, entry in enumerate(entries):
            if isinstance(entry, list) or (isinstance(entry, np.ndarray) and entry.ndim == 1):
                x = gathered(call.builder, f"{call.name}.{axis}", call.where, np.asarray(entry), axis, x)
                entries[axis] = slice(None)
    if len(entries) != len(sizes(x)) + 1 or not all(isinstance(entry, slice | int) for entry in entries):
        raise ConversionError(f"{call.where}: indexes by {entries}; expected slices and whole numbers")
    slices = [
        entry if isinstance(entry, slice) else slice(int(str(entry)), (int(str(entry)) + 1) or None)
        for entry in entries
    ]
    cut = call.builder.sliced(call.name, call.where, slices, x)
    kept = tuple(size for size, entry in zip(sizes(cut), entries[1:], strict=True) if isinstance(entry, slice))
    return (
        cut if kept == sizes(cut) else call.builder.reshaped(f"{call.name}.rest", call.where, [BATCH, *kept], None, cut)
    )


def _index(call: Call) -> Value:
    indices = call.get("indices")
    assert isinstance(indices, tuple | list)
    entries = [slice(None) if index is None else index for index in indices]
    return _indexed(call, entries + [slice(None)] * (len(sizes(call.x)) + 1 - len(entries)))


def _index_select(call: Call) -> Value:
    x, indices = call.x, call.array("index")
    if indices is None:
        raise ConversionError(f"{call.where}: selects by values of the network; expected constants")
    axis = int(call.number("dim", 0)) % (len(sizes(x)) + 1)
    return gathered(call.builder, call.name, call.where, indices.astype(np.intp), axis, x)


def _turned(call: Call) -> Value:
    """Reverse axes, or move their entries by a number of places, those at the end to the front."""
    x, axes = call.x, call.integers("dims")
    shifts = call.integers("shifts") if call.kind == "roll" else ()
    if call.kind == "roll" and len(shifts) != len(axes):
        raise ConversionError(f"{call.where}: moves by {list(shifts)} along axes {list(axes)}; expected one of each")
    for index, axis in enumerate(axis % (len(sizes(x)) + 1) for axis in axes):
        places = np.arange(sizes(x)[axis - 1] if axis else 0)
        places = np.roll(places, shifts[index]) if shifts else places[::-1]
        x = gathered(call.builder, f"{call.name}.{axis}", call.where, places, axis, x)
    return x


def _pad(call: Call) -> Value:
    x = call.x
    pads, rank = call.integers("pad"), len(sizes(x))
    mode, value = call.get("mode", "constant"), call.number("value", 0)
    if mode in resampling.PADDING:
        return resampling.padded_with_pixels(call, str(mode), pads, x)
    if mode != "constant" or value:
        raise ConversionError(f"{call.where}: pads by {mode} {value:g}; expected zeros, which a convolution adds")
    pairs = [(pads[index], pads[index + 1]) for index in range(0, len(pads), 2)]  # the last axis first
    if len(pairs) > rank:
        raise ConversionError(f"{call.where}: pads {len(pairs)} axes of {rank}; expected height and width")
    return call.builder.surrounded(call.name, call.where, tuple([(0, 0)] * (rank - len(pairs)) + pairs[::-1]), x)


def _expand(call: Call) -> Value:
    x, other = call.x, call.arguments.get("other")
    size = (BATCH, *sizes(other)) if isinstance(other, Value) else call.integers("size")
    before = (BATCH, *sizes(x))
    if len(size) != len(before):
        raise ConversionError(f"{call.where}: expands to {len(size)} axes; expected {len(before)}")
    target = [b if a == -1 else a for a, b in zip(size, before, strict=True)][1:]
    return rearranged.expanded(call.builder, call.name, call.where, target, x)


def _repeat(call: Call) -> Value:
    counts = call.integers("repeats" if "repeats" in call.arguments else "dims")
    if call.kind == "repeat_interleave":
        axis = int(call.number("dim", 0)) % (len(sizes(call.x)) + 1)
        call.get("output_size")  # which follows from the others
        counts = tuple(counts[0] if index == axis else 1 for index in range(len(sizes(call.x)) + 1))
    interleaved = call.kind == "repeat_interleave"
    if call.x.view is not None and not interleaved:
        return rearranged.repeated(call.where, call.x, counts)
    return pieces.repeated(call.builder, call.name, call.where, call.x, counts, interleaved=interleaved)


def _finite(call: Call) -> Value:
    for name in ("nan", "posinf", "neginf"):
        call.get(name)  # the numbers that replace values which are not finite; those of a network are
    return call.x


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(("cat", "concat", "concatenate", "hstack"), _cat),
    **dict.fromkeys(("chunk", "split", "split_with_sizes", "tensor_split"), _split),
    **dict.fromkeys(("slice", "narrow"), _slice),
    **dict.fromkeys(("pad", "constant_pad_nd"), _pad),
    **dict.fromkeys(("repeat", "repeat_interleave", "tile"), _repeat),
    **dict.fromkeys(("expand", "expand_as"), _expand),
    **dict.fromkeys(("flip", "roll"), _turned),
    "getitem": _getitem,
    "index": _index,
    "index_select": _index_select,
    "nan_to_num": _finite,
    "select": _select,
    "stack": _stack,
    "unbind": _unbind,
    **dict.fromkeys(IDENTITY, lambda call: call.x),
    **dict.fromkeys(DROPOUTS, _dropout),
}  # fmt: skip
"""Functions that add a call to the graph, by the name of its operation."""
