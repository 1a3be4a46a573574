"""Base classes of the baselines: those that change a trained network, and those that change its neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from torch import nn

from spikelet.graph import Graph
from spikelet_converters.baselines.multi_step import MultiStep, Neuron

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Baseline:
    """Base class of all baselines. Options are fields.

    Attributes:
        name: Name in study files.
        about: Description with its publication.
        calibrates: Whether it uses training images.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    calibrates: ClassVar[bool] = False

    def shortened(self, images: int) -> str:
        """Describe, for the results page, the settings below those of the publication; empty if there are none.

        Args:
            images: Number of calibration images.
        """
        return ""

    @property
    def pre_steps(self) -> int:
        """Number of time-steps before the first one with logits. They count towards T."""
        return 0


@dataclass(frozen=True)
class Recalibration(Baseline):
    """Changes weights, biases, thresholds or initial potentials. The result is a graph of plain IF neurons."""

    def recalibrate(self, source: Graph, network: nn.Module, images: Images, steps: int) -> Graph:
        """Return the changed float32 graph.

        Args:
            source: Traced graph.
            network: Network from which it was traced.
            images: Images of the training split, (N, C, H, W).
            steps: Number of time-steps T.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class NeuronRule(Baseline):
    """Changes the neuron at run time. It needs hardware that implements the changed neuron."""

    def rule(self, simulation: MultiStep, network: nn.Module, images: Images, steps: int) -> Neuron:
        """Return the changed neuron.

        Args:
            simulation: Exact graph.
            network: Source network.
            images: Images of the training split, for rules with a calibration.
            steps: Number of time-steps with logits, after `pre_steps`.
        """
        raise NotImplementedError

    def total_steps(self, steps: int) -> int:
        """Return the number of time-steps to run for `steps` time-steps with logits."""
        return steps

    def output_steps(self, steps: int) -> slice:
        """Return the time-steps that have logits, as a slice of `total_steps(steps)`."""
        return slice(0, steps)
