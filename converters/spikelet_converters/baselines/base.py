"""What a rival is: something done to a trained network after training, or to the neuron at run time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from torch import nn

from spikelet.graph import Graph
from spikelet_converters.baselines.folded import Folded, Neuron

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Rival:
    """Base of all. Options are fields.

    about: in a sentence, with its publication. pre_steps: time-steps that it spends before it answers; they count.
    """

    name: ClassVar[str]
    about: ClassVar[str]

    @property
    def pre_steps(self) -> int:
        """Time-steps before the first one that answers."""
        return 0


@dataclass(frozen=True)
class Recalibration(Rival):
    """Changes weights, biases, thresholds or initial potentials; the neuron stays plain, so that it is a bundle."""

    def recalibrate(self, source: Graph, network: nn.Module, images: Images, steps: int) -> Graph:
        """The float32 graph for `steps` time-steps.

        source: the traced graph. network: what it was traced from. images: of the training split, (N, C, H, W).
        """
        raise NotImplementedError


@dataclass(frozen=True)
class NeuronRule(Rival):
    """Changes what a neuron does at run time; needs hardware that does the same."""

    def rule(self, folded: Folded, network: nn.Module, images: Images, steps: int) -> Neuron:
        """The neuron for `steps` time-steps that answer, which come after `pre_steps`.

        images: of the training split, for rules that calibrate.
        """
        raise NotImplementedError

    def total_steps(self, steps: int) -> int:
        """Time-steps that a layer is run for, so that `steps` of them answer."""
        return steps

    def answering(self, steps: int) -> slice:
        """Which of those answer."""
        return slice(0, steps)
