"""Accuracy of a network in torch, as source network and as simulated spiking network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from spikelet.data.images import ImageSet
from spikelet_converters.source_model.residuals.strategy import Draw, neurons_and_steps
from spikelet_converters.source_model.simulation import float_logits, spiking_logits


@torch.no_grad()
def evaluate(network: nn.Module, data: ImageSet, steps: Sequence[Draw], batch: int = 100) -> dict[str, float]:
    """Return the accuracy of the source network without residual and of the simulated spiking network.

    Args:
        network: Source network.
        data: Images with labels.
        steps: Numbers of time-steps T to evaluate, or "kxT" for k neurons per channel.
        batch: Images per batch.

    Returns:
        `float_accuracy`, and `spiking_accuracy`, the mean over `steps`. With several T there is also
        `spiking_accuracy.T<T>` or `spiking_accuracy.T<kxT>` for each.
    """
    assert data.labels is not None
    device = next(network.parameters()).device
    largest: dict[int, int] = {}
    for copies, time_steps in map(neurons_and_steps, steps):
        largest[copies] = max(time_steps, largest.get(copies, 0))
    float_correct, correct = 0, {copies: torch.zeros(time_steps) for copies, time_steps in largest.items()}
    for start in range(0, len(data), batch):
        images = as_pixels(data.images[start : start + batch]).to(device)
        labels = torch.tensor(data.labels[start : start + batch]).to(device)
        float_correct += int((float_logits(network, images).argmax(1) == labels).sum())
        for copies, time_steps in largest.items():
            logits = spiking_logits(network, images, time_steps, copies)
            correct[copies] += (logits.argmax(2) == labels).sum(1).cpu()
    by_steps = {}
    for draw in steps:
        copies, time_steps = neurons_and_steps(draw)
        by_steps[f"spiking_accuracy.T{draw}"] = float(correct[copies][time_steps - 1]) / len(data)
    accuracy = {"float_accuracy": float_correct / len(data), "spiking_accuracy": sum(by_steps.values()) / len(by_steps)}
    return accuracy | (by_steps if len(by_steps) > 1 else {})


def as_tensor(images: npt.NDArray[np.uint8] | Tensor) -> Tensor:
    """Return images as a tensor. A read-only array is copied, because torch requires writable memory."""
    return images if isinstance(images, Tensor) else torch.from_numpy(np.require(images, requirements=["C", "W"]))


def as_pixels(images: npt.NDArray[np.uint8] | Tensor) -> Tensor:
    """Convert uint8 images (N, C, H, W) to float32 pixels in channels-last memory format."""
    return as_tensor(images).float().contiguous(memory_format=torch.channels_last)
