"""Axes of charts: numbers, shares and decades."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg

from spikelet_gui.models.numbers import minus


class NumberAxis(pg.AxisItem):
    """An axis of numbers with proper minus signs."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        return [minus(text) for text in super().tickStrings(values, scale, spacing)]


class PercentAxis(pg.AxisItem):
    """An axis of shares in percent. Negative values are shares that are drawn to the other side, without a sign."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        digits = 0 if spacing >= 0.01 else 1
        return [f"{abs(value):.{digits}%}" for value in values]


class DecadeAxis(pg.AxisItem):
    """A logarithmic axis with labels at powers of ten and, if there is space, at 2 and 5 times these."""

    def logTickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        low, high = self.range
        decade = self.height() / max(high - low, 1e-9)  # pixels
        labelled = (1, 2, 5) if decade > 90 else (1,)
        return [f"{10**v:,.4g}" if round(10 ** (v - np.floor(v + 1e-9))) in labelled else "" for v in values]
