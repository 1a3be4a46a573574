"""Simulate the spiking network of a source network in torch, in float32.

Training uses this simulation. The accuracy of a bundle is measured by the runtime on exact integers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from spikelet_converters.source_model.activation import NOT_SIMULATED, InputLayer, Mode, Simulation, spiking_layers


@contextmanager
def simulated(network: nn.Module, simulation: Simulation) -> Iterator[None]:
    """Evaluate the network in evaluation mode with the given settings, and restore its state on exit."""
    # Saved per module, so that a frozen batch norm in a training network stays frozen.
    was_training = [(module, module.training) for module in network.modules()]
    layers = spiking_layers(network).values()
    inputs = [module for module in network.modules() if isinstance(module, InputLayer) and module.every_step]
    network.eval()
    for start in inputs:
        start.steps = simulation.steps if simulation.mode is Mode.SPIKES else 1
    for layer in layers:
        layer.simulation = simulation
    try:
        yield
    finally:
        for layer in layers:
            layer.simulation, layer.recorded, layer.substitute = NOT_SIMULATED, None, None
        for start in inputs:
            start.steps = 1
        for module, training in was_training:
            module.training = training


@torch.no_grad()
def spiking_logits(network: nn.Module, images: Tensor, steps: int, copies: int = 1) -> Tensor:
    """Return the logits summed over time, (T, N, K), for a constant input of shape (N, C, H, W)."""
    with simulated(network, Simulation(Mode.SPIKES, steps, rows=len(images), copies=copies)):
        return network(images).reshape(steps, len(images), -1).cumsum(0)


@torch.no_grad()
def float_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits (N, K) of the source network without residual ("noise off")."""
    with simulated(network, Simulation()):
        logits: Tensor = network(images)
        return logits


@torch.no_grad()
def noisy_logits(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits (N, K) of the source network with its residual in every layer ("noise on").

    Batch norm is fixed. Draws from torch's global generator. The code of Huang et al. (2024) evaluates the source
    network in this way.
    """
    with simulated(network, Simulation(noisy=True)):
        logits: Tensor = network(images)
        return logits


@torch.no_grad()
def layer_rates(
    network: nn.Module, images: Tensor, mode: Mode, steps: int, copies: int = 1, average: Tensor | None = None
) -> dict[str, Tensor]:
    """Return q(z), or theta times the spike rate after T time-steps, of each layer.

    Args:
        network: Source network.
        images: (N, C, H, W).
        mode: Quantiser or spikes.
        steps: Number of time-steps T.
        copies: Number of neurons per channel.
        average: Weights of the time-steps for each image, (T, N); None is the mean.
    """
    with simulated(network, Simulation(mode, steps, rows=len(images), record=True, copies=copies, average=average)):
        network(images)
        return {name: layer.recorded for name, layer in spiking_layers(network).items() if layer.recorded is not None}


def residual_errors(network: nn.Module, images: Tensor, steps: int) -> dict[str, Tensor]:
    """Return q_l - phi_l of each layer after T time-steps, errors of earlier layers included."""
    activations = layer_rates(network, images, Mode.RATE, steps)
    rates = layer_rates(network, images, Mode.SPIKES, steps)
    return {name: activations[name] - rates[name] for name in activations}


@torch.no_grad()
def local_pairs(network: nn.Module, images: Tensor, steps: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Return (q_l, phi_l) of each layer, where q_l is computed from the spike rates of the layer before."""
    rates = layer_rates(network, images, Mode.SPIKES, steps)
    with simulated(network, Simulation(record=True)):
        layers = spiking_layers(network)
        for name, rate in rates.items():
            layers[name].substitute = rate
        network(images)
        return {name: (layer.recorded, rates[name]) for name, layer in layers.items() if layer.recorded is not None}


def local_errors(network: nn.Module, images: Tensor, steps: int) -> dict[str, Tensor]:
    """Return q_l - phi_l of each layer for the same input, without errors of earlier layers."""
    return {name: a - phi for name, (a, phi) in local_pairs(network, images, steps).items()}
