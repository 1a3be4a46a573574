"""What a residual strategy is: a model of the error that spiking adds to one layer's activation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from torch import Tensor, nn

LIMIT, QUANTISED = "limit", "quantised"  # what a batch may be trained on besides the rates of T time-steps


class Residual(nn.Module):
    """One strategy, one instance a layer. Subclass, name it, and add it to `RESIDUALS`.

    `perturb` is called on the quantised activation of the layer in every training pass; `prepare_batch` before
    that pass, for all layers; `refresh_network` once an epoch, with held-out training images.
    """

    name: ClassVar[str]
    steps: int = 0  # T of the rate that `perturb` stands for, where it is not the L of the quantiser

    def perturb(self, activation: Tensor) -> Tensor:
        """The activation as the next layer would find it with the residual error in it; same shape."""
        raise NotImplementedError

    @classmethod
    def prepare_batch(cls, network: nn.Module, pixels: Tensor, steps: int | str) -> None:
        """Whatever a strategy has to find out about the batch, simulated for `steps` time-steps.

        "limit" stands for T → ∞, "quantised" for the quantiser itself.
        """

    @classmethod
    def refresh_network(cls, network: nn.Module, batches: Iterable[Tensor], steps: int) -> dict[str, float]:
        """Measure what the strategy needs, for all layers; returns figures for the log by layer name."""
        return {}
