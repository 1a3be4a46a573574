"""The differences between two simulations of a layer, as the report states them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.nodes import Array

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Divergence:
    """A difference between the engine and Brian2.

    Attributes:
        layer: Name of the layer.
        image: Index of the image.
        step: Time-step, from 1.
        neuron: Index of the neuron in its layer.
        fired: Whether the neuron fired, (engine, Brian2).
        potentials: Potentials after the reset, (engine, Brian2).
        before: Brian2's potential before the reset.
        theta: Threshold, None for the output.
        tie: Whether Brian2's potential before the reset was on the threshold (float32: within the tolerance).
    """

    layer: str
    image: int
    step: int
    neuron: tuple[int, ...]
    fired: tuple[bool, bool]
    potentials: tuple[float, float]
    before: float
    theta: float | None
    tie: bool

    def as_json(self) -> dict[str, object]:
        """Return the difference as JSON values."""
        return {
            "layer": self.layer,
            "neuron": list(self.neuron),
            "step": self.step,
            "image": self.image,
            "fired": {"engine": self.fired[0], "brian2": self.fired[1]},
            "potential": {"engine": self.potentials[0], "brian2": self.potentials[1]},
            "potential_before_reset": self.before,
            "theta": self.theta,
            "tie": self.tie,
        }

    def __str__(self) -> str:
        engine, brian2 = (
            f"{'fires' if fired else 'does not fire'} and is left at {potential:g}"
            for fired, potential in zip(self.fired, self.potentials, strict=True)
        )
        tie = " (a tie)" if self.tie else ""
        where = f"layer {self.layer}, neuron {self.neuron}, time-step {self.step}, image {self.image}"
        return f"{where}: engine {engine}, Brian2 {brian2}{tie}"


def earliest(divergences: Iterable[Divergence], exact: bool) -> Divergence | None:
    """Return the difference at the earliest time-step, the first one of several; None if there are none.

    Args:
        divergences: The differences, in the order of layers and images.
        exact: Whether the network is exact. In others, differences that are no ties come first.
    """
    return min(divergences, key=lambda divergence: (divergence.tie and not exact, divergence.step), default=None)


@dataclass(frozen=True)
class Sample:
    """A few neurons of one image, for the figures.

    Attributes:
        image: Index of the image.
        neurons: Indices of the k neurons in their layer.
        spikes: Spikes, (engine, Brian2), both (T, k).
        potentials: Potentials after the reset, (engine, Brian2), both (T, k).
        theta: Thresholds, (k,), or None for the output.
    """

    image: int
    neurons: tuple[tuple[int, ...], ...]
    spikes: tuple[Bools, Bools]
    potentials: tuple[Array, Array]
    theta: Array | None


@dataclass(frozen=True, kw_only=True)
class LayerDifferences:
    """Differences between two simulations of a layer.

    Attributes:
        name: Name of the layer.
        neurons: Number of compared neurons.
        spikes: Spikes in Brian2.
        differing_spikes: Number of spikes that occur in one of the two simulations only.
        ties: Differing spikes at a tie (float32 networks).
        after_ties: Differing spikes after a tie (float32 networks).
        drifts: Potentials that differ by more than the tolerance before any tie.
        max_potential_difference: Over all potentials; in float32 networks, over those before a tie.
    """

    name: str
    neurons: int
    spikes: int
    differing_spikes: int
    ties: int
    after_ties: int
    drifts: int
    max_potential_difference: float

    @property
    def real(self) -> int:
        """Differing spikes that are neither at nor after a tie."""
        return self.differing_spikes - self.ties - self.after_ties

    @property
    def ok(self) -> bool:
        """Whether all differences are at or after ties."""
        return self.real == 0 and self.drifts == 0


@dataclass(frozen=True, kw_only=True)
class LayerReport(LayerDifferences):
    """The comparison of one layer of the engine with Brian2. A tie affects later time-steps of the same neuron.

    Attributes:
        of: Number of neurons in the layer.
        first_divergence: The earliest difference.
        sample: Neurons for the figures.
    """

    of: int
    first_divergence: Divergence | None
    sample: Sample

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        first = self.first_divergence
        return {
            "name": self.name,
            "neurons": self.neurons,
            "spikes": self.spikes,
            "differing_spikes": self.differing_spikes,
            "max_potential_difference": self.max_potential_difference,
            "first_divergence": None if first is None else first.as_json(),
        }
