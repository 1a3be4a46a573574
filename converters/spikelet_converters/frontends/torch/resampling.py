"""Torch operations that resample images, pad them with pixels, or turn channels into pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from spikelet.errors import ConversionError, pass_out_of_memory
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.pixels import depth_to_space, padded_by, space_to_depth, weighed
from spikelet_converters.frontends.torch.calls import Call, Handler
from spikelet_converters.frontends.values import Value

PADDING = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""Modes of padding with pixels, and their names in NumPy."""


def padded_with_pixels(call: Call, mode: str, pads: tuple[int, ...], x: Value) -> Value:
    """Add pixels around an image; pads: before and after each axis, the last axis first."""
    axes = len(sizes(x)) - 1
    if mode not in PADDING or len(pads) != 2 * axes:
        raise ConversionError(f"{call.where}: pads {list(pads)} by {mode}; expected {', '.join(PADDING)} of all pixels")
    pairs = [(pads[index], pads[index + 1]) for index in range(0, len(pads), 2)][::-1]
    return padded_by(call.builder, f"{call.name}.pad", call.where, PADDING[mode], pairs, x)


def _pad(call: Call) -> Value:
    for mode in PADDING:
        if call.kind.startswith({"reflect": "reflection", "replicate": "replication"}.get(mode, mode)):
            return padded_with_pixels(call, mode, call.integers("padding"), call.x)
    raise ConversionError(f"{call.where}: pads in a way that is not supported")


def _resampled(call: Call) -> Value:
    arguments = dict(list(call.arguments.items())[1:])
    operation: Callable[..., torch.Tensor] = F.interpolate
    if call.kind != "interpolate":
        operation = getattr(torch.ops.aten, call.kind)

    def resampled(units: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        try:
            result: npt.NDArray[np.float32] = operation(torch.from_numpy(units), **arguments).numpy()
        except Exception as error:  # torch raises many types of errors
            pass_out_of_memory(error, call.where)
            reason = str(error).partition("\n")[0]
            raise ConversionError(f"{call.where}: cannot be evaluated on {sizes(call.x)} ({reason})") from None
        return result

    return weighed(call.builder, call.name, call.where, resampled, _after(call), call.x)


def _after(call: Call) -> list[float]:
    """Return the approximate number of pixels along each axis after resampling."""
    before = sizes(call.x)[1:]

    def numbers(*names: str) -> list[float]:
        argument = next((call.get(name) for name in names if call.get(name) is not None), None)
        listed = entries(argument)
        values = [float(entry) for entry in listed if isinstance(entry, int | float)]
        if len(values) < len(listed):
            raise ConversionError(f"{call.where}: resizes by {argument!r}; expected numbers")
        return values * len(before) if len(values) == 1 else values

    goal, factors = numbers("size", "output_size"), numbers("scale_factor", "scale_factors")
    if len(goal or factors) != len(before):
        raise ConversionError(
            f"{call.where}: resizes {len(before)} axes by {goal or factors}; expected as many numbers"
        )
    return goal or [size * factor for size, factor in zip(before, factors, strict=True)]


def _pixel_shuffle(call: Call) -> Value:
    block = int(call.number("upscale_factor", 1))
    return depth_to_space(call.builder, call.name, call.where, block, call.x, depth_first=False)


def _pixel_unshuffle(call: Call) -> Value:
    block = int(call.number("downscale_factor", 1))
    return space_to_depth(call.builder, call.name, call.where, block, call.x, depth_first=False)


def entries(argument: object) -> list[object]:
    """Return the entries of nested lists."""
    if isinstance(argument, tuple | list):
        return [inner for entry in argument for inner in entries(entry)]
    return [] if argument is None else [argument]


_SAMPLED = ("nearest1d", "nearest2d", "nearest_exact1d", "nearest_exact2d", "linear1d", "bilinear2d", "bicubic2d")
HANDLERS: dict[str, Handler] = {
    **dict.fromkeys([f"{kind}_pad{axes}d" for kind in ("reflection", "replication", "circular") for axes in (1, 2)],
                    _pad),
    **dict.fromkeys(["interpolate", *(f"upsample_{kind}" for kind in _SAMPLED)], _resampled),
    **dict.fromkeys(["_upsample_nearest_exact1d", "_upsample_nearest_exact2d"], _resampled),
    "pixel_shuffle": _pixel_shuffle,
    "pixel_unshuffle": _pixel_unshuffle,
}  # fmt: skip
"""Additions of a call to the graph, by the name of its operation."""
