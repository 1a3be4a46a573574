"""What every reader of a source network gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.graph import Graph
from spikelet.nodes import Shape
from spikelet_converters.frontends.builder import Builder
from spikelet_converters.frontends.values import Value

Predict = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Preprocessing:
    """How pixels 0…255 become what the source network takes: (pixel / scale - mean) / std, by channel."""

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 255.0

    def start(self, builder: Builder, low: int = 0, high: int = 255) -> Value:
        """The input in a builder, as the source network sees it."""
        x = builder.input(low, high)
        mean, std = (np.asarray(v if len(v) > 1 else v[0], np.float64) for v in (self.mean, self.std))
        return builder.normalise("mean and std of the input", mean * self.scale, std * self.scale, x)

    def apply(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(N, C, …) pixels as the source network takes them."""
        mean, std = (np.asarray(v, np.float32).reshape(1, -1, *(1,) * (pixels.ndim - 2)) for v in (self.mean, self.std))
        scaled: npt.NDArray[np.float32] = ((pixels / np.float32(self.scale) - mean) / std).astype(np.float32)
        return scaled


@dataclass(frozen=True)
class Source:
    """A network as it was read.

    kind: what it was. graph: float32; layers of `relus` have theta = 1 until they are calibrated.
    relus: by layer, the cap of the rectifier or None. levels: by layer, the steps of its quantiser.
    predict: the source itself, preprocessed inputs (N, *shape) to logits (N, K), to hold the reading against.
    same: whether the reading must compute what the source does (it does not where pools were replaced).
    rounds: whether the source has quantisers that the reading has not.
    notes: what a user should know.
    """

    kind: str
    graph: Graph
    relus: Mapping[str, float | None] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)
    predict: Predict | None = None
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    same: bool = True
    notes: tuple[str, ...] = ()
    rounds: bool = False

    @property
    def spiking(self) -> bool:
        """Whether every neuron has its threshold already."""
        return not self.relus

    @property
    def shape(self) -> Shape:
        """Of one input."""
        return self.graph.input.shape


def finished(kind: str, builder: Builder, predict: Predict | None, preprocessing: Preprocessing) -> Source:
    """The source that a reader collected."""
    return Source(
        kind,
        builder.graph(),
        dict(builder.relus),
        dict(builder.levels),
        predict,
        preprocessing,
        not builder.replaced,
        tuple(builder.notes),
        builder.rounds,
    )
