"""Build a float32 graph while a source network is imported, for every source format.

Every intermediate value is represented as

    value = factor * (output of a graph node) + offset,   factor, offset: one number, or one per channel

so that 1/std of the input, the 1/k² of an average pool and the size of a spike need no nodes of their own: they are
folded into the next weights. Batch norm is folded into the layer before it. A layer without an exact spiking form
raises an error that names it and its location; no layer is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError, GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Add, Conv2d, Flatten, Input, Linear, Node, Output, Scale, Shape, SumPool2d
from spikelet.products import product
from spikelet_converters.frontends.values import ONE, Dynamics, Factor, Value, f32, free_name, node_name

MOST_LEVELS = 32  # of a quantiser that is converted to a neuron with as many spikes


@dataclass
class Builder:
    """A graph under construction.

    The methods that add a layer take its `name` and `where`, which names it in error messages, and return its output.
    They raise ConversionError if the layer does not fit its input or has no spiking form.

    Attributes:
        shape: Shape of one input, (C, H, W) or (F,).
        calibrate: Whether a ReLU becomes a neuron whose threshold is calibrated later. Its node has theta = 1 and
            its cap is in `relus`.
        nodes: The nodes, by name.
        edges: The edges, as (source, target).
        relus: Caps of the rectifiers by layer, None for a rectifier without a cap.
        notes: Notes for the user about differences between the source and the imported graph.
        levels: Number of quantiser levels, by layer.
        replaced: Whether a layer was replaced, so that the source and the imported graph compute different values.
        rounds: Whether the source has quantisers that the imported graph does not have.
        sealed: Nodes whose output only one layer may use.
        reserved: Names of layers of the source, which added nodes do not take.
    """

    shape: Shape
    calibrate: bool = False
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    relus: dict[str, float | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)
    replaced: bool = False
    rounds: bool = False
    sealed: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)

    def graph(self) -> Graph:
        """The finished graph.

        Raises:
            ConversionError: The nodes and edges are not a valid graph.
        """
        try:
            return Graph(self.nodes, tuple(self.edges))
        except GraphError as error:
            raise ConversionError(f"the network does not form a valid graph: {error}") from None

    def free_name(self, name: str) -> str:
        """`name`, or one like it, for a node that the source does not have."""
        return free_name(name, self.nodes.keys() | self.reserved)

    def input(self, low: int = 0, high: int = 255) -> Value:
        """Add the network's input, with values from low to high."""
        if self.nodes:
            raise ConversionError("the network takes more than one input; a bundle has one")
        self.nodes["input"] = Input(self.shape, np.zeros(self.shape[0], np.float32), low, high)
        return Value("input", ONE, self.shape)

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
        self.nodes["input"] = Input(self.shape, f32(whole), before.low, before.high)
        return Value("input", factor, x.shape, (whole - total) * factor)

    def conv(
        self,
        name: str,
        where: str,
        weight: npt.ArrayLike,
        bias: npt.ArrayLike | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        groups: int,
        x: Value,
    ) -> Value:
        """Add a convolution; weight: (C_out, C_in / groups, kh, kw)."""
        weight = np.asarray(weight, np.float64)
        channels = weight.shape[1] * groups
        if x.shape[0] != channels or len(x.shape) != 3:
            raise ConversionError(f"{where}: expected {channels} input channels, found {x.shape[0]} (shape {x.shape})")
        per_group = len(weight) // groups
        shift = np.repeat(x.offsets().reshape(groups, -1), per_group, axis=0)
        offset = (weight.sum((2, 3)) * shift).sum(1)
        if padding != (0, 0) and offset.any():
            self.note(f"{where}: the mean of the input is no whole pixel; at the border it was rounded to one")
        weight = weight * np.repeat(x.channels().reshape(groups, -1), per_group, axis=0)[:, :, None, None]
        bias = np.zeros(len(weight)) if bias is None else np.asarray(bias, np.float64)
        return self.append(name, where, Conv2d(f32(weight), f32(bias + offset), stride, padding, groups), x)

    def linear(self, name: str, where: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, x: Value) -> Value:
        """Add a linear layer; weight: (F_out, F_in)."""
        weight = np.asarray(weight, np.float64)
        if x.shape != (weight.shape[1],):
            remedy = "flatten it first" if len(x.shape) > 1 else "check the network's input shape (--input)"
            raise ConversionError(
                f"{where}: expected an input of shape ({weight.shape[1]},), found {x.shape}; {remedy}"
            )
        bias = np.zeros(len(weight)) if bias is None else np.asarray(bias, np.float64)
        return self.append(name, where, Linear(f32(weight * x.channels()), f32(bias + product(weight, x.offsets()))), x)

    def affine(self, where: str, gain: npt.ArrayLike, shift: npt.ArrayLike, x: Value) -> Value:
        """Fold gain * x + shift, per channel, into the layer before: batch norm in evaluation mode."""
        before = self.nodes[x.node]
        if not isinstance(before, Conv2d | Linear) or (x.factor != 1).any():
            raise ConversionError(
                f"{where}: expected a convolution or linear layer directly before batch norm, "
                f"found {before.kind} {x.node}"
            )
        gain = np.broadcast_to(np.ravel(gain), (x.shape[0],)).astype(np.float64)
        weight = before.weight * gain.reshape(-1, *(1,) * (before.weight.ndim - 1))
        bias = before.bias * gain + np.ravel(shift)
        if isinstance(before, Conv2d):
            self.nodes[x.node] = Conv2d(f32(weight), f32(bias), before.stride, before.padding, before.groups)
        else:
            self.nodes[x.node] = Linear(f32(weight), f32(bias))
        return x

    def shifted(self, where: str, shift: npt.ArrayLike, x: Value) -> Value:
        """Fold x + shift, per channel, into the bias of the layer before, which no other layer may use.

        Args:
            where: The layer and the reason for the shift, the first half of an error message.
            shift: () or (C,).
            x: The output of a convolution or linear layer.
        """
        before = self.nodes[x.node]
        if not isinstance(before, Conv2d | Linear) or any(a == x.node for a, _ in self.edges):
            raise ConversionError(f"{where}; expected a layer with weights before it, used by no other layer")
        self.nodes[x.node] = replace(before, bias=f32(before.bias + np.ravel(shift) / x.channels()))
        self.sealed.add(x.node)
        return x

    def unrounded(self, where: str, quantised: str) -> None:
        """Note that a quantiser was left out."""
        self.rounds = True
        self.note(f"{where}: quantises {quantised}, and was left out")

    def pool(self, name: str, where: str, kernel: tuple[int, int], stride: tuple[int, int], x: Value) -> Value:
        """Add an average pool without padding."""
        pooled = self.append(name, where, SumPool2d(kernel, stride), x, keep_offset=True)
        return Value(pooled.node, x.factor / (kernel[0] * kernel[1]), pooled.shape, x.offset)

    def sum_pool(self, name: str, where: str, kernel: tuple[int, int], stride: tuple[int, int], x: Value) -> Value:
        """Add a sum pool without padding."""
        pooled = self.append(name, where, SumPool2d(kernel, stride), x)
        return Value(pooled.node, x.factor, pooled.shape)

    def relu(self, name: str, where: str, cap: float | None, x: Value) -> Value:
        """Add a rectifier, clipped at `cap` if given, as a neuron whose threshold is calibrated later."""
        if cap is not None and cap <= 0:
            raise ConversionError(f"{where}: clips at {cap:g}; expected an upper bound above 0")
        spikes = self.neuron(name, where, Dynamics(1.0, 0.5), x)
        self.relus[spikes.node] = cap
        return spikes

    def quantiser(
        self, name: str, where: str, theta: float, levels: int, x: Value, v_init: npt.ArrayLike | None = None
    ) -> Value:
        """Add the quantiser theta/L clip(round(L x / theta), 0, L), L = `levels`, as an IF neuron.

        With `calibrate`, a quantiser of more than MOST_LEVELS levels becomes a clipped ReLU instead.
        """
        if self.calibrate and levels > MOST_LEVELS:
            self.rounds = True
            return self.relu(name, where, theta, x)
        dynamics = Dynamics(theta, theta / 2 if v_init is None else v_init, spike=theta)
        spikes = self.neuron(name, where, dynamics, x)
        self.levels[spikes.node] = levels
        return spikes

    def quantise_relu(self, where: str, theta: float, levels: int, x: Value) -> Value:
        """Replace a rectifier by the quantiser that follows it, so that both are one neuron."""
        (source,) = (a for a, b in self.edges if b == x.node)
        before = self.nodes.pop(x.node)
        self.edges.remove((source, x.node))
        del self.relus[x.node]
        assert isinstance(before, IF)
        unit = before.theta.astype(np.float64)  # the rectifier has theta = 1 in the units of its input
        inner = Value(source, 1 / unit, x.shape)
        return self.quantiser(x.node, where, theta, levels, inner)

    def neuron(self, name: str, where: str, dynamics: Dynamics, x: Value) -> Value:
        """Add a layer of spiking neurons."""
        self._no_offset(where, x)
        # the current is factor * node output, so potentials are divided by the factor
        unit = x.channels() * np.asarray(dynamics.gain, np.float64)
        if (unit <= 0).any():
            raise ConversionError(f"{where}: its input is scaled by {unit.min():g}; expected a factor above 0")
        shape = unit.shape

        def channels(parameter: str, value: npt.ArrayLike) -> Factor:
            array = np.asarray(value, np.float64).ravel()
            if array.size not in (1, *shape):
                raise ConversionError(
                    f"{where}: {parameter} has {array.size} values, the layer has {shape[0]} channels"
                )
            return np.broadcast_to(array, shape)

        theta, v_init = channels("the threshold", dynamics.theta) / unit, channels("v_init", dynamics.v_init) / unit
        if not (theta > 0).all():
            raise ConversionError(f"{where}: has a threshold of {theta.min():g}; expected a value above 0")
        if dynamics.decay is not None and not (np.asarray(dynamics.decay) > 0).all():
            raise ConversionError(f"{where}: keeps nothing of its potential (a leak of 0); expected a factor above 0")
        if dynamics.decay is None:
            node: Node = IF(f32(theta), f32(v_init), dynamics.reset, dynamics.tie)
        else:
            node = LIF(
                f32(theta), f32(v_init), dynamics.reset, dynamics.tie, f32(channels("the decay", dynamics.decay))
            )
        spikes = self.append(name, where, node, x)
        return Value(spikes.node, np.asarray(dynamics.spike, np.float64), spikes.shape)

    def integrator(self, name: str, where: str, decay: npt.ArrayLike, x: Value, gain: npt.ArrayLike = 1.0) -> Value:
        """Add a leaky integrator v <- decay v + gain x whose output is its potential; decay, gain: () or (C,)."""
        decay = np.asarray(decay, np.float64).ravel()
        if decay.size not in (1, x.shape[0]):
            raise ConversionError(f"{where}: the decay has {decay.size} values, the layer has {x.shape[0]} channels")
        if not ((decay > 0) & (decay <= 1)).all():
            raise ConversionError(f"{where}: has a decay of {decay.min():g}; expected a value above 0 and up to 1")
        held = self.append(name, where, LI(f32(np.broadcast_to(decay, (x.shape[0],)))), x)
        factor = x.factor * np.asarray(gain, np.float64)
        return Value(held.node, factor.reshape(()) if factor.size == 1 else factor, held.shape)

    def flatten(self, name: str, where: str, x: Value) -> Value:
        """Flatten (C, H, W) to (C·H·W,), channel first."""
        if len(x.shape) == 1:
            return x
        flat = self.append(name, where, Flatten(), x, keep_offset=True)
        pixels = x.shape[1] * x.shape[2]
        factor, offset = (np.repeat(value, pixels) if value.ndim else value for value in (x.factor, x.offset))
        return Value(flat.node, factor, flat.shape, offset)

    def add(self, name: str, where: str, inputs: list[Value]) -> Value:
        """Add the sum of values of one shape."""
        sources = []
        for index, x in enumerate(inputs):
            self._no_offset(where, x)
            if x.shape != inputs[0].shape:
                raise ConversionError(f"{where}: adds shapes {inputs[0].shape} and {x.shape}; expected equal shapes")
            if not isinstance(self.nodes[x.node], Conv2d | Linear | Add | Scale) or (x.factor != 1).any():
                x = self.append(self.free_name(f"{name}.scale{index}"), where, Scale(f32(x.channels())), x)
            sources.append(x)
        if len({x.node for x in sources}) < len(sources):
            raise ConversionError(f"{where}: adds a value to itself; double the weight instead")
        total = self.append(name, where, Add(), sources[0])
        for x in sources[1:]:
            self._connect(where, x, total.node)
        return total

    def output(self, inputs: list[Value]) -> Value:
        """Add the network's output, the logits."""
        if len(inputs) != 1:
            raise ConversionError(f"the network returns {len(inputs)} values; expected the logits alone")
        x = inputs[0]
        if (x.factor != 1).any() or not isinstance(self.nodes[x.node], Conv2d | Linear | Add | Scale | LI):
            self._no_offset("the output", x)
            x = self.append(self.free_name("logits"), "the output", Scale(f32(x.channels())), x)
        return self.append("output", "the output", Output(), x)

    def append(self, name: str, where: str, node: Node, x: Value, *, keep_offset: bool = False) -> Value:
        """Add a node with the input x; returns its output."""
        if not keep_offset and not isinstance(node, Conv2d | Linear):
            self._no_offset(where, x)
        name = node_name(name)
        if name in ("input", "output") and not isinstance(node, Output):
            name = self.free_name(f"{name}_")  # names reserved for the graph's input and output
        if name in self.nodes:
            raise ConversionError(f"{where}: is used twice; a spiking neuron has a state and is used once")
        self._connect(where, x, name)
        self.nodes[name] = node
        try:
            return Value(name, ONE, node.output_shape((x.shape,)))
        except GraphError as error:
            raise ConversionError(f"{where}: {error}") from None

    def note(self, text: str) -> None:
        """Add a note for the user, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _connect(self, where: str, x: Value, name: str) -> None:
        if x.node in self.sealed and any(a == x.node for a, _ in self.edges):
            raise ConversionError(
                f"{where}: uses {x.node}, whose bias includes a constant of another layer; "
                "give this layer weights of its own"
            )
        self.edges.append((x.node, name))

    def _no_offset(self, where: str, x: Value) -> None:
        if np.abs(x.offset).max() > 1e-6 * max(1, np.abs(x.factor).max()):
            raise ConversionError(
                f"{where}: the mean of the input is no whole pixel here, and no weights come between to take it in; "
                "normalise with whole means"
            )
