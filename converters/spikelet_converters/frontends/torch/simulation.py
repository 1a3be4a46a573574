"""Simulate a spiking torch network step by step with the neurons of its framework.

The states of the neurons are stored for frameworks that store them in modules and for those that take them as
arguments, so that the imported graph can be compared with the framework.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx, nn

from spikelet.errors import ConversionError, pass_out_of_memory
from spikelet.nodes import Shape
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.source import Loop, Simulate
from spikelet_converters.frontends.torch.outputs import chosen
from spikelet_converters.frontends.torch.time_loop import ADVICE, Reduced
from spikelet_converters.frontends.torch.tracer import hooks_of

_ONE_STEP = "expected a module that computes one time-step"
_RESETS = ("reset_states", "reset_mem", "reset")  # methods of sinabs, snnTorch and SpikingJelly


def simulator(network: nn.Module, graph: fx.Graph, shape: Shape, output: str | None = None) -> Simulate:
    """Return a function that simulates a traced network with its framework's neurons.

    Args:
        network: The network, which is copied.
        graph: Its traced calls, in which the framework's layers are leaves.
        shape: Shape of one input.
        output: Index or key of the output, for a network with several.
    """
    root = network

    def simulate(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        arranged = inputs.reshape(*inputs.shape[:2], *shape)

        def outputs() -> Tensor:
            steps = _steps(root, graph, inputs.shape[1], output)
            return torch.stack([steps.step(torch.from_numpy(np.ascontiguousarray(x))) for x in arranged])

        return output_of(root, outputs, _unevaluated(arranged.shape[1:]), _ONE_STEP)

    return simulate


def inputs_of_neurons(network: nn.Module, graph: fx.Graph, shape: Shape) -> dict[str, Shape]:
    """Return the shape of one input of every layer of neurons, by the name of the module.

    Args:
        network: The network, which is copied.
        graph: Its traced calls, in which the framework's layers are leaves.
        shape: Shape of one input of the network.
    """
    shapes: dict[str, Shape] = {}

    def outputs() -> Tensor:
        steps = _steps(network, graph, 1, None)
        steps.run(torch.zeros(1, *shape), *[None] * steps.states)
        shapes.update(steps.shapes)
        return torch.zeros(0)

    output_of(network, outputs, _unevaluated((1, *shape)), _ONE_STEP)
    return shapes


def _steps(network: nn.Module, graph: fx.Graph, samples: int, output: str | None) -> _Steps:
    copied = fresh(network)
    for module in copied.modules():
        for registered in (module._forward_hooks, module._forward_pre_hooks):  # whose calls are in the graph
            for key in [key for key, hook in registered.items() if hook in hooks_of(registered)]:
                del registered[key]
        if frameworks.framework(module) == "spikingjelly" and hasattr(module, "step_mode"):
            module.step_mode = "s"  # type: ignore[assignment]
    return _Steps(copied, graph, samples, output)


def _unevaluated(shape: Shape) -> str:
    return f"one time-step of the network cannot be evaluated on inputs of shape {shape}"


def loop(network: nn.Module, reduced: Reduced, shape: Shape, output: str | None) -> Loop | None:
    """Return the loop over time-steps of a network, which runs in the network's own `forward`.

    Args:
        network: The network, which is copied.
        reduced: The loop that was reduced to one time-step.
        shape: Shape of one input.
        output: Index or key of the output, for a network with several.

    Returns:
        The loop; None for a network without one.
    """
    if reduced.steps == 1:
        return None
    nested = reduced.divisor, reduced.axis
    divisor: Any
    axis: Any
    divisor, axis = (
        entry if isinstance(entry, int | float | None) else _first(chosen(entry, output)) for entry in nested
    )
    frames = reduced.frames

    def outputs(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        arranged = inputs.reshape(*inputs.shape[: 1 if frames is None else 2], *shape)
        arranged = arranged if frames is None else np.moveaxis(arranged, 0, frames)

        def summed() -> Tensor:
            result = _first(chosen(fresh(network)(torch.from_numpy(np.ascontiguousarray(arranged))), output))
            total: Tensor = result if axis is None else result.movedim(axis, 0)
            return total * divisor if reduced.ending == "logits" else total

        message = f"the network cannot be evaluated on inputs of shape {arranged.shape}"
        return output_of(network, summed, message, ADVICE)

    left = 1.0 if reduced.ending == "logits" else divisor
    return Loop(reduced.steps, frames is not None, outputs, reduced.ending, left)


def _first(value: Any) -> Any:
    """Return the first of the outputs of a network."""
    while isinstance(value, tuple | list | Mapping):
        value = next(iter(value.values() if isinstance(value, Mapping) else value))
    return value


@torch.no_grad()
def output_of(network: nn.Module, function: Callable[[], Tensor], message: str, advice: str) -> npt.NDArray[np.float32]:
    """Return the result of a function that calls the network.

    Args:
        network: The network, which is named in error messages.
        function: The function.
        message: What cannot be evaluated.
        advice: A remedy.

    Raises:
        ConversionError: The framework's or the user's own code raises an error.
    """
    try:
        result: npt.NDArray[np.float32] = function().float().numpy()
    except ConversionError:
        raise
    except Exception as error:  # the framework's or the user's own code
        pass_out_of_memory(error, type(network).__name__)
        reason = str(error).partition("\n")[0]
        raise ConversionError(
            f"{type(network).__name__}: {message} ({type(error).__name__}: {reason}); {advice}"
        ) from None
    return result


def fresh(network: nn.Module) -> nn.Module:
    """Return a copy of the network in its initial state."""
    for module in network.modules():
        _reset(module)
    return copy.deepcopy(network).eval()


def _reset(module: nn.Module) -> None:
    if frameworks.is_neuron(module):
        for name in _RESETS:
            method = getattr(module, name, None)
            if callable(method):
                method()
                return


class _Steps(fx.Interpreter):
    """One time-step of a traced network; the states of its neurons are kept for the next."""

    def __init__(self, network: nn.Module, graph: fx.Graph, samples: int, output_name: str | None) -> None:
        super().__init__(fx.GraphModule(network, graph))
        self.output_name = output_name
        self.samples = samples
        self.unpacked = False  # whether the network unpacks the output of the current call
        self.shapes: dict[str, Shape] = {}  # of one input of each layer of neurons
        self.after: dict[str, tuple[object, ...]] = {}  # states, by layer

    @property
    def states(self) -> int:
        """Number of states that the network takes, beside its input."""
        return sum(node.op == "placeholder" for node in self.graph.nodes) - 1

    def step(self, x: Tensor) -> Tensor:
        """Return the output of the network for the input of one time-step, (N, K)."""
        return _first(chosen(self.run(x, *[None] * self.states), self.output_name))

    def call_module(self, target: str, args: tuple[object, ...], kwargs: dict[str, object]) -> object:  # type: ignore[override]
        module = self.fetch_attr(target)
        if frameworks.children(module) is None and not frameworks.is_neuron(module):
            return module(*args, **kwargs)
        result = self._layer(target, module, args[0])
        if isinstance(result, tuple) and not self.unpacked:
            return result[0]  # as the framework's container does
        return result

    def run_node(self, n: fx.Node) -> object:
        """Evaluate one call."""
        self.unpacked = any(user.target is operator.getitem for user in n.users)
        return super().run_node(n)

    def _layer(self, name: str, module: nn.Module, x: object) -> object:
        """Return the output of a layer, followed by its states if the framework returns them."""
        inner = frameworks.children(module)
        if inner is not None:
            for key, child in inner:
                x = self._layer(f"{name}.{key}", child, x)
                x = x[0] if isinstance(x, tuple) else x
            return x
        if not frameworks.is_neuron(module):
            return module(x)
        assert isinstance(x, Tensor)
        self.shapes[name] = tuple(x.shape[1:])
        return self._neuron(name, frameworks.framework(module) or "", module, x)

    def _neuron(self, name: str, framework: str, module: nn.Module, x: Tensor) -> object:
        if framework == "sinabs":
            return self._sinabs(module, x)
        if framework == "spikingjelly" or getattr(module, "init_hidden", False):
            return module(x)
        # snnTorch takes and returns its states one by one, Norse as one value
        states = self.after.get(name, () if framework == "snntorch" else (None,))
        over_time = framework == "norse" and not type(module).__name__.endswith("Cell")  # takes (T, N, …)
        output, *after = module(x[None] if over_time else x, *states)
        self.after[name] = tuple(after)
        return (output[0] if over_time else output, *after)

    def _sinabs(self, module: nn.Module, x: Tensor) -> object:
        """Neurons of sinabs take (N, T, …), or (N T, …) where their name says that they squeeze."""
        if type(module).__name__.endswith("Squeeze"):
            module.batch_size, module.num_timesteps = self.samples, 1  # type: ignore[assignment]
            return module(x)
        return module(x) if type(module).__name__ == "SumPool2d" else module(x[:, None])[:, 0]
