"""The graph under construction during an import, and the values between its layers.

Every intermediate value is represented as

    value = factor * (output of a graph node) + offset,   factor, offset: one number, or one per channel

so that 1/std of the input, the 1/k² of an average pool and the size of a spike need no nodes: they are folded into the
next weights. Batch norm is folded into the layer before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import get_args

import numpy as np
import numpy.typing as npt

from spikelet import options
from spikelet.errors import ConversionError, GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Add, Conv2d, Input, Linear, Node, Output, Scale, Shape, Weighted
from spikelet.nodes.layers import MEAN
from spikelet_converters.frontends.values import (
    NOTHING,
    ONE,
    UNSCALED,
    Ending,
    Factor,
    PoolForm,
    Rounding,
    Value,
    f32,
    free_name,
    node_name,
    one_number,
)

FAINT = 2**-14  # largest factor of pixels that are probably divided by 255 twice
WIDEST = 2048  # largest number of features of a diagonal linear layer


@dataclass
class Construction:
    """A graph under construction.

    Attributes:
        shape: Shape of one input, (C, H, W) or (F,).
        calibrate: Whether a ReLU becomes a neuron whose threshold is calibrated later. Its node has theta = 1 and
            its cap is in `relus`.
        max_pools: Form of max pools: "or" (neurons that fire if one of their inputs fires), "pairs" or "average".
        nodes: The nodes, by name.
        edges: The edges, as (source, target).
        relus: Caps of the rectifiers by layer, None for a rectifier without a cap.
        notes: Notes for the user about differences between the source and the imported graph.
        only_uses: Rectifiers whose input no other layer uses.
        levels: Number of quantiser levels, by layer.
        maxima: Average pools that replace max pools of the source.
        roundings: Quantisers of the source that are not part of the imported graph, by node, in their order.
        border: Value of a zero of the source at the output of the input node, () or (C,). It is 0 if the mean of the
            input is a whole number.
        ending: Function of the logits that the source returns.
        scale: Factor and summand of what it returns, see `spikelet_converters.frontends.endings`.
        sealed: Nodes whose output only one layer may use.
        reserved: Names of layers of the source, which other nodes must not use.
        sums: Sums of layers that represent one layer of the source.
        constants: Numbers of the nodes that do not depend on the input, (C, H, W) or (F,).

    Raises:
        UsageError: There is no such form of max pools.
    """

    shape: Shape
    calibrate: bool = False
    max_pools: PoolForm = "or"
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    relus: dict[str, float | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    only_uses: set[str] = field(default_factory=set)
    levels: dict[str, int] = field(default_factory=dict)
    maxima: set[str] = field(default_factory=set)
    roundings: dict[str, list[Rounding]] = field(default_factory=dict)
    border: Factor = field(default_factory=lambda: NOTHING)
    ending: Ending = "logits"
    scale: tuple[float, float] = UNSCALED
    sealed: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)
    sums: set[str] = field(default_factory=set)
    constants: dict[str, Factor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        options.choice("max_pools", self.max_pools, get_args(PoolForm))

    def graph(self) -> Graph:
        """Return the finished graph, without nodes that lead to no output.

        Raises:
            ConversionError: The nodes and edges are not a valid graph.
        """
        self._remove_unused()
        if not any(isinstance(node, IF | LIF) for node in self.nodes.values()):
            raise ConversionError(
                "the network has no rectifier and no neuron, as a linear classifier has none, so that nothing can "
                "fire; expected one or more, such as a ReLU between its layers"
            )
        try:
            return Graph(self.nodes, tuple(self.edges))
        except GraphError as error:
            raise ConversionError(f"the network does not form a valid graph: {error}") from None

    def _remove_unused(self) -> None:
        """Remove layers whose outputs no layer uses, such as that of channels which a slice leaves out."""
        unused: set[str] | None = None
        while unused is None or unused:
            sources = {source for source, _ in self.edges}
            ends = (name for name, node in self.nodes.items() if not isinstance(node, Input | Output))
            unused = set(ends) - sources
            self.edges = [edge for edge in self.edges if edge[1] not in unused]
            for name in unused:
                del self.nodes[name]
                for entries in (self.relus, self.levels, self.roundings):
                    entries.pop(name, None)
        self.maxima &= self.nodes.keys()
        self.sums &= self.nodes.keys()

    def free_name(self, name: str) -> str:
        """Return a free name, derived from `name`, for a node that does not exist in the source."""
        return free_name(name, self.nodes.keys() | self.reserved)

    def input(self, low: int = 0, high: int = 255) -> Value:
        """Add the network's input, with values from low to high."""
        if self.nodes:
            raise ConversionError("the network takes more than one input; a bundle has one")
        self.nodes["input"] = Input(self.shape, np.zeros(self.shape[0], np.float32), low, high)
        return Value("input", ONE, self.shape)

    def reshaped_input(self, where: str, shape: Shape, x: Value) -> Value:
        """Give the network's input another shape (C, H, W), if it was (F,) and no layer uses it yet."""
        node = self.nodes["input"]
        assert isinstance(node, Input)
        if np.ptp(node.mean) or np.ptp(x.factor) or np.ptp(x.offset):
            raise ConversionError(f"{where}: reshapes an input that is normalised per feature; normalise it after")
        self.shape = shape
        self.nodes["input"] = Input(shape, np.full(shape[0], node.mean[0], np.float32), node.low, node.high)
        self.border = np.asarray(self.border.flat[0])
        return Value("input", np.asarray(x.factor.flat[0]), shape, np.asarray(x.offset.flat[0]))

    def normalise(self, where: str, mean: npt.ArrayLike, std: npt.ArrayLike, x: Value) -> Value:
        """Normalise the input to (x - mean) / std; mean, std: () or (C,), in the units of x."""
        if x.node != "input":
            raise ConversionError(f"{where}: only the input can be normalised, before any other layer")
        for values in (mean, std):
            if (count := np.size(values)) != self.shape[0] and np.ndim(values):
                raise ConversionError(f"{where}: expected {self.shape[0]} numbers, one per channel; found {count}")
        center = (np.ravel(mean) - x.offsets()) / x.channels()  # in pixels
        factor = x.channels() / np.ravel(std)
        before = self.nodes["input"]
        assert isinstance(before, Input)
        total = before.mean.astype(np.float64) + center
        whole = np.rint(total)  # zero padding has the value of the mean, which must be exact in integers
        if np.abs(whole).max() > MEAN:
            raise ConversionError(
                f"{where}: the mean of the input is {np.abs(whole).max():,.0f} pixels; expected at most {MEAN:,}: use "
                "--raw-pixels if the network divides the pixels by 255 itself"
            )
        if np.abs(factor).max() <= FAINT:
            self.note(
                f"{where}: the pixels are divided by {1 / np.abs(factor).max():,.0f}; use --raw-pixels if the network "
                "divides them by 255 itself"
            )
        self.nodes["input"] = Input(self.shape, f32(whole), before.low, before.high)
        self.rescale_roundings("input", np.ones(1), before.mean - whole)
        self.border = np.asarray(total - whole)
        return replace(x, factor=factor, offset=(whole - total) * factor)

    def affine(self, where: str, gain: npt.ArrayLike, shift: npt.ArrayLike, x: Value, *, alone: bool = True) -> Value:
        """Add gain * x + shift, per channel, as batch norm computes it in evaluation mode.

        It is folded into the normalisation of the input, into the layer with weights before it, or else into the
        layers after it.

        Args:
            where: The layer in error messages.
            gain: () or (C,).
            shift: () or (C,).
            x: Input of the layer.
            alone: Whether this layer is the only one that uses x.
        """
        check_finite(where, gain, shift)
        gain = np.broadcast_to(np.ravel(gain), (x.shape[0],)).astype(np.float64)
        shift = np.broadcast_to(np.ravel(shift), (x.shape[0],)).astype(np.float64)
        if x.node == "input" and alone and not any(a == "input" for a, _ in self.edges) and (gain != 0).all():
            return self.normalise(where, -shift / gain, 1 / gain, x)
        before = self.nodes[x.node]
        scaled = (x.factor != 1).any() or x.offset.any() or x.node in self.constants
        scaled = scaled or (x.node in self.roundings and not gain.all())
        if not isinstance(before, Conv2d | Linear) or scaled or not alone:
            factor, offset = x.channels() * gain, x.offsets() * gain + shift
            return replace(x, factor=one_number(factor), offset=one_number(offset))
        weight = before.weight * gain.reshape(-1, *(1,) * (before.weight.ndim - 1))
        self.nodes[x.node] = replace(before, weight=f32(weight), bias=f32(before.bias * gain + shift))
        self.rescale_roundings(x.node, gain, shift)
        return x

    def rescale_roundings(self, name: str, gain: Factor, shift: Factor) -> None:
        """Express the omitted quantisers of a node by its new output, gain * output + shift; gain, shift: (C,)."""
        for index, rounding in enumerate(self.roundings.get(name, ())):
            factor = rounding.factor / gain
            self.roundings[name][index] = replace(rounding, factor=factor, offset=rounding.offset - factor * shift)

    def materialised(self, name: str, where: str, x: Value) -> Value:
        """Add a layer that computes the factor and offset of a value, if no next weights can include them."""
        name = self.free_name(name)
        channels = x.shape[0]
        if len(x.shape) == 3:
            layer: Node = Conv2d(
                f32(x.channels().reshape(channels, 1, 1, 1)), f32(x.offsets()), (1, 1), (0, 0), channels
            )
        elif channels <= WIDEST:
            layer = Linear(f32(np.diag(x.channels())), f32(x.offsets()))
        else:
            raise ConversionError(
                f"{where}: adds a constant per feature to {channels} features, and no weights follow that can "
                "include it; put a linear layer after it"
            )
        return replace(x, node=self.append(name, where, layer, x).node, factor=ONE, offset=NOTHING)

    def separate(self, name: str, where: str, x: Value) -> Value:
        """Add a node for a value that other layers use as well, so that an omitted quantiser is that of this use."""
        if x.parts or x.maxima or x.offset.any():
            return x if x.parts or x.maxima else self.materialised(name, where, x)
        node = self.append(self.free_name(name), where, Scale(f32(x.channels())), x)
        return replace(x, node=node.node, factor=ONE)

    def shifted(self, name: str, where: str, shift: npt.ArrayLike, x: Value) -> Value:
        """Add x + shift, per channel: in the bias of the layer before, if no other layer uses it, or as a layer.

        Args:
            name: Name of the layer that adds it.
            where: The layer that needs it, in error messages.
            shift: () or (C,).
            x: The value.
        """
        before = self.nodes[x.node]
        if not isinstance(before, Conv2d | Linear) or any(a == x.node for a, _ in self.edges):
            return self.materialised(name, where, replace(x, offset=x.offset + np.ravel(shift)))
        self.nodes[x.node] = replace(before, bias=f32(before.bias + np.ravel(shift) / x.channels()))
        self.sealed.add(x.node)
        return x

    def record_rounding(self, rounding: Rounding, x: Value) -> None:
        """Record a quantiser of the source that is not part of the graph."""
        self.roundings.setdefault(x.node, []).append(replace(rounding, factor=x.factor, offset=x.offset))

    def output(self, inputs: list[Value]) -> Value:
        """Add the network's output, the logits."""
        if len(inputs) != 1:
            raise ConversionError(
                f"the network returns {len(inputs)} values; expected the logits alone, or --output-name with their "
                "name, index or key"
            )
        x = inputs[0]
        if x.axes is not None and set(x.shape[1:]) == {1}:
            x = replace(x, axes=None)  # classes of one pixel
        if len(x.shape) > 1:
            shape = ", ".join(str(x.shape[axis]) for axis in x.axes or range(3))
            raise ConversionError(f"the output: has shape (N, {shape}); expected logits (N, K): average or flatten it")
        if x.order is not None:
            raise ConversionError("the output: its axes were permuted; export the network channel first (NCHW)")
        if x.offset.any() and x.node != "input":
            x = self.materialised("logits", "the output", x)
        if (x.factor != 1).any() or not isinstance(self.nodes[x.node], Weighted | Add | LI):
            self.refuse_offset("the output", x)
            x = self.append(self.free_name("logits"), "the output", Scale(f32(x.channels())), x)
        return self.append("output", "the output", Output(), x)

    def append(self, name: str, where: str, node: Node, x: Value, *, keep_offset: bool = False) -> Value:
        """Add a node with the input x, and return its output."""
        if not keep_offset and not isinstance(node, Conv2d | Linear):
            self.refuse_offset(where, x)
        name = node_name(name)
        if name in ("input", "output") and not isinstance(node, Output):
            name = self.free_name(f"{name}_")  # names reserved for the graph's input and output
        if name in self.nodes:
            raise ConversionError(f"{where}: is used twice; a spiking neuron has a state and is used once")
        self.connect(where, x, name)
        self.nodes[name] = node
        try:
            return Value(name, ONE, node.output_shape((x.shape,)))
        except GraphError as error:
            raise ConversionError(f"{where}: {error}") from None

    def note(self, text: str) -> None:
        """Add a note for the user, once."""
        if text not in self.notes:
            self.notes.append(text)

    def connect(self, where: str, x: Value, name: str) -> None:
        """Add an edge from a value to a node."""
        if x.node in self.sealed and any(a == x.node for a, _ in self.edges):
            raise ConversionError(
                f"{where}: uses {x.node}, whose bias includes a constant of another layer; "
                "give this layer weights of its own"
            )
        self.edges.append((x.node, name))

    def refuse_offset(self, where: str, x: Value) -> None:
        """Raise ConversionError if a value has an offset, at a position where no weights can include it."""
        if has_offset(x):
            raise ConversionError(
                f"{where}: the mean of the input is not an integer number of pixels, and no weights follow that can "
                "include it; normalise with integer means"
            )


def has_offset(x: Value) -> bool:
    """Return whether a value has an offset that is more than a rounding error of its normalisation."""
    return bool(np.abs(x.offset).max() > 1e-6 * max(1, np.abs(x.factor).max()))


def check_finite(where: str, *parameters: npt.ArrayLike | None) -> None:
    """Raise ConversionError if parameters of a layer contain NaN or infinity."""
    if not all(np.isfinite(np.asarray(value, np.float64)).all() for value in parameters if value is not None):
        raise ConversionError(f"{where}: its weights contain NaN or infinity; train the network again")
