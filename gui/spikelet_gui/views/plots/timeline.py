"""The time cursor in a chart."""

from __future__ import annotations

from collections.abc import Callable

import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtCore import Qt

from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.theme import colour, theme


class TimeLine:
    """The time cursor in a chart. A click, or dragging the line, moves the cursor."""

    def __init__(self, plot: Plot, moved: Callable[[int], object]) -> None:
        self._plot, self._moved = plot, moved
        shade = colour(theme().text, 150)
        self.line = pg.InfiniteLine(
            1, 90, movable=True, pen=pg.mkPen(shade, width=1.2), hoverPen=pg.mkPen(theme().accent, width=2)
        )
        self.line.setZValue(20)
        self.line.sigDragged.connect(lambda line: moved(round(line.value())))
        plot.addItem(self.line, ignoreBounds=True)
        plot.follow(self.line)
        plot.scene().sigMouseClicked.connect(self._clicked)

    def go(self, time: int) -> None:
        """Move the line to a time-step."""
        self.line.setValue(time)

    def _clicked(self, event: MouseClickEvent) -> None:
        box = self._plot.box
        if event.button() == Qt.MouseButton.LeftButton and box.sceneBoundingRect().contains(event.scenePos()):
            self._moved(round(box.mapSceneToView(event.scenePos()).x()))
