"""Import a torch network as a float32 graph by tracing it with torch.fx.

Every traced call is added to a `Builder`. Spiking activations keep their thresholds. With `Builder.calibrate`, a ReLU
module or function becomes a neuron whose threshold is calibrated later.
"""

from __future__ import annotations

import operator
import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import fx, nn
from torch.nn import functional as F

from spikelet.errors import ConversionError, pass_out_of_memory
from spikelet.graph import Graph
from spikelet.nodes import Shape
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.refusals import UNKNOWN
from spikelet_converters.frontends.torch import calls, functions, quant_aware, time_loop
from spikelet_converters.frontends.values import Value, free_name, node_name
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks.common import Normalise

_LINE = "spikelet line"  # key of a node's meta


class _Tracer(fx.Tracer):
    """Traces a network and records the line of the user's code that makes each call, so that an error can name it.

    torch records stacks too (`record_stack_traces`), and imports its compiler for that, which takes more than a second.
    """

    def create_node(
        self,
        kind: str,
        target: fx.node.Target,
        args: tuple[fx.node.Argument, ...],
        kwargs: dict[str, fx.node.Argument],
        name: str | None = None,
        type_expr: object = None,
    ) -> fx.Node:
        node = super().create_node(kind, target, args, kwargs, name, type_expr)
        node.meta[_LINE] = _user_line(sys._getframe(1))
        return node

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, SpikingActivation | Normalise) or frameworks.is_layer(m) or quant_aware.is_layer(m):
            return True
        return super().is_leaf_module(m, module_qualified_name)


def trace(network: nn.Module, shape: Shape) -> Graph:
    """The float32 graph of a source network, whose IF nodes have the names of their modules.

    Args:
        network: The source network.
        shape: Shape of one input, (C, H, W), in pixels.

    Raises:
        ConversionError: A layer has no exact spiking form. The message names the layer, its location and an
            alternative.
    """
    return read(network, Builder(shape)).graph()


def read(network: nn.Module, builder: Builder, *, average_pools: bool = False, start: Value | None = None) -> Builder:
    """Add a network to a builder.

    Args:
        network: The source network.
        builder: The builder to add to.
        average_pools: Replace max pools by average pools.
        start: The normalised input, if the builder has it already.

    Raises:
        ConversionError: As `trace`.
    """
    network, graph, steps = traced(network)
    reader = _Reader(dict(network.named_modules()), builder, average_pools, start)
    if steps > 1:
        builder.note(f"the loop over {steps} time-steps in forward was reduced to one time-step")
    values: dict[fx.Node, Value] = {}
    for step in graph.nodes:
        if not reader.ignored(step):
            values[step] = reader.read(step, [values[source] for source in step.all_input_nodes if source in values])
    return builder


def traced(network: nn.Module) -> tuple[nn.Module, fx.Graph, int]:
    """Trace a network in evaluation mode; layers of frameworks and quantisation-aware layers are leaves.

    Returns:
        The network, as a plain container if it is a framework's container, its calls, and the number of time-steps of
        the loop in its `forward`, of which the calls are one time-step.

    Raises:
        ConversionError: The network cannot be traced, or has a loop that is not one over time-steps.
    """
    network = network.eval()
    inner = frameworks.children(network)
    if inner is not None:
        network = nn.Sequential(OrderedDict(inner))  # the container would keep states, which the engine keeps
    try:
        graph = _Tracer().trace(network)
    except Exception as error:  # of the user's own code, which is called with proxies
        pass_out_of_memory(error, f"{type(network).__name__}.forward")
        spiking = any(frameworks.is_neuron(module) for module in network.modules())
        advice = time_loop.ADVICE if spiking else "it may not branch on values"
        raise ConversionError(f"{type(network).__name__}.forward: cannot be traced ({error}); {advice}") from None
    neurons = {name for name, module in network.named_modules() if frameworks.is_neuron(module)}
    steps = time_loop.one_step(graph, lambda step: step.op == "call_module" and step.target in neurons)
    return network, graph, steps


class _Reader:
    """Adds the traced calls to a builder, one after another."""

    def __init__(self, modules: dict[str, nn.Module], builder: Builder, average_pools: bool, start: Value | None):
        self.modules = modules
        self.builder = builder
        self.average_pools = average_pools
        self.start = start

    def ignored(self, step: fx.Node) -> bool:
        """Whether a call handles states of a framework's neuron, which the engine keeps, or sizes."""
        if step.op == "placeholder":
            return step.prev.op != "root" and all(self.is_neuron(user) for user in step.users)
        if step.op == "get_attr":
            return all(self.is_neuron(user) and step not in user.args[:1] for user in step.users)  # initial states
        if calls.is_size(step):
            return True
        if step.op != "call_function" or step.target is not operator.getitem:
            return False
        source = step.args[0]
        return bool(step.args[1] != 0) or (isinstance(source, fx.Node) and calls.is_size(source))

    def is_neuron(self, step: fx.Node) -> bool:
        """Whether a call is one of a framework's neuron."""
        return step.op == "call_module" and frameworks.is_neuron(self.modules[str(step.target)])

    def read(self, step: fx.Node, inputs: list[Value]) -> Value:
        match step.op:
            case "placeholder":
                return self.start if self.start is not None and step.prev.op == "root" else self.builder.input()
            case "call_module":
                return self._module(str(step.target), self.modules[str(step.target)], step, inputs)
            case "call_function" | "call_method":
                value = self._function(step, inputs)
                if value is not None:
                    return value
            case "output":
                return self.builder.output(inputs[:1] if self._returns_state(step) else inputs)
        name = getattr(step.target, "__name__", str(step.target))
        raise _refusal(name, self._where(step))

    def _returns_state(self, step: fx.Node) -> bool:
        """Whether the network returns (spikes, states…) of one neuron, as in snnTorch and Norse."""
        return len({source.args[0] for source in step.all_input_nodes if source.target is operator.getitem}) == 1

    def _where(self, step: fx.Node) -> str:
        name = getattr(step.target, "__name__", str(step.target))
        return f"`{name}` at node {step.name} of the traced network{_source(step)}"

    def _function(self, step: fx.Node, inputs: list[Value]) -> Value | None:
        builder, target, where = self.builder, step.target, self._where(step)
        if target in (operator.add, operator.iadd, torch.add, "add", "add_") and len(inputs) == 2:
            return builder.add(step.name, where, inputs)
        if target in ("view", "reshape", torch.reshape) and calls.flattens(step, inputs[0].shape):
            return builder.flatten(step.name, where, inputs[0])
        if target is operator.getitem and self.is_neuron(step.args[0]):  # type: ignore[arg-type]
            return inputs[0]  # the spikes; states are ignored
        if target in (F.dropout, F.dropout2d, "contiguous"):
            return inputs[0]
        if builder.calibrate:
            cap = calls.cap(step)
            if cap is not False:
                return builder.relu(free_name(step.name, builder.nodes), where, cap, inputs[0])
        if target in functions.ENDINGS and self._last(step):
            axis = functions.argument(step, 1, "dim", -1)
            return functions.leave_out(builder, where, target, axis, inputs[0])
        if target is F.max_pool2d and self.average_pools:
            return functions.maximum(builder, step.name, where, functions.max_pool_options(step), inputs[0])
        interpreted = functions.FUNCTIONS.get(target)
        if interpreted is not None and len(inputs) == 1:
            return interpreted(builder, step, where, inputs[0], self._alone(step))
        return None

    def _alone(self, step: fx.Node) -> bool:
        """Whether no other call uses the value that a call takes, also before layers that pass it on."""
        (source,) = step.all_input_nodes
        while len(source.users) == 1:
            if not self._passes_on(source):
                return True
            (source,) = source.all_input_nodes
        return False

    def _last(self, step: fx.Node) -> bool:
        """Whether the network returns the output of a call, also through layers that pass it on."""
        return all(user.op == "output" or (self._passes_on(user) and self._last(user)) for user in step.users)

    def _passes_on(self, step: fx.Node) -> bool:
        """Whether the output of a call is its input."""
        if step.op == "call_module":
            return isinstance(self.modules[str(step.target)], nn.Identity | nn.Dropout | nn.Dropout2d)
        return step.target in (F.dropout, F.dropout2d, "contiguous")

    def _module(self, name: str, module: nn.Module, step: fx.Node, inputs: list[Value]) -> Value:
        where = f"module {name}"
        if isinstance(module, nn.Identity | nn.Dropout | nn.Dropout2d):
            return inputs[0]  # dropout does nothing in evaluation mode
        if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
            return self.builder.flatten(name, where, inputs[0])
        if isinstance(module, nn.ReLU | nn.ReLU6 | nn.Hardtanh) and self.builder.calibrate:
            return self._rectifier(name, module, inputs[0])
        if isinstance(module, nn.MaxPool2d) and self.average_pools:
            return self._replaced_pool(name, module, inputs[0])
        if type(module) in functions.ENDINGS and self._last(step):
            axis = getattr(module, "dim", -1)
            return functions.leave_out(self.builder, f"module {name}", type(module), axis, inputs[0])
        value = self._foreign(name, module, step, inputs[0])
        if value is not None:
            return value
        handler = self._handlers().get(frameworks.torch_type(module))
        if handler is None:
            raise _refusal(type(module).__name__, f"module {name} ({type(module).__name__})")
        shared = any(len(source.users) > 1 for source in step.all_input_nodes)
        if shared and isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            raise ConversionError(
                f"module {name}: the layer before this batch norm has other consumers, so batch norm cannot be folded"
            )
        return handler(name, module, inputs[0])

    def _foreign(self, name: str, module: nn.Module, step: fx.Node, x: Value) -> Value | None:
        """Add a layer of another framework or a quantisation-aware layer; returns None for a plain torch layer."""
        inner = frameworks.children(module)
        if inner is not None:
            for key, child in inner:
                x = self._module(f"{name}.{key}", child, step, [x])
            return x
        value = frameworks.read(self.builder, name, module, x) if frameworks.framework(module) else None
        if value is None and quant_aware.is_layer(module):
            value = quant_aware.read(self.builder, name, module, x)
        return value

    def _handlers(self) -> dict[type[nn.Module], Callable[..., Value]]:
        return {
            Normalise: self._normalise,
            nn.Conv2d: self._conv,
            nn.Linear: self._linear,
            nn.BatchNorm2d: self._batch_norm,
            nn.BatchNorm1d: self._batch_norm,
            nn.AvgPool2d: self._average_pool,
            nn.AdaptiveAvgPool2d: self._global_pool,
            SpikingActivation: self._neuron,
        }

    def _rectifier(self, name: str, module: nn.Module, x: Value) -> Value:
        cap = None
        if isinstance(module, nn.Hardtanh):  # includes ReLU6
            if module.min_val != 0:
                raise _refusal("LeakyReLU", f"module {name} ({type(module).__name__} from {module.min_val:g})")
            cap = float(module.max_val)
        # a rectifier has no state: if one module is called repeatedly, every call becomes a layer of neurons
        return self.builder.relu(free_name(name, self.builder.nodes), f"module {name}", cap, x)

    def _normalise(self, name: str, module: Normalise, x: Value) -> Value:
        return self.builder.normalise(f"module {name}", module.mean.numpy(), module.std.numpy(), x)

    def _conv(self, name: str, module: nn.Conv2d, x: Value) -> Value:
        same = module.padding == "same" and set(module.stride) == {1} and all(k % 2 for k in module.kernel_size)
        if (
            module.dilation != (1, 1)
            or module.padding_mode != "zeros"
            or (isinstance(module.padding, str) and module.padding != "valid" and not same)
        ):
            raise ConversionError(
                f"module {name} (Conv2d): dilation {module.dilation}, padding {module.padding!r} "
                f"({module.padding_mode}); expected dilation 1 and a number of zeros as padding"
            )
        padding = tuple(k // 2 for k in module.kernel_size) if same else (0, 0)
        if not isinstance(module.padding, str):
            padding = _pair(module.padding)
        weight, bias = quant_aware.weight_of(module), _array(module.bias)
        stride = _pair(module.stride)
        return self.builder.conv(
            name, f"module {name}", weight, bias, stride, (padding[0], padding[1]), module.groups, x
        )

    def _linear(self, name: str, module: nn.Linear, x: Value) -> Value:
        return self.builder.linear(name, f"module {name}", quant_aware.weight_of(module), _array(module.bias), x)

    def _batch_norm(self, name: str, module: nn.BatchNorm2d, x: Value) -> Value:
        if module.running_mean is None or module.running_var is None:
            raise ConversionError(
                f"module {name}: has no running mean and variance, so it cannot be folded into weights"
            )
        mean, var = (value.numpy().astype(np.float64) for value in (module.running_mean, module.running_var))
        gain = 1 / np.sqrt(var + module.eps)
        shift = -mean * gain
        if module.affine:
            gamma, beta = (value.detach().numpy().astype(np.float64) for value in (module.weight, module.bias))
            gain, shift = gain * gamma, shift * gamma + beta
        return self.builder.affine(f"module {name}", gain, shift, x)

    def _average_pool(self, name: str, module: nn.AvgPool2d, x: Value) -> Value:
        where = f"module {name} (AvgPool2d)"
        if module.divisor_override is not None:
            raise ConversionError(f"{where}: divisor_override has no node; leave it out")
        return functions.average(
            self.builder, name, where, module.kernel_size, module.stride, module.padding, x,
            ceil=module.ceil_mode, count_padding=module.count_include_pad,
        )  # fmt: skip

    def _global_pool(self, name: str, module: nn.AdaptiveAvgPool2d, x: Value) -> Value:
        if module.output_size not in (1, (1, 1)):
            raise ConversionError(f"module {name} (AdaptiveAvgPool2d): expected output size 1")
        kernel = (x.shape[1], x.shape[2])
        return self.builder.pool(name, f"module {name}", kernel, kernel, x)

    def _replaced_pool(self, name: str, module: nn.MaxPool2d, x: Value) -> Value:
        options = {key: getattr(module, key) for key in ("kernel_size", "stride", "padding", "dilation", "ceil_mode")}
        return functions.maximum(self.builder, name, f"module {name}", options, x, " (MaxPool2d)")

    def _neuron(self, name: str, module: SpikingActivation, x: Value) -> Value:
        lam = float(module.lam.detach())
        start = None if module.shift is None else lam * module.shift.detach().numpy()
        return self.builder.quantiser(name, f"module {name}", lam, module.levels, x, start)


def _refusal(kind: str, where: str) -> ConversionError:
    return ConversionError(f"{where}: {ADVICE.get(kind, UNKNOWN)}")


def _array(value: torch.Tensor | None) -> npt.NDArray[np.float32] | None:
    return None if value is None else value.detach().numpy()


def _pair(value: Any) -> tuple[int, int]:
    return (int(value[0]), int(value[1])) if isinstance(value, tuple | list) else (int(value), int(value))


def _user_line(frame: FrameType | None) -> traceback.FrameSummary | None:
    """The innermost frame outside torch, between torch and this module."""
    while frame is not None and frame.f_code.co_filename != __file__:
        if not frame.f_code.co_filename.startswith(torch.__path__[0]):
            return traceback.FrameSummary(
                frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, lookup_line=False
            )
        frame = frame.f_back
    return None


def _source(step: fx.Node) -> str:
    """The line of the user's code that made a traced call, if it was not torch that made it."""
    line = step.meta.get(_LINE)
    return f', "{line.filename}", line {line.lineno}, in {line.name} {line.line}' if line is not None else ""


__all__ = ["ADVICE", "node_name", "read", "trace", "traced"]
