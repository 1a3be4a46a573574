"""How the residual error is distributed: what a Gaussian of the same deviation leaves out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from spikelet.data.images import ImageSet
from spikelet.report.charts import Bar, bars
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.evaluation import as_pixels
from spikelet_converters.source_model.simulation import local_gaps, residual_gaps

BATCH = 50
RARE = 1e-4  # share of errors below which they are ties that float arithmetic tipped, and have no shape


@dataclass(frozen=True)
class Histogram:
    """Of one layer. shares: by error, rounded to whole spikes: activation minus spikes fired in T time-steps.

    mean, sd: in spikes. skew, kurtosis: None where there is no error.
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
        """Share of those that fired too often."""
        return sum(share for error, share in self.shares.items() if error < 0)

    @property
    def under(self) -> float:
        """Share of those that fired too seldom."""
        return sum(share for error, share in self.shares.items() if error > 0)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
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
    """One histogram a layer. local: for the same input on both sides; else errors of earlier layers are included."""
    counts: dict[str, dict[int, int]] = {}
    moments: dict[str, np.ndarray[Any, np.dtype[np.float64]]] = {}
    lam = {name: layer.lam.item() for name, layer in spiking_layers(network).items()}
    for start in range(0, len(images), BATCH):
        pixels = as_pixels(images.images[start : start + BATCH])
        gaps = local_gaps(network, pixels, steps) if local else residual_gaps(network, pixels, steps)
        for name, gap in gaps.items():
            spikes = gap.numpy().ravel().astype(np.float64) * steps / lam[name]
            values, found = np.unique(np.rint(spikes).astype(int), return_counts=True)
            layer = counts.setdefault(name, {})
            for value, count in zip(values.tolist(), found.tolist(), strict=True):
                layer[value] = layer.get(value, 0) + count
            sums = np.array([np.power(spikes, k).sum() for k in range(5)])
            moments[name] = moments.get(name, np.zeros(5)) + sums
        on_progress(min(start + BATCH, len(images)), len(images))
    return [_histogram(name, counts[name], moments[name]) for name in counts]


def _histogram(name: str, counts: dict[int, int], sums: np.ndarray[Any, np.dtype[np.float64]]) -> Histogram:
    n = sums[0]
    m1, m2, m3, m4 = sums[1:] / n
    variance = max(m2 - m1**2, 0.0)
    skew = kurtosis = None
    if 1 - counts.get(0, 0) / n > RARE:
        skew = float((m3 - 3 * m1 * m2 + 2 * m1**3) / variance**1.5)
        kurtosis = float((m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4) / variance**2)
    shares = {value: counts[value] / n for value in sorted(counts)}
    return Histogram(name, shares, float(m1), float(np.sqrt(variance)), skew, kurtosis)


def chart(found: list[Histogram], steps: int) -> str:
    """How many activations fired too often and too seldom, and how many a Gaussian of the same moments would have."""
    rows = []
    for each in found:
        for name, share, sign in (("too many", each.over, -1), ("too few", each.under, 1)):
            note = f"a Gaussian: {gaussian_tail(sign * each.mean, each.sd):.2%}"
            rows.append(Bar(f"{each.layer}, {name}", share, note=note))
    return bars(f"Residual error at T = {steps}", rows, "share of activations that are off by a spike or more")


def gaussian_tail(mean: float, sd: float) -> float:
    """The share of a Gaussian that lies above half a spike, and so would round to one or more."""
    return 0.5 * math.erfc((0.5 - mean) / (sd * math.sqrt(2))) if sd > 0 else 0.0
