"""Simulate a spiking torch network step by step with the neurons of its framework.

The states of the neurons are kept here, whether a framework keeps them in its modules or passes them on, so that the
imported graph can be compared with the framework itself.
"""

from __future__ import annotations

import copy
import operator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx, nn

from spikelet.errors import ConversionError, pass_out_of_memory
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.source import Simulate

_RESETS = ("reset_states", "reset_mem", "reset")  # methods of sinabs, snnTorch and SpikingJelly


def simulator(network: nn.Module, graph: fx.Graph) -> Simulate:
    """Return a function that simulates a traced network with its framework's neurons.

    Args:
        network: The network, which is copied.
        graph: Its traced calls, in which the framework's layers are leaves.
    """
    root = network

    @torch.no_grad()
    def simulate(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        try:
            steps = _Steps(_fresh(root), graph, inputs.shape[1])
            outputs = [steps.step(torch.from_numpy(np.ascontiguousarray(x))) for x in inputs]
        except ConversionError:
            raise
        except Exception as error:  # the framework's or the user's own code
            pass_out_of_memory(error, type(root).__name__)
            reason = str(error).partition("\n")[0]
            raise ConversionError(
                f"{type(root).__name__}: one time-step of the network cannot be evaluated on inputs of shape "
                f"{inputs.shape[1:]} ({type(error).__name__}: {reason}); expected a module that computes one time-step"
            ) from None
        result: npt.NDArray[np.float32] = torch.stack(outputs).float().numpy()
        return result

    return simulate


def _fresh(network: nn.Module) -> nn.Module:
    """A copy of the network in its initial state that computes one time-step per call."""
    for module in network.modules():
        _reset(module)
    copied = copy.deepcopy(network)
    for module in copied.modules():
        if frameworks.framework(module) == "spikingjelly" and hasattr(module, "step_mode"):
            module.step_mode = "s"  # type: ignore[assignment]
    return copied.eval()


def _reset(module: nn.Module) -> None:
    if frameworks.is_neuron(module):
        for name in _RESETS:
            method = getattr(module, name, None)
            if callable(method):
                method()
                return


class _Steps(fx.Interpreter):
    """One time-step of a traced network; the states of its neurons are kept for the next."""

    def __init__(self, network: nn.Module, graph: fx.Graph, samples: int) -> None:
        super().__init__(fx.GraphModule(network, graph))
        self.samples = samples
        self.unpacked = False  # whether the network unpacks the output of the current call
        self.states: dict[str, tuple[object, ...]] = {}

    def step(self, x: Tensor) -> Tensor:
        """The output of the network for the input of one time-step, (N, K)."""
        states = sum(node.op == "placeholder" for node in self.graph.nodes) - 1
        output = self.run(x, *[None] * states)
        while isinstance(output, tuple | list):
            output = output[0]
        assert isinstance(output, Tensor)
        return output

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
        """The output of a layer, followed by its states if the framework returns them."""
        inner = frameworks.children(module)
        if inner is not None:
            for key, child in inner:
                x = self._layer(f"{name}.{key}", child, x)
                x = x[0] if isinstance(x, tuple) else x
            return x
        if not frameworks.is_neuron(module):
            return module(x)
        assert isinstance(x, Tensor)
        return self._neuron(name, frameworks.framework(module) or "", module, x)

    def _neuron(self, name: str, framework: str, module: nn.Module, x: Tensor) -> object:
        if framework == "sinabs":
            return self._sinabs(module, x)
        if framework == "spikingjelly" or getattr(module, "init_hidden", False):
            return module(x)
        # snnTorch takes and returns its states one by one, Norse as one value
        states = self.states.get(name, () if framework == "snntorch" else (None,))
        output, *after = module(x, *states)
        self.states[name] = tuple(after)
        return (output, *after)

    def _sinabs(self, module: nn.Module, x: Tensor) -> object:
        """Neurons of sinabs take (N, T, …), or (N T, …) where their name says that they squeeze."""
        if type(module).__name__.endswith("Squeeze"):
            module.batch_size, module.num_timesteps = self.samples, 1  # type: ignore[assignment]
            return module(x)
        return module(x) if type(module).__name__ == "SumPool2d" else module(x[:, None])[:, 0]
