"""Texts inside a chart: names at the ends of curves, and labels of levels. Both move when the chart changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF

from spikelet_gui.views.plots.chart import ChartView
from spikelet_gui.views.widgets.theme import font, length

HALF_LINE = 7  # half the height of small text
MARGIN = 0.1  # share of an axis at both ends without texts
NAME_HEIGHT, NAME_WIDTH = 15, 150  # lengths of a name beside a curve


def clearest(values: npt.ArrayLike, low: float, high: float) -> float:
    """Return the position of a text, as a share of the axis from low to high, that is farthest from some values."""
    shares = (np.asarray(values) - low) / (high - low)
    positions = np.linspace(MARGIN, 1 - MARGIN, 33)
    return float(positions[np.abs(positions[:, None] - shares[None]).min(axis=1).argmax()])


class CurveNames:
    """Names at the ends of curves, apart from each other and inside the chart.

    Args:
        chart: The chart.

    Attributes:
        names: The names, with the values of y that they belong to.
    """

    def __init__(self, chart: ChartView) -> None:
        self._chart, self._box = chart, chart.box
        self.names: list[tuple[pg.TextItem, float]] = []
        self._box.sigResized.connect(self.arrange)

    def add(self, text: str, x: float, y: float, hue: str, bold: bool = False) -> pg.TextItem:
        """Add a name, without its middle if it is long; call `arrange` after the last one."""
        style = font(8.5, bold=bold)
        text = QFontMetricsF(style).elidedText(text, Qt.TextElideMode.ElideMiddle, length(NAME_WIDTH))
        item = pg.TextItem(text, color=hue, anchor=(0, 0.5))
        item.setFont(style)
        item.setPos(x, y)
        self._chart.addItem(item, ignoreBounds=True)
        self.names.append((item, y))
        return item

    def arrange(self, *resized: object) -> None:
        """Place the names; those that were added first are hidden if there is no space for all of them."""
        self.names = [name for name in self.names if name[0].scene() is not None]
        self._widen()
        low, high = self._box.viewRange()[1]
        height = max(self._box.height(), 1.0)
        count = max(1, int((height - 4) / length(NAME_HEIGHT)))
        for index, (text, _) in enumerate(self.names):
            text.setVisible(index >= len(self.names) - count)
        names = sorted((name for name in self.names if name[0].isVisible()), key=lambda name: name[1])
        line = length(NAME_HEIGHT) / height * (high - low)
        heights = [min(y, high - line * (0.5 + above)) for above, (_, y) in enumerate(reversed(names))][::-1]
        lowest = low + line / 2
        for (text, _), y in zip(names, heights, strict=True):
            text.setPos(text.pos().x(), max(y, lowest))
            lowest = max(y, lowest) + line

    def _widen(self) -> None:
        """Extend the horizontal axis until every name is inside the chart, whatever its width in pixels."""
        box, (left, right) = self._box, self._box.viewRange()[0]
        needed = right
        for item, _ in self.names:
            start = box.width() - item.boundingRect().width() - 2  # pixels from the left end to the start of the name
            if start > 0.3 * box.width():  # a chart of names only shows nothing
                needed = max(needed, left + (item.pos().x() - left) * box.width() / start)
        if needed > right:
            self._chart.setXRange(left, needed, padding=0)


class LevelLabels:
    """Labels of horizontal lines, above their lines or, if they do not fit there, below.

    Args:
        chart: The chart.
    """

    def __init__(self, chart: ChartView) -> None:
        self._box = chart.box
        self._labels: list[pg.InfLineLabel] = []
        self._box.sigResized.connect(self.arrange)
        self._box.sigYRangeChanged.connect(self.arrange)

    def add(self, label: pg.InfLineLabel) -> None:
        """Add the label of a line."""
        self._labels.append(label)
        label.line.sigPositionChanged.connect(self.arrange)
        self.arrange()

    def arrange(self, *changed: object) -> None:
        """Place the labels."""
        self._labels = [label for label in self._labels if label.line.scene() is not None]
        low, high = self._box.viewRange()[1]
        for label in self._labels:
            space = (high - label.line.value()) / (high - low) * self._box.height()
            side = label.anchors[0][0]
            label.anchors = [(side, 1 if space > length(2 * HALF_LINE) + 4 else 0)] * 2
            label.updatePosition()
