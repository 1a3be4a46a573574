"""Calibrate the plain rectifiers of an imported source network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import get_args

import torch

from spikelet import options
from spikelet.data.images import ImageSet
from spikelet.files.decoded import Document
from spikelet.graph import Graph
from spikelet.inputs import MAX_STEPS
from spikelet_converters.calibration.correction import corrected
from spikelet_converters.calibration.images import check_logits
from spikelet_converters.calibration.thresholds import Method, Per, Theta, activations, rescaled, thresholds
from spikelet_converters.frontends import Source

CORRECTED = 64  # number of images for corrections; their spikes of all time-steps are kept in memory

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Calibration:
    """Settings of the calibration.

    Attributes:
        images: Calibration images.
        method: Rule for the thresholds: "max", "percentile" or "mse", see `calibration.thresholds`.
        percentile: Percentile for the method "percentile", above 0 and up to 100.
        per: One threshold per "channel" or per "layer".
        steps: Number of time-steps T for which the network is calibrated.
        correct: Correct biases and initial potentials.
        copies: Correct for a network that gets copies of its neurons, see `correction.corrected`.

    Raises:
        UsageError: A setting is of a wrong type or out of range.
    """

    images: ImageSet
    method: Method = "mse"
    percentile: float = 99.9
    per: Per = "channel"
    steps: int = 16
    correct: bool = True
    copies: bool = False

    def __post_init__(self) -> None:
        options.instance("images", self.images, ImageSet)
        options.choice("method", self.method, get_args(Method))
        options.real("percentile", self.percentile, 0, 100)
        options.choice("per", self.per, get_args(Per))
        options.whole("steps", self.steps, 1, MAX_STEPS)
        options.instance("correct", self.correct, bool)
        options.instance("copies", self.copies, bool)


@dataclass(frozen=True)
class CalibratedNetwork:
    """A float32 network whose rectifiers have thresholds.

    Attributes:
        graph: The network with corrected biases and initial potentials.
        uncorrected: The same before corrections, with the predictions of the source.
        caps: By layer, upper limit of its activation in units of a spike, (C,), or None.
        settings: Settings of the calibration, for the manifest.
    """

    graph: Graph
    uncorrected: Graph
    caps: Mapping[str, Theta | None] = field(default_factory=dict)
    settings: Document = field(default_factory=dict)


def calibrated(
    source: Source, calibration: Calibration, on_progress: OnProgress = lambda done, total: None
) -> CalibratedNetwork:
    """Choose the thresholds of the rectifiers, and correct biases and initial potentials.

    Args:
        source: The imported network.
        calibration: Settings.
        on_progress: Called with the number of nodes done and the total.

    Raises:
        ConversionError: All logits are equal on the calibration images.
    """
    check_logits(source.graph, source.relus, calibration.images)
    pixels = torch.from_numpy(calibration.images.images).float()
    thetas = thresholds(
        activations(source.graph, source.relus, pixels),
        calibration.method,
        calibration.steps,
        calibration.percentile,
        calibration.per,
    )
    graph = uncorrected = rescaled(source.graph, thetas)
    caps = {name: None if cap is None else cap / thetas[name] for name, cap in source.relus.items()}
    if calibration.correct:
        graph = corrected(graph, caps, pixels[:CORRECTED], calibration.steps, on_progress, copies=calibration.copies)
    settings: Document = {
        "images": len(calibration.images),
        "data": calibration.images.name,
        "digest": calibration.images.digest,
        "method": calibration.method,
        "per": calibration.per,
        "steps": calibration.steps,
        "correction": calibration.correct,
        **({"copies": True} if calibration.copies else {}),
    }
    if calibration.method == "percentile":
        settings["percentile"] = calibration.percentile
    return CalibratedNetwork(graph, uncorrected, caps, settings)
