"""A float32 graph while a source network is read, whatever it was written in.

Every value on the way is held as

    value = factor * (what a graph node sends on) + offset,   factor, offset: one number, or one a channel

so that 1/std of the input, the 1/k² of an average pool and the size of a spike need no nodes of their own: the
next weights take them in. Batch norm folds into the layer before it. What has no exact spiking form is refused
by name and place; nothing is skipped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from spikelet.errors import ConversionError, GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, LI, LIF, Add, Conv2d, Flatten, Input, Linear, Node, Output, Scale, Shape, SumPool2d
from spikelet_converters.frontends.values import ONE, Dynamics, Factor, Value, f32, free_name, node_name

MOST_LEVELS = 32  # of a quantiser that is counted out spike by spike


@dataclass
class Builder:
    """Collects nodes.

    shape: (C, H, W) or (F,) of one input. calibrate: whether a ReLU may stand for a neuron whose threshold is
    found later; its node then has theta = 1 and `relus` its cap. levels: by layer, the steps of its quantiser.
    notes: what a user should know of the reading. replaced: something was, so the source computes otherwise.
    rounds: the source rounds where the reading does not. sealed: nodes that one layer alone may read.
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

    def graph(self) -> Graph:
        """What was collected.

        Raises:
            ConversionError: it is not a valid graph.
        """
        try:
            return Graph(self.nodes, tuple(self.edges))
        except GraphError as error:
            raise ConversionError(f"the network does not form a valid graph: {error}") from None

    def input(self, low: int = 0, high: int = 255) -> Value:
        """The network's input."""
        if self.nodes:
            raise ConversionError("the network takes more than one input; a bundle has one")
        self.nodes["input"] = Input(self.shape, np.zeros(self.shape[0], np.float32), low, high)
        return Value("input", ONE, self.shape)

    def normalise(self, place: str, mean: npt.ArrayLike, std: npt.ArrayLike, x: Value) -> Value:
        """(x - mean) / std, of the input alone. mean, std: () or (C,), in the units of x."""
        if x.node != "input":
            raise ConversionError(f"{place}: the input is normalised first, before any other layer")
        for values in (mean, std):
            if (count := np.size(values)) != self.shape[0] and np.ndim(values):
                raise ConversionError(f"{place}: expected {self.shape[0]} numbers, one a channel; found {count}")
        center = (np.ravel(mean) - x.offsets()) / x.channels()  # in pixels
        factor = x.channels() / np.ravel(std)
        before = self.nodes["input"]
        assert isinstance(before, Input)
        total = before.mean.astype(np.float64) + center
        whole = np.rint(total)  # so that zero padding, which means "the mean", stays exact in integers
        self.nodes["input"] = Input(self.shape, f32(whole), before.low, before.high)
        return Value("input", factor, x.shape, (whole - total) * factor)

    def conv(
        self,
        name: str,
        place: str,
        weight: npt.ArrayLike,
        bias: npt.ArrayLike | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        groups: int,
        x: Value,
    ) -> Value:
        """A convolution; weight: (C_out, C_in / groups, kh, kw)."""
        weight = np.asarray(weight, np.float64)
        wanted = weight.shape[1] * groups
        if x.shape[0] != wanted or len(x.shape) != 3:
            raise ConversionError(f"{place}: takes {wanted} channels, its input has {x.shape[0]} (shape {x.shape})")
        each = len(weight) // groups
        shift = np.repeat(x.offsets().reshape(groups, -1), each, axis=0)
        offset = (weight.sum((2, 3)) * shift).sum(1)
        if padding != (0, 0) and offset.any():
            self.note(f"{place}: the mean of the input is no whole pixel; at the border it was rounded to one")
        weight = weight * np.repeat(x.channels().reshape(groups, -1), each, axis=0)[:, :, None, None]
        bias = np.zeros(len(weight)) if bias is None else np.asarray(bias, np.float64)
        return self.append(name, place, Conv2d(f32(weight), f32(bias + offset), stride, padding, groups), x)

    def linear(self, name: str, place: str, weight: npt.ArrayLike, bias: npt.ArrayLike | None, x: Value) -> Value:
        """A linear layer; weight: (F_out, F_in)."""
        weight = np.asarray(weight, np.float64)
        if x.shape != (weight.shape[1],):
            what = "flatten it" if len(x.shape) > 1 else "is the network's input (--input) of the right size?"
            raise ConversionError(f"{place}: takes ({weight.shape[1]},), its input has shape {x.shape}; {what}")
        bias = np.zeros(len(weight)) if bias is None else np.asarray(bias, np.float64)
        return self.append(name, place, Linear(f32(weight * x.channels()), f32(bias + weight @ x.offsets())), x)

    def affine(self, place: str, gain: npt.ArrayLike, shift: npt.ArrayLike, x: Value) -> Value:
        """Gain x + shift by channel, folded into the layer before: batch norm in evaluation mode."""
        before = self.nodes[x.node]
        if not isinstance(before, Conv2d | Linear) or (x.factor != 1).any():
            raise ConversionError(
                f"{place}: batch norm folds into a convolution or linear layer right before it, "
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

    def shifted(self, place: str, shift: npt.ArrayLike, x: Value) -> Value:
        """X + shift by channel, folded into the bias of the weights right before, which nothing else may read.

        place: where, and why it is needed.
        """
        before = self.nodes[x.node]
        if not isinstance(before, Conv2d | Linear) or any(a == x.node for a, _ in self.edges):
            raise ConversionError(f"{place}, and has no weights of its own to take in the difference")
        self.nodes[x.node] = replace(before, bias=f32(before.bias + np.ravel(shift) / x.channels()))
        self.sealed.add(x.node)
        return x

    def unrounded(self, place: str, what: str) -> None:
        """Leave a quantiser out, and say so."""
        self.rounds = True
        self.note(f"{place}: quantises {what}, and was left out")

    def pool(self, name: str, place: str, kernel: tuple[int, int], stride: tuple[int, int], x: Value) -> Value:
        """An average pool without padding."""
        pooled = self.append(name, place, SumPool2d(kernel, stride), x, keep_offset=True)
        return Value(pooled.node, x.factor / (kernel[0] * kernel[1]), pooled.shape, x.offset)

    def sum_pool(self, name: str, place: str, kernel: tuple[int, int], stride: tuple[int, int], x: Value) -> Value:
        """A sum pool without padding."""
        pooled = self.append(name, place, SumPool2d(kernel, stride), x)
        return Value(pooled.node, x.factor, pooled.shape)

    def relu(self, name: str, place: str, cap: float | None, x: Value) -> Value:
        """A rectifier, clipped at `cap` if there is one: a neuron whose threshold is found by calibration."""
        if cap is not None and cap <= 0:
            raise ConversionError(f"{place}: clips at {cap:g}; expected a bound above 0")
        found = self.neuron(name, place, Dynamics(1.0, 0.5), x)
        self.relus[found.node] = cap
        return found

    def quantiser(
        self, name: str, place: str, theta: float, levels: int, x: Value, v_init: npt.ArrayLike | None = None
    ) -> Value:
        """theta/L clip(round(L x / theta), 0, L), L = `levels`: the clip-floor quantiser that an IF neuron counts out.

        One with more levels than a spiking network has time-steps is taken as a clipped ReLU where one may be.
        """
        if self.calibrate and levels > MOST_LEVELS:
            self.rounds = True
            return self.relu(name, place, theta, x)
        found = self.neuron(name, place, Dynamics(theta, theta / 2 if v_init is None else v_init, spike=theta), x)
        self.levels[found.node] = levels
        return found

    def quantise_relu(self, place: str, theta: float, levels: int, x: Value) -> Value:
        """The quantiser after a rectifier that was read already: together they are one neuron."""
        (source,) = (a for a, b in self.edges if b == x.node)
        before = self.nodes.pop(x.node)
        self.edges.remove((source, x.node))
        del self.relus[x.node]
        assert isinstance(before, IF)
        unit = before.theta.astype(np.float64)  # the rectifier's neuron has theta = 1 in the units of its input
        inner = Value(source, 1 / unit, x.shape)
        return self.quantiser(x.node, place, theta, levels, inner)

    def neuron(self, name: str, place: str, dynamics: Dynamics, x: Value) -> Value:
        """A layer of spiking neurons."""
        self._no_offset(place, x)
        # the current is factor * node, so what is compared with it is divided by the factor
        unit = x.channels() * np.asarray(dynamics.gain, np.float64)
        if (unit <= 0).any():
            raise ConversionError(f"{place}: its input is scaled by {unit.min():g}; expected a factor above 0")
        shape = unit.shape

        def channels(what: str, value: npt.ArrayLike) -> Factor:
            array = np.asarray(value, np.float64).ravel()
            if array.size not in (1, *shape):
                raise ConversionError(f"{place}: {what} has {array.size} values, the layer has {shape[0]} channels")
            return np.broadcast_to(array, shape)

        theta, v_init = channels("the threshold", dynamics.theta) / unit, channels("v_init", dynamics.v_init) / unit
        if not (theta > 0).all():
            raise ConversionError(f"{place}: has a threshold of {theta.min():g}; expected one above 0")
        if dynamics.decay is not None and not (np.asarray(dynamics.decay) > 0).all():
            raise ConversionError(f"{place}: keeps nothing of its potential (a leak of 0); expected a factor above 0")
        if dynamics.decay is None:
            node: Node = IF(f32(theta), f32(v_init), dynamics.reset, dynamics.tie)
        else:
            node = LIF(
                f32(theta), f32(v_init), dynamics.reset, dynamics.tie, f32(channels("the decay", dynamics.decay))
            )
        spikes = self.append(name, place, node, x)
        return Value(spikes.node, np.asarray(dynamics.spike, np.float64), spikes.shape)

    def integrator(self, name: str, place: str, decay: npt.ArrayLike, x: Value, gain: npt.ArrayLike = 1.0) -> Value:
        """A leaky integrator v <- decay v + gain x that sends on its potential; decay, gain: () or (C,)."""
        decay = np.asarray(decay, np.float64).ravel()
        if decay.size not in (1, x.shape[0]):
            raise ConversionError(f"{place}: the decay has {decay.size} values, the layer has {x.shape[0]} channels")
        if not ((decay > 0) & (decay <= 1)).all():
            raise ConversionError(f"{place}: leaks by a factor of {decay.min():g}; expected one above 0 and up to 1")
        held = self.append(name, place, LI(f32(np.broadcast_to(decay, (x.shape[0],)))), x)
        factor = x.factor * np.asarray(gain, np.float64)
        return Value(held.node, factor.reshape(()) if factor.size == 1 else factor, held.shape)

    def flatten(self, name: str, place: str, x: Value) -> Value:
        """(C, H, W) to (C·H·W,), channel first."""
        if len(x.shape) == 1:
            return x
        flat = self.append(name, place, Flatten(), x, keep_offset=True)
        pixels = x.shape[1] * x.shape[2]
        factor, offset = (np.repeat(value, pixels) if value.ndim else value for value in (x.factor, x.offset))
        return Value(flat.node, factor, flat.shape, offset)

    def add(self, name: str, place: str, inputs: list[Value]) -> Value:
        """The sum of values of one shape."""
        sources = []
        for index, x in enumerate(inputs):
            self._no_offset(place, x)
            if x.shape != inputs[0].shape:
                raise ConversionError(f"{place}: adds shapes {inputs[0].shape} and {x.shape}; expected one shape")
            if not isinstance(self.nodes[x.node], Conv2d | Linear | Add | Scale) or (x.factor != 1).any():
                x = self.append(f"{name}.scale{index}", place, Scale(f32(x.channels())), x)
            sources.append(x)
        if len({x.node for x in sources}) < len(sources):
            raise ConversionError(f"{place}: adds a value to itself; double the weight instead")
        total = self.append(name, place, Add(), sources[0])
        for x in sources[1:]:
            self._connect(place, x, total.node)
        return total

    def output(self, inputs: list[Value]) -> Value:
        """The network's answer."""
        if len(inputs) != 1:
            raise ConversionError(f"the network returns {len(inputs)} values; expected the logits alone")
        x = inputs[0]
        if (x.factor != 1).any() or not isinstance(self.nodes[x.node], Conv2d | Linear | Add | Scale | LI):
            self._no_offset("the output", x)
            x = self.append(free_name("logits", self.nodes), "the output", Scale(f32(x.channels())), x)
        return self.append("output", "the output", Output(), x)

    def append(self, name: str, place: str, node: Node, x: Value, *, keep_offset: bool = False) -> Value:
        """A node after x; the new value is what it sends on."""
        if not keep_offset and not isinstance(node, Conv2d | Linear):
            self._no_offset(place, x)
        name = node_name(name)
        if name in ("input", "output") and not isinstance(node, Output):
            name += "_"  # a module may be called so; the graph's own ends are
        if name in self.nodes:
            raise ConversionError(f"{place}: is used twice; a spiking neuron has a state and is used once")
        self._connect(place, x, name)
        self.nodes[name] = node
        try:
            return Value(name, ONE, node.output_shape((x.shape,)))
        except GraphError as error:
            raise ConversionError(f"{place}: {error}") from None

    def note(self, text: str) -> None:
        """Tell the user, once."""
        if text not in self.notes:
            self.notes.append(text)

    def _connect(self, place: str, x: Value, name: str) -> None:
        if x.node in self.sealed and any(a == x.node for a, _ in self.edges):
            raise ConversionError(f"{place}: reads {x.node}, which holds a constant of another layer; give it its own")
        self.edges.append((x.node, name))

    def _no_offset(self, place: str, x: Value) -> None:
        if np.abs(x.offset).max() > 1e-6 * max(1, np.abs(x.factor).max()):
            raise ConversionError(
                f"{place}: the mean of the input is no whole pixel here, and no weights come between to take it in; "
                "normalise with whole means"
            )
