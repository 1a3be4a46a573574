"""Base class of the residual strategies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from torch import Tensor, nn

from spikelet.options import shown
from spikelet_converters.source_model.residual import Residual

LIMIT, QUANTISED = "limit", "quantised"  # training targets besides the spike rate after T time-steps
Draw = int | str  # T, "kxT" for k neurons per channel and T time-steps, or one of the above
Draws = Draw | tuple[Draw, ...]  # of a batch, or of each image

_COPIES = re.compile(r"([1-9]\d*)x([1-9]\d*)")


def neurons_and_steps(draw: Draw) -> tuple[int, int]:
    """Return the number of neurons per channel and of time-steps that a draw simulates; (1, 0) without simulation.

    Raises:
        ValueError: The draw has none of the forms.
    """
    if type(draw) is int and draw > 0:
        return 1, draw
    if isinstance(draw, str) and draw in (LIMIT, QUANTISED):
        return 1, 0
    match = _COPIES.fullmatch(draw) if isinstance(draw, str) else None
    if match is None:
        raise ValueError(f'expected a number of 1 or more, "kxT", "{LIMIT}" or "{QUANTISED}", found {shown(draw)}')
    return int(match[1]), int(match[2])


class ResidualStrategy:
    """Sets the residuals of all layers of a network.

    To add one, subclass `Residual` and `ResidualStrategy` in a module of this package and list an instance in
    `RESIDUALS`. Only `layer` is required. `prepare` is called before each training pass, `refresh`
    once per epoch; `passes` and `measured_passes` count their forward passes, for the reported compute.
    """

    layer: ClassVar[type[Residual]]
    by_image: ClassVar[bool] = False  # T is drawn for each image instead of each batch

    @property
    def name(self) -> str:
        """Name in recipes and checkpoints."""
        return self.layer.name

    def prepare(self, network: nn.Module, pixels: Tensor, steps: Draws) -> None:
        """Set the residuals for the training pass on one batch.

        Args:
            network: The source network, in training mode.
            pixels: The batch, (N, C, H, W) float32, 0…255.
            steps: Number of time-steps T to simulate, "kxT" for k neurons per channel, `LIMIT` for T → ∞, or
                `QUANTISED` for the quantiser; one of these for each image if `by_image`.
        """

    def passes(self, steps: Draw) -> int:
        """Return the number of forward passes that `prepare` takes for a draw."""
        return 0

    def measured_passes(self, steps: int) -> int:
        """Return the number of forward passes that `refresh` takes for an image, with T = `steps`."""
        return 0

    def refresh(self, network: nn.Module, batches: Iterable[Tensor], steps: int) -> dict[str, float]:
        """Measure the residual error on images of the validation split.

        Args:
            network: The source network.
            batches: Images, each (N, C, H, W) float32, 0…255.
            steps: T to simulate.

        Returns:
            The standard deviation of the residual error by layer, in units of the activation, for the log.
        """
        return {}
