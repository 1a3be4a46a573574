"""Networks whose `forward` computes one time-step of neurons that it writes out, with their potentials in attributes,

    self.v = self.beta * self.v + self.layer(x)

or in arguments, `forward(x, v)`, which it returns after its spikes. Such a network is imported as a loop that calls it.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from spikelet.errors import ConversionError
from spikelet_converters.frontends import frameworks
from spikelet_converters.frontends.source import Source
from spikelet_converters.frontends.torch.surroundings import attributes_kept

STEPS = 4  # number of time-steps of the loop, with which the imported time-step is compared


class Repeated(nn.Module):
    """A loop over time-steps that calls a network of one time-step and returns the sum of its spikes.

    Args:
        network: The network. Its potentials start at the values that its attributes or the defaults of its arguments
            have, or at 0 for arguments without a default.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.states = _states(network)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum over the time-steps."""
        states: tuple[Any, ...] = (0.0,) * sum(state.default is state.empty for state in self.states)
        total: Any = 0
        with attributes_kept(self.network):
            for _ in range(STEPS):
                result = self.network(x, *states)
                spikes, *rest = result if isinstance(result, tuple | list) else (result,)
                states = tuple(rest[: len(self.states)])
                total = total + spikes
        return total


def read(network: nn.Module, loop: Callable[[nn.Module], Source]) -> Source | None:
    """Import a network of one time-step.

    Args:
        network: The network.
        loop: Imports a network with a loop over time-steps.

    Returns:
        The source, or None for another network.
    """
    if isinstance(network, Repeated) or not _has_states(network):
        return None
    try:
        source = loop(Repeated(network))
    except ConversionError:
        return None
    if not source.spiking:
        return None
    note = "forward computes one time-step: the potentials that it stores, takes or returns became those of neurons"
    return replace(source, notes=(note, *source.notes[1:]))


def _has_states(network: nn.Module) -> bool:
    """Return whether the `forward` of a network takes several values, or a module of its own sets an attribute."""
    if any(frameworks.is_neuron(module) for module in network.modules()):
        return False
    own = [module for module in network.modules() if type(module).__module__.partition(".")[0] != "torch"]
    forwards = [forward for module in own if inspect.isfunction(forward := type(module).forward)]
    sets = (step.opname == "STORE_ATTR" for forward in forwards for step in dis.get_instructions(forward))
    return bool(_states(network)) or any(sets)


def _states(network: nn.Module) -> list[inspect.Parameter]:
    """Return the arguments of a network after the first."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(network.forward).parameters.values()
    return [parameter for parameter in parameters if parameter.kind in positional][1:]
