"""Constant arrays in the order in which the generated code reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikelet.lowering.c.copies import progression
from spikelet.lowering.c.packing import (
    grouped,
    pack,
    pack_inputs,
    pack_quads,
    pack_rows,
    pack_words,
    products_in_16_bits,
)
from spikelet.lowering.c.plan import Ints, Plan
from spikelet.lowering.c.tables import pack_tables
from spikelet.lowering.c.text.declarations import struct
from spikelet.nodes import IF, LIF, Conv2d, Input, Linear, Scale

Packing = Literal["pairs", "words"]
NEVER = 2**30  # threshold of neurons that pad a vector; no potential reaches it


@dataclass(frozen=True)
class Parameter:
    """One constant array.

    Attributes:
        name: Name of the field.
        ctype: C type of the elements.
        meaning: Comment.
        make: Returns the elements, (n,).
    """

    name: str
    ctype: str
    meaning: str
    make: Callable[[], Ints]

    @property
    def values(self) -> Ints:
        """Elements, (n,). They are computed at each access, so that not all arrays are in memory at once."""
        return self.make()


def parameters(plan: Plan, packing: Packing) -> list[Parameter]:
    """Return the constant arrays of a network.

    Args:
        plan: Memory layout; its padding applies to thresholds and biases too.
        packing: Layout of 8-bit weights that spikes select: in pairs for vector registers, or in words of four.
    """
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
                if plan.multiplies_image(name):
                    taps, meaning = plan.taps(name), "the same weights in pairs: [row][pair of inputs][output][input]"
                    make = partial(_flat, pack_rows, taps)
                    arrays.append(Parameter(f"{id_}_products", "int16_t", meaning, make))
                if plan.multiplies_counts(name):
                    arrays += _quads(plan, name)
                if plan.adds_tables(name):
                    arrays.append(_tables(plan, name))
                arrays.append(_int32(f"{id_}_bias", _filled(bias, plan.padded(outputs), 0), "bias"))
            case Scale():
                arrays.append(
                    _int32(
                        f"{id_}_scale", _filled(node.scale, plan.padded(len(node.scale)), 0), "scale of each channel"
                    )
                )
            case IF():
                neurons = plan.padded(len(node.theta))
                start, many = progression(node), node.copies > 1
                theta = _filled(start.step, neurons, NEVER // node.copies)
                arrays.append(_int32(f"{id_}_theta", theta, "distance of copies" if many else "threshold"))
                initial = "lowest initial potential" if many else "initial potential"
                arrays.append(_int32(f"{id_}_initial", _filled(start.start, neurons, 0), initial))
                if isinstance(node, LIF):
                    arrays.append(_int32(f"{id_}_decay", _filled(node.decay, neurons, 1), "shift of the leak"))
    return arrays


def parameter_struct(arrays: list[Parameter]) -> str:
    """Return the C struct of pointers to the arrays."""
    return struct("struct parameters", [(f"const {p.ctype} *{p.name}", p.meaning) for p in arrays])


def _quads(plan: Plan, name: str) -> list[Parameter]:
    neuron, pool = plan.counted(name)
    taps = plan.graph.synapse(name).weight.transpose(2, 3, 1, 0)
    count = plan.graph.neuron(neuron).copies * pool[0] * pool[1]
    id_, meaning = plan.identifiers[name], "the same weights: [16 outputs][tap][four inputs][output][input]"
    most = np.array([products_in_16_bits(taps, count)])
    return [
        Parameter(f"{id_}_quads", "int8_t", meaning, lambda: pack_quads(taps).reshape(-1)),
        _int32(f"{id_}_most", most, "number of products that are added in 16 bits"),
    ]


def _tables(plan: Plan, name: str) -> Parameter:
    taps = plan.graph.synapse(name).weight.transpose(2, 3, 1, 0)
    meaning = "their sums for four inputs: [16 outputs][tap][four inputs][pattern of spikes][output]"
    return Parameter(f"{plan.identifiers[name]}_tables", "int16_t", meaning, partial(_flat, pack_tables, taps))


def _weights(plan: Plan, name: str, field: str, packing: Packing) -> Parameter:
    taps, node = plan.taps(name), plan.graph.nodes[name]
    if plan.packs(name) and packing == "words":
        meaning = "weights in words of four outputs, each plus 128: [tap][input][word]"
        return Parameter(field, "uint32_t", meaning, lambda: pack_words(taps).reshape(-1))
    if plan.packs(name):
        meaning = "weights in pairs, 256 h + l + 128: [block of outputs][tap][input][pair]"
        return Parameter(field, "int16_t", meaning, lambda: pack(taps).reshape(-1))
    if plan.multiplies_pairs(name):
        meaning = "weights of 16 bits in pairs of inputs: [four outputs][pair][output]"
        return Parameter(field, "uint32_t", meaning, lambda: pack_inputs(taps).reshape(-1))
    dtype = f"int{plan.weight_bits(name)}"
    make = partial(grouped, taps, node.groups if isinstance(node, Conv2d) else 1, dtype)
    return Parameter(field, f"{dtype}_t", "weights: [tap][input][output of its group]", make)


def _flat(layout: Callable[[Ints], Ints], taps: Ints) -> Ints:
    return layout(taps).reshape(-1)


def _int32(name: str, values: Ints, meaning: str) -> Parameter:
    return Parameter(name, "int32_t", meaning, lambda: values.astype(np.int32))


def _filled(values: Ints, width: int, fill: int) -> npt.NDArray[np.int32]:
    return np.pad(values.astype(np.int32), (0, width - len(values)), constant_values=fill)
