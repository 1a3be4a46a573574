"""Accuracy of a network inside torch: as the source network, and simulated as the spiking one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from spikelet.data.images import ImageSet
from spikelet_converters.source_model.simulation import float_logits, spiking_logits


@torch.no_grad()
def evaluate(network: nn.Module, data: ImageSet, steps: tuple[int, ...], batch: int = 100) -> dict[str, float]:
    """Accuracy of the source network without residual, and of the simulated spiking one.

    `spiking_accuracy` is the mean over the numbers of time-steps in `steps`; each is there too, where they are several.
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
    found = {"float_accuracy": rate / len(data), "spiking_accuracy": sum(by_steps.values()) / len(by_steps)}
    return found | (by_steps if len(by_steps) > 1 else {})


def as_tensor(images: np.ndarray[Any, np.dtype[np.uint8]] | Tensor) -> Tensor:
    """Images as a tensor that may be written to; torch wants no other, and files give arrays that may not."""
    return images if isinstance(images, Tensor) else torch.from_numpy(np.require(images, requirements=["C", "W"]))


def as_pixels(images: np.ndarray[Any, np.dtype[np.uint8]] | Tensor) -> Tensor:
    """uint8 images (N, C, H, W) as float pixels, channels last in memory."""
    return as_tensor(images).float().contiguous(memory_format=torch.channels_last)
