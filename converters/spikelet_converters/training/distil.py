"""Self-distillation: the last epochs are trained on soft targets of the network they start from.

The teacher is the starting network with the clipped identity instead of the quantiser, which is its spike rate for
T → ∞. Its soft targets contain more information than the labels, and stabilise the accuracy at all T while T is drawn
per batch. The loss is

    (1 - share) CE(y, p) + share tau² KL(p_teacher(tau) || p(tau)),        tau = 2

(Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2). The cost is
one forward pass per batch.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.training.checkpoint import Checkpoint

TEMPERATURE = 2.0


class Teacher:
    """Soft targets of a trained network, weighted by `share` in the loss."""

    def __init__(self, checkpoint: Checkpoint, share: float, device: str) -> None:
        self.share = share
        self.network = checkpoint.network()
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.requires_grad_(False)
        for layer in spiking_layers(self.network).values():
            layer.slope = 1.0

    @torch.no_grad()
    def logits(self, pixels: Tensor) -> Tensor:
        """Return the logits (N, K) for float pixels (N, C, H, W)."""
        logits: Tensor = self.network(pixels)
        return logits.float()

    def loss(self, logits: Tensor, labels: Tensor, pixels: Tensor) -> Tensor:
        """Return the mean loss over a batch, a scalar. `logits` are those of the trained network, (N, K)."""
        target = F.log_softmax(self.logits(pixels) / TEMPERATURE, 1)
        prediction = F.log_softmax(logits / TEMPERATURE, 1)
        soft = F.kl_div(prediction, target, log_target=True, reduction="batchmean") * TEMPERATURE**2
        return (1 - self.share) * F.cross_entropy(logits, labels) + self.share * soft


def hard_loss(logits: Tensor, labels: Tensor, pixels: Tensor) -> Tensor:
    """Return the cross entropy of the labels. The pixels are ignored."""
    return F.cross_entropy(logits, labels)
