"""Axes of charts: numbers, shares and decades. Each formats the values under the pointer as well."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg

from spikelet.display import compact, significant
from spikelet_gui.models.numbers import minus

LARGE = 1000  # from here on, ticks have a prefix


def number(value: float) -> str:
    """Format a number with four digits and a proper minus sign."""
    return minus(significant(value, 4, zeros=False))


Ticks = Sequence[Sequence[tuple[float, str]]] | None


class NumberAxis(pg.AxisItem):
    """An axis of numbers with proper minus signs.

    Attributes:
        last: Largest value with a tick; beyond it is space for names and symbols.
    """

    last = math.inf
    _names: tuple[tuple[float, str], ...] = ()

    def setTicks(self, ticks: Ticks) -> None:  # noqa: N802
        self._names = tuple(tick for level in ticks or () for tick in level)
        super().setTicks(ticks)

    def text_of(self, value: float) -> str:
        """Format a value under the pointer: as the label of its tick if it has one."""
        named = next((name for position, name in self._names if name and abs(position - value) < 1e-6), None)
        return self.format(value) if named is None else named

    def format(self, value: float) -> str:
        """Format a value that has no labelled tick."""
        return number(value)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N802
        levels = super().tickValues(low, high, size)
        return [(spacing, [value for value in values if value <= self.last]) for spacing, values in levels]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        largest = max((abs(value) for value in values), default=0) * scale
        if largest < LARGE:
            return [minus(text) for text in super().tickStrings(values, scale, spacing)]
        digits = max(3, math.ceil(math.log10(largest / (spacing * scale))) + 1)  # neighbours differ
        return [minus(compact(value * scale, digits, zeros=False)) for value in values]


class PercentAxis(NumberAxis):
    """An axis of shares in percent. Negative values are shares that are drawn to the other side, without a sign."""

    last = 1.0

    def format(self, value: float) -> str:
        return f"{abs(value):.1%}"

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        digits = 0 if spacing >= 0.01 else 1
        return [f"{abs(value):.{digits}%}" for value in values]


def share_range(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of an axis of shares 0…1, with a margin."""
    low, high = min(values), max(values)
    margin = max(0.02, (high - low) * 0.12)
    return max(0.0, low - margin), min(1.02, high + margin)


class DecadeAxis(NumberAxis):
    """A logarithmic axis with labels at powers of ten and, if there is space, at 2 and 5 times these."""

    def logTickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        low, high = self.range
        decade = self.height() / max(high - low, 1e-9)  # pixels
        labelled = (1, 2, 5) if decade > 90 else (1,)
        return [number(10**v) if round(10 ** (v - np.floor(v + 1e-9))) in labelled else "" for v in values]
