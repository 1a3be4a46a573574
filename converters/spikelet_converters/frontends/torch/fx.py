"""Import a torch network as a float32 graph from the calls that torch.fx traces.

Every traced call is added to a `Builder`. Spiking activations keep their thresholds. With `Builder.calibrate`, a ReLU
module or function becomes a neuron whose threshold is calibrated later.
"""

from __future__ import annotations

import operator

from torch import fx, nn

from spikelet.errors import ConversionError
from spikelet.graph import Graph
from spikelet.nodes import Shape
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.layout import sizes
from spikelet_converters.frontends.refusals import TORCH as ADVICE
from spikelet_converters.frontends.refusals import UNKNOWN, NotTraced
from spikelet_converters.frontends.torch import brevitas, quant_aware, stacks
from spikelet_converters.frontends.torch.calls import OPERATORS, Call, Result, bound, name_of, resolved, values_of
from spikelet_converters.frontends.torch.constants import attribute, constant, evaluated, size_of, without_values
from spikelet_converters.frontends.torch.dispatch import HANDLERS, IDENTITY, added, returned
from spikelet_converters.frontends.torch.leaves import LEAVES, padding_for, passes_on
from spikelet_converters.frontends.torch.outputs import alone, chosen, last, needed
from spikelet_converters.frontends.torch.source_lines import called
from spikelet_converters.frontends.torch.tracing import Traced, traced
from spikelet_converters.frontends.values import Value, free_name
from spikelet_converters.source_model.activation import SpikingActivation
from spikelet_converters.source_model.networks.parts import Normalise

_ONE_INPUT = "expected a network with one input, whose other arguments have defaults that it can use"


def trace(network: nn.Module, shape: Shape) -> Graph:
    """Return the float32 graph of a source network, whose IF nodes have the names of their modules.

    Args:
        network: The source network.
        shape: Shape of one input, (C, H, W), in pixels.

    Raises:
        ConversionError: A layer has no exact spiking form. The message names the layer, its location and an
            alternative.
    """
    return read(network, Builder(shape)).graph()


def read(network: nn.Module, builder: Builder, *, start: Value | None = None, output: str | None = None) -> Builder:
    """Add a network to a builder.

    Args:
        network: The source network.
        builder: The builder to add to.
        start: The normalised input, if the builder has it already.
        output: Index or key of the output to convert, for a network with several.

    Raises:
        ConversionError: As `trace`.
    """
    return add(traced(network), builder, start=start, output=output)


def add(calls: Traced, builder: Builder, *, start: Value | None = None, output: str | None = None) -> Builder:
    """Add the traced calls of a network to a builder. Arguments and errors are those of `read`."""
    network, graph, reduced = calls
    reader = _Reader(dict(network.named_modules()), builder, start, output)
    if reduced.steps > 1:
        builder.note(f"the loop over {reduced.steps} time-steps in forward was reduced to one time-step")
    if reduced.ending != "logits":
        builder.note(
            f"{reduced.ending} of the sum over time was left out: it does not change which output is the largest"
        )
    (returned,) = (step for step in graph.nodes if step.op == "output")
    used = needed(chosen(returned.args[0], output))
    for step in graph.nodes:
        if step in used or step.op in ("placeholder", "output"):
            reader.read(step)
    return builder


class _Reader:
    """Adds the traced calls to a builder, one after another."""

    def __init__(
        self, modules: dict[str, nn.Module], builder: Builder, start: Value | None, output: str | None
    ) -> None:
        self.modules = modules
        self.builder = builder
        self.start = start
        self.output = output
        self.values: dict[fx.Node, object] = {}

    def read(self, step: fx.Node) -> None:
        """Add one call."""
        if not self._ignored(step):
            self.values[step] = self._value(step)

    def _ignored(self, step: fx.Node) -> bool:
        """Return whether a call handles states of a framework's neuron, which the engine stores."""
        if step.op == "placeholder":
            return step.prev.op != "root" and all(self._is_neuron(user) for user in step.users)
        if step.op == "get_attr":
            return all(self._is_neuron(user) and step not in user.args[:1] for user in step.users)  # initial states
        return step.target is operator.getitem and self._is_neuron(step.args[0]) and bool(step.args[1] != 0)

    def _is_neuron(self, step: object) -> bool:
        """Return whether a traced call is one of a framework's neuron."""
        return isinstance(step, fx.Node) and step.op == "call_module" and frameworks.is_neuron(
            self.modules[str(step.target)]
        )  # fmt: skip

    def _value(self, step: fx.Node) -> object:
        match step.op:
            case "placeholder":
                if step.args and step.prev.op != "root":
                    return step.args[0]  # the default of an argument
                return self.start if self.start is not None and step.prev.op == "root" else self.builder.input()
            case "get_attr":
                return constant(attribute(self.modules[""], str(step.target)))
            case "call_module":
                sources = [self.values.get(source) for source in step.all_input_nodes]
                stacks.check(sources)
                inputs = values_of(sources)
                return self._module(str(step.target), self.modules[str(step.target)], step, inputs)
            case "output":
                return self._output(step)
        return self._function(step)

    def _output(self, step: fx.Node) -> Value:
        if self.output is not None:
            results = resolved(step.args[0], self.values.get)
            stacks.check(chosen(results, self.output))
            return returned(self.builder, values_of(chosen(results, self.output)))
        stacks.check([self.values.get(source) for source in step.all_input_nodes])
        values = values_of([self.values.get(source) for source in step.all_input_nodes])
        if not values:
            self._refuse_states("the network", step)
        # (spikes, states…) of one neuron, as in snnTorch and Norse
        state = len({source.args[0] for source in step.all_input_nodes if source.target is operator.getitem}) == 1
        neurons = any(self._is_neuron(source.args[0]) for source in step.all_input_nodes if source.args)
        return returned(self.builder, values[:1] if state and neurons else values)

    def _refuse_states(self, where: str, step: fx.Node) -> None:
        """Raise ConversionError for a call with a state of a framework's neuron, or an output of states."""
        if any(self._ignored(source) for source in step.all_input_nodes):
            raise ConversionError(
                f"{where}: takes a potential of a neuron, which a bundle does not return; expected its spikes, or a "
                "linear layer at the end as the readout: its outputs are summed over time"
            )

    def _function(self, step: fx.Node) -> object:
        where = called(step)
        self._refuse_states(where, step)
        args = resolved(step.args, self.values.get)
        kwargs = resolved(step.kwargs, self.values.get)
        kind = name_of(step.target)
        if step.target is operator.getitem and self._is_neuron(step.args[0]):
            return args[0]  # the spikes; states are ignored
        operands = args[:1] if kind == "getitem" else args  # x[None] has another axis
        if step.target in OPERATORS and any(operand is None for operand in operands):
            raise NotTraced(f"{where}: takes an argument that is None; {_ONE_INPUT}")
        if kind in ("getattr", "getitem"):
            stacks.check(args[0])
        if kind == "getitem" and not isinstance(args[0], Value):
            return args[0][args[1]]
        if kind == "getattr" and args[1] in ("data", "values") and values_of(args[0]):
            return values_of(args[0])[0]  # the same numbers; the values of a maximum
        args = without_values(kind, args)
        size = size_of(kind, args)
        if size is not None:
            return size
        if not values_of(list(args)) and not values_of(list(kwargs.values())):
            return evaluated(where, step, args, kwargs)
        arguments = bound(step.target, args, kwargs) if kind in HANDLERS else None
        if arguments is None:
            raise ConversionError(f"{where}: {ADVICE.get(kind, UNKNOWN)}")
        name = free_name(step.name, self.builder.nodes)
        use = self._alone(step), self._last(step)
        return added(Call(kind, name, where, self.builder, arguments, *use))

    def _alone(self, step: fx.Node) -> bool:
        return alone(step, self.values.get)

    def _last(self, step: fx.Node) -> bool:
        return last(step, self._passes_on, self._kind)

    def _kind(self, step: fx.Node) -> str:
        """Return the name of the operation of a call, "" for a module without one."""
        if step.op == "call_module":
            return LEAVES.get(type(self.modules[str(step.target)]), ("",))[0]
        return name_of(step.target) if step.op in ("call_function", "call_method") else ""

    def _passes_on(self, step: fx.Node) -> bool:
        """Return whether the output of a call is its input."""
        if step.op == "call_module":
            return passes_on(type(self.modules[str(step.target)]))
        return step.op in ("call_function", "call_method") and name_of(step.target) in IDENTITY

    def _module(self, name: str, module: nn.Module, step: fx.Node, inputs: list[Value]) -> Result:
        if not inputs:
            raise ConversionError(
                f"module {name} ({type(module).__name__}): computes a constant; use its value instead"
            )
        inner = frameworks.children(module)
        if inner is not None:
            for key, child in inner:
                result = self._module(f"{name}.{key}", child, step, inputs)
                inputs = values_of(result)
            return inputs[0]

        def torch_layer(layer: nn.Module, x: Value) -> Value:
            (value,) = values_of(self._leaf(name, layer, step, x))
            return value

        x = inputs[0]
        value = frameworks.read(self.builder, name, module, x) if frameworks.framework(module) else None
        if value is not None:
            return value
        if brevitas.is_layer(module):
            return brevitas.read(self.builder, name, module, inputs, torch_layer, alone=self._alone(step))
        if quant_aware.is_layer(module):
            return quant_aware.read(self.builder, name, module, x, torch_layer, alone=self._alone(step))
        if isinstance(module, Normalise):
            return self.builder.normalise(f"module {name}", module.mean.numpy(), module.std.numpy(), x)
        if isinstance(module, SpikingActivation):
            return self._neuron(name, module, x)
        return self._leaf(name, module, step, x)

    def _leaf(self, name: str, module: nn.Module, step: fx.Node, x: Value) -> Result:
        kind, where = frameworks.torch_type(module), f"module {name} ({type(module).__name__})"
        leaf = LEAVES.get(kind)
        if leaf is None:
            raise ConversionError(f"{where}: {ADVICE.get(type(module).__name__, UNKNOWN)}")
        try:
            arguments = {"self": x, **leaf[1](module)}
        except ConversionError as error:
            raise ConversionError(f"{where}: {error}") from None
        size = step.kwargs.get("output_size", step.args[1] if len(step.args) > 1 else None)
        if "output_padding" in arguments and size is not None:
            arguments["output_padding"] = padding_for(where, module, resolved(size, self.values.get), sizes(x)[1:])
        # a module without a state may be called repeatedly: every call becomes a layer of its own
        free = free_name(name, self.builder.nodes)
        use = self._alone(step), self._last(step)
        return added(Call(leaf[0], free, where, self.builder, arguments, *use))

    def _neuron(self, name: str, module: SpikingActivation, x: Value) -> Value:
        lam = module.lam.detach().numpy()
        start = None if module.shift is None else lam * module.shift.detach().numpy()
        theta = lam if lam.ndim else float(lam)
        return self.builder.quantiser(name, f"module {name}", theta, module.levels, x, start)
