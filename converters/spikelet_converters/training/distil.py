"""Self-distillation: the last epochs learn from what the network that they start with answers after many time-steps.

The teacher is that very network with the clipped identity in place of the quantiser, which is its spiking rate for
T → ∞, and its most accurate form. Its soft answers tell more of an image than the label does, so that what a draw of
few time-steps pulls out of place for one T is held in place for the others. The loss is

    (1 - share) CE(y, p) + share tau² KL(p_teacher(tau) || p(tau)),        tau = 2

(Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2). It costs one forward pass.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.training.checkpoint import Checkpoint

TEMPERATURE = 2.0


class Teacher:
    """Soft targets of a trained network, and the loss that follows them for `share` of its weight."""

    def __init__(self, checkpoint: Checkpoint, share: float, device: str) -> None:
        self.share = share
        self.network = checkpoint.network()
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.requires_grad_(False)
        for layer in spiking_layers(self.network).values():
            layer.slope = 1.0

    @torch.no_grad()
    def logits(self, pixels: Tensor) -> Tensor:
        """(N, K) for float pixels (N, C, H, W)."""
        answers: Tensor = self.network(pixels)
        return answers.float()

    def loss(self, logits: Tensor, labels: Tensor, pixels: Tensor) -> Tensor:
        """The mean over a batch, a scalar. logits: (N, K) of the network that learns."""
        wanted = F.log_softmax(self.logits(pixels) / TEMPERATURE, 1)
        found = F.log_softmax(logits / TEMPERATURE, 1)
        soft = F.kl_div(found, wanted, log_target=True, reduction="batchmean") * TEMPERATURE**2
        return (1 - self.share) * F.cross_entropy(logits, labels) + self.share * soft


def hard_loss(logits: Tensor, labels: Tensor, pixels: Tensor) -> Tensor:
    """Cross entropy alone: no teacher."""
    return F.cross_entropy(logits, labels)
