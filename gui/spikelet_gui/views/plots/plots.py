"""Charts in the style of the inspector, with a shared time cursor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent

from spikelet_gui.models.numbers import minus
from spikelet_gui.views.widgets.theme import colour, font, ramp, theme

HALF_LINE = 7  # pixels of small type
DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


class NumberAxis(pg.AxisItem):
    """Numbers with a minus sign, and not a hyphen."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        return [minus(text) for text in super().tickStrings(values, scale, spacing)]


class PercentAxis(pg.AxisItem):
    """Shares as percentages. There is no share below zero: what stands there is drawn to the other side."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        digits = 0 if spacing >= 0.01 else 1
        return [f"{abs(value):.{digits}%}" for value in values]


class DecadeAxis(pg.AxisItem):
    """An axis of decades: their beginnings are named, and 2 and 5 between them where there is room."""

    def logTickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        low, high = self.range
        room = self.height() / max(high - low, 1e-9)  # pixels of a decade
        named = (1, 2, 5) if room > 90 else (1,)
        return [f"{10**v:,.4g}" if round(10 ** (v - np.floor(v + 1e-9))) in named else "" for v in values]


class Plot(pg.PlotWidget):
    """A chart. x, y: what stands at its axes. zoom: whether the mouse may move and zoom it; a double click resets.

    percent: axes ("left", "bottom") whose numbers are shares. decades: those that are logarithmic.
    """

    def __init__(
        self,
        name: str,
        x: str = "",
        y: str = "",
        zoom: bool = False,
        percent: Sequence[str] = (),
        decades: Sequence[str] = (),
    ) -> None:
        axes: dict[str, pg.AxisItem] = {side: NumberAxis(side) for side in ("left", "bottom")}
        axes |= {side: PercentAxis(side) for side in percent} | {side: DecadeAxis(side) for side in decades}
        super().__init__(background=theme().card, axisItems=axes)
        self.setAccessibleName(name)
        self.setAcceptDrops(False)  # or the chart would take a file that is meant for the window, and do nothing
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.setMenuEnabled(False)
        self.setMouseEnabled(zoom, zoom)
        self.setLogMode("bottom" in decades, "left" in decades)
        self.hideButtons()
        self.setMinimumSize(120, 80)
        self.plotItem.layout.setContentsMargins(0, HALF_LINE, 0, 0)  # for the number at the upper end of an axis
        small = font(8.5)
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(pg.mkPen(theme().line))
            axis.setTextPen(pg.mkPen(theme().muted))
            axis.setTickFont(small)
            axis.setStyle(tickLength=3, tickTextOffset=4)
            axis.enableAutoSIPrefix(False)
        for side, text in (("bottom", x), ("left", y)):
            if text:
                self.setLabel(side, text, **{"color": theme().muted, "font-size": "8.5pt"})
        self.home: Callable[[], None] = lambda: self.plotItem.enableAutoRange()
        self._zoom = zoom
        self._names: list[tuple[Any, float]] = []
        self._levels: list[Any] = []
        self.plotItem.vb.sigResized.connect(self.spread)
        self.plotItem.vb.sigResized.connect(self._turn)
        self.plotItem.vb.sigYRangeChanged.connect(self._turn)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(240, 80)  # small, since Qt takes it as the minimum next to wrapping text

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        event.ignore()  # keys belong to the window

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._zoom:
            self.home()
        super().mouseDoubleClickEvent(event)

    def wheelEvent(self, event: Any) -> None:  # noqa: N802
        if self._zoom:
            super().wheelEvent(event)
        else:
            event.ignore()

    def steps_axis(self, steps: int, margin: float = 0.5) -> None:
        """The axis from time-step 1 to T."""
        axis = self.getAxis("bottom")
        if steps <= 16:
            axis.setTicks([[(t, str(t)) for t in range(1, steps + 1)]])
        else:
            axis.setTicks(None)
        self.setXRange(1 - margin, steps + margin, padding=0)

    def name(self, text: str, x: float, y: float, hue: str, bold: bool = False) -> Any:
        """Words at the end of a curve; call `spread` when all are there."""
        made = pg.TextItem(text, color=hue, anchor=(0, 0.5))
        made.setFont(font(8.5, bold=bold))
        made.setPos(x, y)
        self.addItem(made, ignoreBounds=True)
        self._names.append((made, y))
        return made

    def reference(self, value: float, span: tuple[float, float], hue: str, text: str) -> list[Any]:
        """A dashed line over a span of x, and its name behind its end, where no curve is."""
        dashed = self.plot(span, [value, value], pen=pg.mkPen(hue, width=1.3, style=Qt.PenStyle.DashLine))
        y = float(np.log10(value)) if self.getAxis("left").logMode else value
        return [dashed, self.name(text, span[1] + 0.02 * (span[1] - span[0]), y, hue)]

    def spread(self, *resized: Any) -> None:
        """Move names apart that would stand on each other, and into the chart."""
        self._names = sorted((name for name in self._names if name[0].scene() is not None), key=lambda each: each[1])
        low, high = self.plotItem.vb.viewRange()[1]
        line = 15 / max(self.plotItem.vb.height(), 30) * (high - low)
        heights = [min(y, high - line * (0.5 + rest)) for rest, (_, y) in enumerate(reversed(self._names))][::-1]
        least = low + line / 2
        for (text, _), y in zip(self._names, heights, strict=True):
            text.setPos(text.pos().x(), max(y, least))
            least = max(y, least) + line

    def line(self, x: Any, y: Any, series: int = 0, width: float = 2.0, dash: int = 0, **more: Any) -> Any:
        """A curve in one of the theme's colours."""
        pen = pg.mkPen(theme().series[series % len(theme().series)], width=width, style=DASHES[dash % len(DASHES)])
        return self.plot(x, y, pen=pen, **more)

    def level(
        self, value: float, value_colour: str, text: str = "", vertical: bool = False, at: float = 0.02
    ) -> pg.InfiniteLine:
        """Add a dashed line at a value of one axis, with a label."""
        made = pg.InfiniteLine(
            value,
            90 if vertical else 0,
            pen=pg.mkPen(value_colour, width=1.3, style=Qt.PenStyle.DashLine),
            label=text or None,
            labelOpts={"position": at, "color": value_colour, "anchors": [(0, 1), (0, 1)]},
        )
        self.addItem(made)
        if text:
            made.label.setFont(font(8.5))
            if not vertical:
                self._levels.append(made.label)
                self._turn()
        return made

    def _turn(self, *changed: Any) -> None:
        """Place a level's label above its line, or below if it does not fit."""
        self._levels = [level for level in self._levels if level.line.scene() is not None]
        low, high = self.plotItem.vb.viewRange()[1]
        for text in self._levels:
            room = (high - text.line.value()) / (high - low) * self.plotItem.vb.height()
            text.anchors = [(0, 1 if room > 2 * HALF_LINE + 4 else 0)] * 2
            text.updatePosition()

    def marker(self, fill: str, moved: Callable[[float], Any], vertical: bool = True, text: str = "") -> Any:
        """A line that can be dragged."""
        made = pg.InfiniteLine(
            angle=90 if vertical else 0,
            movable=True,
            pen=pg.mkPen(fill, width=2),
            hoverPen=pg.mkPen(theme().text, width=3),
            label=text or None,
            labelOpts={"position": 0.92, "color": fill, "movable": False, "anchors": [(1, 1), (1, 1)]},
        )
        if text:
            made.label.setFont(font(8.5, bold=True))
        made.sigDragged.connect(lambda line: moved(float(line.value())))
        self.addItem(made)
        return made


class TimeLine:
    """The cursor in a chart; where the chart is clicked or the line is dragged, time goes there."""

    def __init__(self, plot: Plot, moved: Callable[[int], Any]) -> None:
        self._plot, self._moved = plot, moved
        shade = colour(theme().text, 150)
        self.line = pg.InfiniteLine(
            1, 90, movable=True, pen=pg.mkPen(shade, width=1.2), hoverPen=pg.mkPen(theme().accent, width=2)
        )
        self.line.setZValue(20)
        self.line.sigDragged.connect(lambda line: moved(round(line.value())))
        plot.addItem(self.line, ignoreBounds=True)
        plot.scene().sigMouseClicked.connect(self._clicked)

    def go(self, time: int) -> None:
        """Stand at a time-step."""
        self.line.setValue(time)

    def _clicked(self, event: Any) -> None:
        box = self._plot.plotItem.vb
        if event.button() == Qt.MouseButton.LeftButton and box.sceneBoundingRect().contains(event.scenePos()):
            self._moved(round(box.mapSceneToView(event.scenePos()).x()))


class Picture(Plot):
    """Numbers as an image with square pixels: feature maps, the input. touched: called with (row, column)."""

    def __init__(self, name: str, touched: Callable[[int, int], Any] | None = None) -> None:
        super().__init__(name, zoom=touched is not None)
        self.hideAxis("left")
        self.hideAxis("bottom")
        self.setAspectLocked(True)
        self.plotItem.vb.invertY(True)
        self.plotItem.vb.setDefaultPadding(0.01)
        self.image = pg.ImageItem()
        self.addItem(self.image)
        self.marks = pg.ScatterPlotItem(
            size=0.9, pxMode=False, symbol="s", brush=None, pen=pg.mkPen(theme().over, width=2)
        )
        self.addItem(self.marks)
        self._shape: tuple[int, ...] = ()
        self._touched = touched
        if touched is not None:
            self.scene().sigMouseClicked.connect(self._clicked)

    def numbers(self, values: npt.NDArray[np.float32], most: float) -> None:
        """(H, W) from 0 to `most` in the theme's ramp; below 0 is not drawn."""
        index = np.clip(values * (255.0 / most if most else 0.0), 0, 255).astype(np.uint8)
        coloured = ramp()[index]
        coloured[values < 0] = QColor(theme().card).getRgb()
        self._show(coloured)

    def pixels(self, values: npt.NDArray[np.uint8]) -> None:
        """(H, W, 3) as it is."""
        self._show(values)

    def _show(self, values: npt.NDArray[np.uint8]) -> None:
        self.image.setImage(values, autoLevels=False, levels=None)
        if values.shape[:2] != self._shape:
            self._shape = values.shape[:2]
            self.fit()

    def fit(self) -> None:
        """The whole picture."""
        if self._shape:
            self.plotItem.vb.setRange(QRectF(0, 0, self._shape[1], self._shape[0]), padding=0.01)

    home = fit

    def mark(self, places: Sequence[tuple[int, int]], colours: Sequence[str]) -> None:
        """Frames around pixels, (row, column)."""
        spots = [
            {"pos": (x + 0.5, y + 0.5), "pen": pg.mkPen(c, width=2)} for (y, x), c in zip(places, colours, strict=True)
        ]
        self.marks.setData(spots)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802
        super().resizeEvent(event)
        if hasattr(self, "_shape"):
            self.fit()

    def _clicked(self, event: Any) -> None:
        at: QPointF = self.plotItem.vb.mapSceneToView(event.scenePos())
        y, x = int(np.floor(at.y())), int(np.floor(at.x()))
        if self._touched is not None and self._shape and 0 <= y < self._shape[0] and 0 <= x < self._shape[1]:
            self._touched(y, x)
