"""Accuracy of a network in torch, as source network and as simulated spiking network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from spikelet.data.images import ImageSet
from spikelet_converters.source_model.simulation import float_logits, spiking_logits


@torch.no_grad()
def evaluate(network: nn.Module, data: ImageSet, steps: tuple[int, ...], batch: int = 100) -> dict[str, float]:
    """Return the accuracy of the source network without residual and of the simulated spiking network.

    Args:
        network: source network.
        data: images with labels.
        steps: numbers of time-steps T to evaluate.
        batch: images per batch.

    Returns:
        `float_accuracy`, and `spiking_accuracy`, the mean over `steps`. With several T there is also
        `spiking_accuracy.T<T>` for each.
    """
    assert data.labels is not None
    device = next(network.parameters()).device
    rate, spiking = 0, torch.zeros(max(steps))
    for start in range(0, len(data), batch):
        images = as_pixels(data.images[start : start + batch]).to(device)
        labels = torch.tensor(data.labels[start : start + batch]).to(device)
        rate += int((float_logits(network, images).argmax(1) == labels).sum())
        spiking += (spiking_logits(network, images, max(steps)).argmax(2) == labels).sum(1).cpu()
    by_steps = {f"spiking_accuracy.T{t}": float(spiking[t - 1]) / len(data) for t in steps}
    accuracy = {"float_accuracy": rate / len(data), "spiking_accuracy": sum(by_steps.values()) / len(by_steps)}
    return accuracy | (by_steps if len(by_steps) > 1 else {})


def as_tensor(images: npt.NDArray[np.uint8] | Tensor) -> Tensor:
    """Return images as a tensor. A read-only array is copied, because torch requires writable memory."""
    return images if isinstance(images, Tensor) else torch.from_numpy(np.require(images, requirements=["C", "W"]))


def as_pixels(images: npt.NDArray[np.uint8] | Tensor) -> Tensor:
    """Convert uint8 images (N, C, H, W) to float32 pixels in channels-last memory format."""
    return as_tensor(images).float().contiguous(memory_format=torch.channels_last)
