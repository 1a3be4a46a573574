"""Constant arrays in the order in which the generated code reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from spikelet.lowering.c.plan import Plan, lanes, padded
from spikelet.lowering.c.text import struct
from spikelet.nodes import IF, LIF, Conv2d, Input, Linear, Scale

Packing = Literal["pairs", "words"]
NEVER = 2**30  # theta of the neurons that only fill up a vector: no potential reaches it


@dataclass(frozen=True)
class Parameter:
    """One constant array.

    Attributes:
        name: name of the field.
        ctype: C type of the elements.
        make: returns the elements, (n,).
        meaning: comment.
    """

    name: str
    ctype: str
    meaning: str
    make: Callable[[], npt.NDArray[Any]]

    @property
    def values(self) -> npt.NDArray[Any]:
        """(n,), laid out anew at each call: large networks need not have all of them at once."""
        return self.make()


def parameters(plan: Plan, packing: Packing = "pairs") -> list[Parameter]:
    """The parameters of a network.

    packing: how 8-bit weights that spikes select are laid out: in pairs for vector registers, with channels filled up
        to whole vectors, or in words of four.
    """
    width = padded if packing == "pairs" else int
    arrays: list[Parameter] = []
    for name in plan.graph.order:
        node, id_ = plan.graph.nodes[name], plan.identifiers[name]
        match node:
            case Input():
                arrays.append(_int32(f"{id_}_mean", node.mean, "mean of each channel"))
            case Conv2d() | Linear():
                outputs = plan.outputs(name)
                bias = np.tile(node.bias, outputs // len(node.bias))
                arrays.append(_weights(plan, name, f"{id_}_weight", packing))
                arrays.append(_int32(f"{id_}_bias", _filled(bias, width(outputs), 0), "bias"))
            case Scale():
                arrays.append(_int32(f"{id_}_scale", node.scale, "scale of each channel"))
            case IF():
                neurons = width(len(node.theta))
                arrays.append(_int32(f"{id_}_theta", _filled(node.theta, neurons, NEVER), "threshold"))
                arrays.append(_int32(f"{id_}_start", _filled(node.v_init, neurons, 0), "potential at time-step 0"))
                if isinstance(node, LIF):
                    arrays.append(_int32(f"{id_}_decay", _filled(node.decay, neurons, 1), "shift of the leak"))
    return arrays


def parameter_struct(arrays: list[Parameter]) -> str:
    """Return the C struct of pointers to the arrays."""
    return struct("struct parameters", [(f"const {p.ctype} *{p.name}", p.meaning) for p in arrays])


def weight_type(plan: Plan, name: str, packing: Packing = "pairs") -> str:
    """The C type of a node's weights: pairs or words of 8 bits, or the smallest integer that holds them."""
    if plan.packs(name):
        return "int16_t" if packing == "pairs" else "uint32_t"
    node = plan.graph.nodes[name]
    assert isinstance(node, Conv2d | Linear)
    if packing == "pairs" and plan.widens(name):
        return "int32_t"
    low, high = int(node.weight.min()), int(node.weight.max())
    bits = next(bits for bits in (8, 16, 32) if -(2 ** (bits - 1)) <= low and high < 2 ** (bits - 1))
    return f"int{bits}_t"


def pack(taps: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    """(kh, kw, C_in, C_out) of 8 bits to pairs, [block][tap][c_in][pair]: weights h and l as 256 h + l + 128.

    Of a block of W outputs, pair i holds output W/2 + i as h and output i as l.
    """
    *kernel, outputs = taps.shape
    width = lanes(outputs)
    packed = np.full((padded(outputs) // width, np.prod(kernel), width // 2), 128, np.int16)
    for index, block in enumerate(packed):  # one by one: a large layer is not copied and widened as a whole
        rows = taps[..., index * width :][..., :width].reshape(len(block), -1).astype(np.int16)
        low, high = np.split(rows, [width // 2], 1)
        block[:, : low.shape[1]] += low
        block[:, : high.shape[1]] += 256 * high
    return packed


def pack_words(taps: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """(kh, kw, C_in, C_out) of 8 bits to words of four outputs, each plus 128, the first lowest: [tap][c_in][word]."""
    *_, outputs = taps.shape
    rows = np.pad(taps.reshape(-1, outputs).astype(np.int64) + 128, ((0, 0), (0, -outputs % 4)))
    words: npt.NDArray[np.uint32] = (
        (rows.reshape(len(rows), -1, 4) << np.array([0, 8, 16, 24])).sum(2).astype(np.uint32)
    )
    return words


def _weights(plan: Plan, name: str, field: str, packing: Packing) -> Parameter:
    taps, ctype = plan.taps(name), weight_type(plan, name, packing)
    if plan.packs(name) and packing == "words":
        meaning = "weights in words of four outputs, each plus 128: [tap][input][word]"
        return Parameter(field, ctype, meaning, lambda: pack_words(taps).reshape(-1))
    if plan.packs(name):
        meaning = "weights in pairs, 256 h + l + 128: [block of outputs][tap][input][pair]"
        return Parameter(field, ctype, meaning, lambda: pack(taps).reshape(-1))
    groups = getattr(plan.graph.nodes[name], "groups", 1)
    make = partial(_plain, taps, groups, ctype.removesuffix("_t"))
    return Parameter(field, ctype, "weights: [tap][input][output of its group]", make)


def _plain(taps: npt.NDArray[Any], groups: int, dtype: str) -> npt.NDArray[Any]:
    *kernel, inputs, outputs = taps.shape
    # (kh, kw, C_in / groups, groups, C_out / groups) -> [tap][c_in of all groups][output of its group]
    split = taps.reshape(*kernel, inputs, groups, outputs // groups).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(split).reshape(-1).astype(dtype)


def _int32(name: str, values: npt.NDArray[Any], meaning: str) -> Parameter:
    return Parameter(name, "int32_t", meaning, lambda: values.astype(np.int32))


def _filled(values: npt.NDArray[Any], width: int, fill: int) -> npt.NDArray[np.int32]:
    return np.pad(values.astype(np.int32), (0, width - len(values)), constant_values=fill)
