"""Base class of the residual strategies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from torch import Tensor, nn

from spikelet_converters.source_model.residual import Residual

LIMIT, QUANTISED = "limit", "quantised"  # training targets besides the spike rate after T time-steps


class ResidualStrategy:
    """Sets the residuals of all layers of a network.

    To add one, subclass `Residual` and `ResidualStrategy` in a module of this package and list an instance in
    `RESIDUALS`. `prepare` is called before each training pass, `refresh` once per epoch.
    """

    layer: ClassVar[type[Residual]]

    @property
    def name(self) -> str:
        """Name in recipes and checkpoints."""
        return self.layer.name

    def prepare(self, network: nn.Module, pixels: Tensor, steps: int | str) -> None:
        """Set the residuals for the training pass on one batch.

        Args:
            network: the source network, in training mode.
            pixels: the batch, (N, C, H, W) float32, 0…255.
            steps: number of time-steps T to simulate, `LIMIT` for T → ∞, or `QUANTISED` for the quantiser.
        """

    def refresh(self, network: nn.Module, batches: Iterable[Tensor], steps: int) -> dict[str, float]:
        """Measure the residual error on images of the validation split.

        Args:
            network: the source network.
            batches: images, each (N, C, H, W) float32, 0…255.
            steps: T to simulate.

        Returns:
            The standard deviation of the residual error by layer, in units of the activation, for the log.
        """
        return {}
