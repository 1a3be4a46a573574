"""Distribution of the residual error, compared with a Gaussian of the same standard deviation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import nn

from spikelet.data.images import ImageSet
from spikelet.report.charts import Bar, bars
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.evaluation import as_pixels
from spikelet_converters.source_model.simulation import local_errors, residual_errors

HISTOGRAM_BATCH = 50
RARE = 1e-4  # below this share, errors are ties decided by float rounding, and skew is undefined


@dataclass(frozen=True)
class Histogram:
    """Histogram of the residual error of one layer, in spikes over T time-steps.

    Attributes:
        layer: Name of the layer.
        shares: Share of activations by error rounded to whole spikes. Positive means too few spikes.
        mean, sd: Mean and standard deviation of the error.
        skew, kurtosis: Standardised moments, None without errors.
    """

    layer: str
    shares: dict[int, float]
    mean: float
    sd: float
    skew: float | None
    kurtosis: float | None

    @property
    def none(self) -> float:
        """Share of activations with no error."""
        return self.shares.get(0, 0.0)

    @property
    def over(self) -> float:
        """Share of activations with too many spikes."""
        return sum(share for error, share in self.shares.items() if error < 0)

    @property
    def under(self) -> float:
        """Share of activations with too few spikes."""
        return sum(share for error, share in self.shares.items() if error > 0)

    def as_json(self) -> dict[str, object]:
        """Return the fields as JSON values."""
        return {
            "layer": self.layer,
            "shares": {str(k): v for k, v in self.shares.items()},
            "mean": self.mean,
            "sd": self.sd,
            "skew": self.skew,
            "kurtosis": self.kurtosis,
        }


def residual_histograms(
    network: nn.Module,
    images: ImageSet,
    steps: int,
    *,
    local: bool = True,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Histogram]:
    """Measure one histogram per layer.

    Args:
        network: Source network.
        images: Images to measure on.
        steps: Number of time-steps T.
        local: Give the quantiser and the neurons the same input. Otherwise errors of earlier layers are included.
        on_progress: Called with the number of images done and the total.
    """
    counts: dict[str, dict[int, int]] = {}
    moments: dict[str, npt.NDArray[np.float64]] = {}
    layers = spiking_layers(network)
    for start in range(0, len(images), HISTOGRAM_BATCH):
        pixels = as_pixels(images.images[start : start + HISTOGRAM_BATCH])
        errors = local_errors(network, pixels, steps) if local else residual_errors(network, pixels, steps)
        for name, error in errors.items():
            spikes = layers[name].in_thresholds(error.double()).numpy().ravel() * steps
            values, occurrences = np.unique(np.rint(spikes).astype(int), return_counts=True)
            layer = counts.setdefault(name, {})
            for value, count in zip(values.tolist(), occurrences.tolist(), strict=True):
                layer[value] = layer.get(value, 0) + count
            sums = np.array([np.power(spikes, k).sum() for k in range(5)])
            moments[name] = moments.get(name, np.zeros(5)) + sums
        on_progress(min(start + HISTOGRAM_BATCH, len(images)), len(images))
    return [_histogram(name, counts[name], moments[name]) for name in counts]


def _histogram(name: str, counts: dict[int, int], sums: npt.NDArray[np.float64]) -> Histogram:
    n = sums[0]
    m1, m2, m3, m4 = sums[1:] / n
    variance = max(m2 - m1**2, 0.0)
    skew = kurtosis = None
    if 1 - counts.get(0, 0) / n > RARE:
        skew = float((m3 - 3 * m1 * m2 + 2 * m1**3) / variance**1.5)
        kurtosis = float((m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4) / variance**2)
    shares = {value: counts[value] / n for value in sorted(counts)}
    return Histogram(name, shares, float(m1), float(np.sqrt(variance)), skew, kurtosis)


def chart(histograms: list[Histogram], steps: int) -> str:
    """Draw the shares of activations with too many and too few spikes beside those of a Gaussian, as SVG."""
    rows = []
    for histogram in histograms:
        for name, share, sign in (("too many", histogram.over, -1), ("too few", histogram.under, 1)):
            note = f"Gaussian: {gaussian_tail(sign * histogram.mean, histogram.sd):.2%}"
            rows.append(Bar(f"{histogram.layer}, {name}", share, note=note))
    return bars(f"Residual error at T = {steps}", rows, "share of activations with an error of one spike or more")


def gaussian_tail(mean: float, sd: float) -> float:
    """Return the probability that a Gaussian exceeds half a spike and rounds to one or more."""
    return 0.5 * math.erfc((0.5 - mean) / (sd * math.sqrt(2))) if sd > 0 else 0.0
