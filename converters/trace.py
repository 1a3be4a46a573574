"""From a torch network to a graph in float32 that computes the same spikes.

The network is traced with torch.fx and read node by node. Every value on the way is held as

    value = factor * (what a graph node sends on),   factor: one number, or one a channel

so that 1/std of the input, the 1/k² of an average pool and the theta of a spike need no nodes of their own:
the next weights take them in. Batch norm folds into the layer before it. What has no exact spiking form is
refused by name and place; nothing is skipped.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import fx, nn

from spikelet.converters.activation import SpikingActivation
from spikelet.converters.networks.common import Normalise
from spikelet.errors import ConversionError, GraphError
from spikelet.graph import Graph
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Node, Output, Scale, Shape, SumPool2d

Factor = npt.NDArray[np.float64]

_POOL = "train with average pooling instead: a maximum of rates is not a rate of spikes"
_RELU = "use a SpikingActivation module, which has the threshold that a neuron needs"
ADVICE = {
    "MaxPool2d": _POOL,
    "max_pool2d": _POOL,
    "boolean_dispatch": _POOL,  # what torch.fx sees of functional.max_pool2d
    "ReLU": _RELU,
    "relu": _RELU,
    "cat": "a concatenation of layers has no node in IR version 1; add the layers instead",
}


@dataclass
class Value:
    """factor * output of graph node `node`, of shape `shape` for one sample; factor: () or (C,)."""

    node: str
    factor: Factor
    shape: Shape

    def channels(self) -> Factor:
        """The factor of each channel, (C,)."""
        return np.broadcast_to(self.factor, (self.shape[0],)).astype(np.float64)


class _Tracer(fx.Tracer):
    record_stack_traces = True  # so that a refusal can name the line of the user's code

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, SpikingActivation | Normalise) or super().is_leaf_module(m, module_qualified_name)


def trace(network: nn.Module, shape: Shape) -> Graph:
    """The float32 graph of a source network, whose IF nodes carry the names of their modules.

    shape: (C, H, W) of one input, in pixels.

    Raises:
        ConversionError: something in the network has no exact spiking form; names it, its place and a way out.
    """
    network = network.eval()
    try:
        graph = _Tracer().trace(network)
    except (fx.proxy.TraceError, TypeError, ValueError) as error:
        raise ConversionError(
            f"{type(network).__name__}.forward: cannot be traced ({error}); it may not branch on values"
        ) from None
    builder = _Builder(dict(network.named_modules()), shape)
    values: dict[fx.Node, Value] = {}
    for step in graph.nodes:
        values[step] = builder.read(step, [values[each] for each in step.all_input_nodes])
    return builder.finish()


class _Builder:
    """Collects nodes while the traced network is read."""

    def __init__(self, modules: dict[str, nn.Module], shape: Shape) -> None:
        self.modules = modules
        self.shape = shape
        self.nodes: dict[str, Node] = {}
        self.edges: list[tuple[str, str]] = []
        self.place = ""

    def read(self, step: fx.Node, inputs: list[Value]) -> Value:
        self.place = str(step.target)
        match step.op:
            case "placeholder":
                return self._input()
            case "call_module":
                return self._module(str(step.target), self.modules[str(step.target)], step, inputs)
            case "call_function" if step.target in (operator.add, operator.iadd, torch.add) and len(inputs) == 2:
                return self._add(step.name, inputs)
            case "call_function" if step.target is torch.flatten and step.args[1:] == (1,):
                return self._flatten(step.name, inputs[0])
            case "call_method" if step.target == "flatten" and step.args[1:] == (1,):
                return self._flatten(step.name, inputs[0])
            case "output":
                return self._output(inputs)
        name = getattr(step.target, "__name__", str(step.target))
        raise self._refusal(name, f"`{name}` at node {step.name} of the traced network{_source(step)}")

    def finish(self) -> Graph:
        try:
            return Graph(self.nodes, tuple(self.edges))
        except GraphError as error:
            raise ConversionError(f"the network does not form a valid graph: {error}") from None

    def _module(self, name: str, module: nn.Module, step: fx.Node, inputs: list[Value]) -> Value:
        handlers: dict[type[nn.Module], Callable[[str, Any, Value], Value]] = {
            Normalise: self._normalise,
            nn.Conv2d: self._conv,
            nn.Linear: self._linear,
            nn.BatchNorm2d: self._batch_norm,
            nn.BatchNorm1d: self._batch_norm,
            nn.AvgPool2d: self._average_pool,
            nn.AdaptiveAvgPool2d: self._global_pool,
            SpikingActivation: self._neuron,
        }
        if isinstance(module, nn.Identity | nn.Dropout | nn.Dropout2d):
            return inputs[0]  # dropout does nothing in evaluation mode
        if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
            return self._flatten(name, inputs[0])
        handler = handlers.get(type(module))
        if handler is None:
            raise self._refusal(type(module).__name__, f"module {name} ({type(module).__name__})")
        shared = any(len(source.users) > 1 for source in step.all_input_nodes)
        if shared and isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            raise ConversionError(f"module {name}: the layer before this batch norm feeds others too; it cannot fold")
        return handler(name, module, inputs[0])

    def _input(self) -> Value:
        if self.nodes:
            raise ConversionError("the network takes more than one input; a bundle has one")
        self.nodes["input"] = Input(self.shape, np.zeros(self.shape[0], np.float32))
        return Value("input", np.ones(()), self.shape)

    def _normalise(self, name: str, module: Normalise, x: Value) -> Value:
        if x.node != "input":
            raise ConversionError(f"module {name}: the input is normalised first, before any other layer")
        mean = module.mean.numpy().ravel()
        if len(mean) != self.shape[0]:
            raise ConversionError(f"module {name}: has {len(mean)} channels, the input has {self.shape[0]}")
        self.nodes["input"] = Input(self.shape, mean.astype(np.float32))
        return Value("input", 1 / module.std.numpy().ravel().astype(np.float64), x.shape)

    def _conv(self, name: str, module: nn.Conv2d, x: Value) -> Value:
        if module.dilation != (1, 1) or module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise ConversionError(
                f"module {name} (Conv2d): dilation {module.dilation}, padding {module.padding!r} "
                f"({module.padding_mode}); expected dilation 1 and a number of zeros as padding"
            )
        if x.shape[0] != module.in_channels:
            raise ConversionError(f"module {name}: takes {module.in_channels} channels, its input has {x.shape[0]}")
        weight = module.weight.detach().numpy().astype(np.float64)
        factor = x.channels().reshape(module.groups, -1)
        per_output = np.repeat(factor, len(weight) // module.groups, axis=0)
        weight = weight * per_output[:, :, None, None]
        node = Conv2d(_f32(weight), _bias(module), _pair(module.stride), _pair(module.padding), module.groups)
        return self._append(name, node, x)

    def _linear(self, name: str, module: nn.Linear, x: Value) -> Value:
        if x.shape != (module.in_features,):
            raise ConversionError(f"module {name}: takes ({module.in_features},), its input has shape {x.shape}")
        weight = module.weight.detach().numpy().astype(np.float64) * x.channels()
        return self._append(name, Linear(_f32(weight), _bias(module)), x)

    def _batch_norm(self, name: str, module: nn.BatchNorm2d, x: Value) -> Value:
        before = self.nodes[x.node]
        if not isinstance(before, Conv2d | Linear) or module.running_mean is None or module.running_var is None:
            raise ConversionError(
                f"module {name}: batch norm folds into a convolution or linear layer right before it, "
                f"found {before.kind} {x.node}"
            )
        mean, var = (value.numpy().astype(np.float64) for value in (module.running_mean, module.running_var))
        gain = 1 / np.sqrt(var + module.eps)
        shift = -mean * gain
        if module.affine:
            gamma, beta = (value.detach().numpy().astype(np.float64) for value in (module.weight, module.bias))
            gain, shift = gain * gamma, shift * gamma + beta
        weight = before.weight * gain.reshape(-1, *(1,) * (before.weight.ndim - 1))
        bias = before.bias * gain + shift
        if isinstance(before, Conv2d):
            self.nodes[x.node] = Conv2d(_f32(weight), _f32(bias), before.stride, before.padding, before.groups)
        else:
            self.nodes[x.node] = Linear(_f32(weight), _f32(bias))
        return x

    def _average_pool(self, name: str, module: nn.AvgPool2d, x: Value) -> Value:
        kernel, stride = _pair(module.kernel_size), _pair(module.stride)
        if _pair(module.padding) != (0, 0) or module.ceil_mode or module.divisor_override is not None:
            raise ConversionError(f"module {name} (AvgPool2d): padding, ceil_mode and divisor_override have no node")
        return self._pool(name, kernel, stride, x)

    def _global_pool(self, name: str, module: nn.AdaptiveAvgPool2d, x: Value) -> Value:
        if module.output_size not in (1, (1, 1)):
            raise ConversionError(f"module {name} (AdaptiveAvgPool2d): expected output size 1")
        kernel = (x.shape[1], x.shape[2])
        return self._pool(name, kernel, kernel, x)

    def _pool(self, name: str, kernel: tuple[int, int], stride: tuple[int, int], x: Value) -> Value:
        pooled = self._append(name, SumPool2d(kernel, stride), x)
        return Value(pooled.node, x.factor / (kernel[0] * kernel[1]), pooled.shape)

    def _neuron(self, name: str, module: SpikingActivation, x: Value) -> Value:
        lam = float(module.lam.detach())
        # the current is factor * node, so the threshold in units of the node is theta / factor
        theta = _f32(lam / x.channels())
        v_init = theta / 2 if module.shift is None else _f32(theta * module.shift.detach().numpy())
        spikes = self._append(name, IF(theta, v_init), x)
        return Value(spikes.node, np.full((), lam), spikes.shape)

    def _flatten(self, name: str, x: Value) -> Value:
        if len(x.shape) == 1:
            return x
        flat = self._append(name, Flatten(), x)
        factor = np.repeat(x.factor, x.shape[1] * x.shape[2]) if x.factor.ndim else x.factor
        return Value(flat.node, factor, flat.shape)

    def _add(self, name: str, inputs: list[Value]) -> Value:
        sources = []
        for index, x in enumerate(inputs):
            if not isinstance(self.nodes[x.node], Conv2d | Linear | Add) or (x.factor != 1).any():
                x = self._append(f"{name}.scale{index}", Scale(_f32(x.channels())), x)
            sources.append(x)
        total = self._append(name, Add(), sources[0])
        self.edges.append((sources[1].node, total.node))
        return total

    def _output(self, inputs: list[Value]) -> Value:
        if len(inputs) != 1:
            raise ConversionError(f"the network returns {len(inputs)} values; expected the logits alone")
        x = inputs[0]
        if (x.factor != 1).any() or not isinstance(self.nodes[x.node], Conv2d | Linear | Add):
            x = self._append("logits", Scale(_f32(x.channels())), x)
        return self._append("output", Output(), x)

    def _append(self, name: str, node: Node, x: Value) -> Value:
        name = node_name(name)
        if name in self.nodes:
            raise ConversionError(f"module {name}: is used twice; a spiking neuron has a state and is used once")
        self.nodes[name] = node
        self.edges.append((x.node, name))
        try:
            return Value(name, np.ones(()), node.output_shape((x.shape,)))
        except GraphError as error:
            raise ConversionError(f"module {name}: {error}") from None

    def _refusal(self, kind: str, where: str) -> ConversionError:
        advice = ADVICE.get(kind, "it has no exact spiking form here")
        return ConversionError(f"{where}: {advice}")


def node_name(module: str) -> str:
    """The graph's name for a module: the same, with a letter in front where it begins with a digit."""
    return f"n{module}" if module[:1].isdigit() else module


def _f32(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(value, np.float32)


def _bias(module: nn.Conv2d | nn.Linear) -> npt.NDArray[np.float32]:
    if module.bias is None:
        return np.zeros(len(module.weight), np.float32)
    return _f32(module.bias.detach().numpy())


def _pair(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[1])) if isinstance(value, tuple | list) else (int(value), int(value))


def _source(step: fx.Node) -> str:
    """Where in the user's code a traced call stands, if torch kept it: the innermost frame that is not torch's."""
    frames = (step.stack_trace or "").split("File ")[1:]
    theirs = [" ".join(frame.split()) for frame in frames if torch.__path__[0] not in frame]
    return f", {theirs[-1]}" if theirs else ""
