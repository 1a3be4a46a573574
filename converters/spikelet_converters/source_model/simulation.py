"""Run a source network as the spiking network it will become, in float, inside torch.

This is what training measures on; what ships is measured by the runtime on the exact bundle.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from spikelet_converters.source_model.activation import NOT_SIMULATED, Mode, Simulation, spiking_layers


@contextmanager
def simulated(network: nn.Module, simulation: Simulation) -> Iterator[None]:
    """Evaluate the network as `simulation` says, in evaluation mode (batch norm fixed); undone on exit."""
    # module by module: a frozen batch norm inside a network that trains has to stay frozen
    was_training = [(module, module.training) for module in network.modules()]
    layers = spiking_layers(network).values()
    network.eval()
    for layer in layers:
        layer.simulation = simulation
    try:
        yield
    finally:
        for layer in layers:
            layer.simulation, layer.recorded, layer.given = NOT_SIMULATED, None, None
        for module, training in was_training:
            module.training = training


@torch.no_grad()
def spiking_logits(network: nn.Module, images: Tensor, steps: int) -> Tensor:
    """Logits summed over time, (T, N, K), for a constant input of shape (N, C, H, W)."""
    with simulated(network, Simulation(Mode.SPIKES, steps, rows=len(images))):
        return network(images).reshape(steps, len(images), -1).cumsum(0)


@torch.no_grad()
def float_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Logits (N, K) of the source network without residual ("noise off")."""
    with simulated(network, Simulation()):
        logits: Tensor = network(images)
        return logits


@torch.no_grad()
def noisy_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Logits (N, K) of the source network with its residual in every layer ("noise on"), batch norm fixed.

    Draws from torch's global generator. The authors' code measures the source network so.
    """
    with simulated(network, Simulation(noisy=True)):
        logits: Tensor = network(images)
        return logits


@torch.no_grad()
def layer_rates(network: nn.Module, images: Tensor, mode: Mode, steps: int) -> dict[str, Tensor]:
    """What each layer sends on, in activation units: q(z), or theta times the spike rate after T steps."""
    with simulated(network, Simulation(mode, steps, rows=len(images), record=True)):
        network(images)
        return {name: layer.recorded for name, layer in spiking_layers(network).items() if layer.recorded is not None}


def residual_gaps(network: nn.Module, images: Tensor, steps: int) -> dict[str, Tensor]:
    """q_l - phi_l by layer: what the spiking network gets wrong after T steps, upstream errors included."""
    wanted = layer_rates(network, images, Mode.RATE, steps)
    found = layer_rates(network, images, Mode.SPIKES, steps)
    return {name: wanted[name] - found[name] for name in wanted}


@torch.no_grad()
def local_pairs(network: nn.Module, images: Tensor, steps: int) -> dict[str, tuple[Tensor, Tensor]]:
    """(q_l, phi_l) by layer for the same input: q_l of the rates that the spiking layer before really sent."""
    found = layer_rates(network, images, Mode.SPIKES, steps)
    with simulated(network, Simulation(record=True)):
        layers = spiking_layers(network)
        for name, rate in found.items():
            layers[name].given = rate
        network(images)
        return {name: (layer.recorded, found[name]) for name, layer in layers.items() if layer.recorded is not None}


def local_gaps(network: nn.Module, images: Tensor, steps: int) -> dict[str, Tensor]:
    """q_l - phi_l by layer for the same input: the error that each layer makes by itself."""
    return {name: a - phi for name, (a, phi) in local_pairs(network, images, steps).items()}
