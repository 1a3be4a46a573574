"""The residual of one layer: a perturbation of its activation during training of the source network."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Models the error that spiking adds to the activation of one layer.

    Each spiking layer owns one instance; a `ResidualStrategy` sets its state from the whole network.

    Attributes:
        name: Name of the strategy in recipes and checkpoints.
        steps: T of the spike rate that `perturb` returns, () or one value per image, (N,); None if it is that of the
            quantiser, L.
        measured: Name of the buffer whose shape is unknown until it is measured or loaded; "" if there is none.
        lambda_rate: Spike rate from which the gradient of lambda is computed, instead of the activation; or None.
    """

    name: ClassVar[str]
    measured: ClassVar[str] = ""
    steps: Tensor | None = None
    lambda_rate: Tensor | None = None

    def perturb(self, activation: Tensor) -> Tensor:
        """Return the activation with the residual error added, of the same shape (N, C, …)."""
        raise NotImplementedError

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        stored = state_dict.get(prefix + self.measured) if self.measured else None
        if stored is not None:
            setattr(self, self.measured, torch.empty_like(stored, device=getattr(self, self.measured).device))
        super()._load_from_state_dict(state_dict, prefix, *rest)
