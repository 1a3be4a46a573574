"""Charts in the style of the inspector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QAccessible, QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent, QWheelEvent

from spikelet_gui.views.plots.axes import DecadeAxis, NumberAxis, PercentAxis
from spikelet_gui.views.plots.chart import ChartView
from spikelet_gui.views.plots.reading import Curve, bar_values, curve_values, described, dot_at, positions_of
from spikelet_gui.views.plots.texts import HALF_LINE, CurveNames, LevelLabels
from spikelet_gui.views.widgets.key_reading import KeyReading
from spikelet_gui.views.widgets.readout import Hover, Reading, Value
from spikelet_gui.views.widgets.theme import font, length, theme

LOW = 120  # height below which a chart has no title of the horizontal axis
Values = Sequence[float] | npt.NDArray[np.number]

STEP = 0.02  # of the visible range: distance by which an arrow key moves a marker
MOVES = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Down: (0, -1), Qt.Key.Key_Up: (0, 1)}
DASHES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine)


@dataclass(frozen=True)
class Marker:
    """A line that can be moved, and what is called with its value."""

    line: pg.InfiniteLine
    moved: Callable[[float], object]


class Plot(ChartView):
    """A chart. It shows the values of its curves, bars and dots under the pointer.

    Args:
        name: Name for screen readers.
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
        zoom: Whether the mouse moves and zooms the chart; a double click resets it.
        percent: Axes ("left", "bottom") of shares in percent.
        decades: Logarithmic axes.

    Attributes:
        home: Called to show everything again.
        names: Names beside curves.
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
        axes: dict[str, NumberAxis] = {side: NumberAxis(side) for side in ("left", "bottom")}
        axes |= {side: PercentAxis(side) for side in percent} | {side: DecadeAxis(side) for side in decades}
        super().__init__(axes, theme().card)
        self.setAccessibleName(name)
        self.setAcceptDrops(False)  # the window handles dropped files
        self.setObjectName("plain")  # shows the focus
        self.setFrameShape(pg.QtWidgets.QFrame.Shape.NoFrame)
        self.setMouseEnabled(zoom, zoom)
        for side in decades:
            axes[side].setLogMode(side == "bottom", side == "left")
        self.setMinimumSize(length(120), length(80))
        # space for the label at the upper end of an axis, and for descenders of the title below the lower axis
        self.plotItem.layout.setContentsMargins(0, length(HALF_LINE), 0, 2)
        self._style_axes()
        for side, text in (("bottom", x), ("left", y)):
            if text:
                self.setLabel(side, text, **{"color": theme().muted, "font-size": "8.5pt"})
        self.home: Callable[[], object] = lambda: self.box.enableAutoRange()
        self._zoom = zoom
        self._axes, self._titles, self._curves = axes, {"bottom": x, "left": y}, list[Curve]()
        self._hover = Hover(self, self.reading)
        self._keys = self.reader()
        self._followed: pg.InfiniteLine | None = None
        self.names, self._levels = CurveNames(self), LevelLabels(self)
        self._marker: Marker | None = None

    def _style_axes(self) -> None:
        small = font(8.5)
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(pg.mkPen(theme().line))
            axis.setTextPen(pg.mkPen(theme().muted))
            axis.setTickFont(small)
            axis.setStyle(tickLength=3, tickTextOffset=4)
            axis.enableAutoSIPrefix(False)

    def reader(self) -> KeyReading:
        """Return what shows the values while the chart has the keyboard focus."""
        return KeyReading(self, self.reading, self.points, self.describe)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(length(240), length(80))  # small: Qt uses it as the minimum beside text that wraps

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if hasattr(self, "_titles"):  # the base class resizes before the titles are set
            self.getAxis("bottom").showLabel(bool(self._titles["bottom"]) and self.height() >= length(LOW))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        self._keys.soon()
        if QAccessible.isActive():
            self.describe()

    def describe(self) -> None:
        """Describe the values that are shown, the marker, and what is drawn, for screen readers."""
        drawn = described(self._shown_curves(), self._bars(), self._axes["bottom"], self._axes["left"])
        text = ". ".join(filter(None, (self._keys.text, self._marker_text(), drawn)))
        if text != self.accessibleDescription():
            self.setAccessibleDescription(text)

    def follow(self, line: pg.InfiniteLine) -> None:
        """Show the values at a line, such as the time cursor, while the chart has the keyboard focus."""
        self._followed = line
        line.sigPositionChanged.connect(lambda _: self._keys.soon())

    def points(self) -> list[QPointF]:
        """Return the points, in pixels of the view, whose values are shown while the chart has the keyboard focus."""
        box = self.box
        inside = box.sceneBoundingRect().adjusted(2, 2, -2, -2)
        if self._followed is not None:
            middle = box.viewRect().center().y()
            positions = [(float(self._followed.value()), middle)]
        else:
            positions = positions_of(self._shown_curves(), self._dots(), self._bars())
        low, high = box.viewRange()[0]
        points = []
        for x, y in positions:
            if low <= x <= high:
                at_scene = box.mapViewToScene(QPointF(x, y))
                at_scene.setX(min(max(at_scene.x(), inside.left()), inside.right()))
                at_scene.setY(min(max(at_scene.y(), inside.top()), inside.bottom()))
                points.append(QPointF(self.mapFromScene(at_scene)))
        return points

    def _bars(self) -> list[pg.BarGraphItem]:
        return [item for item in self.plotItem.items if isinstance(item, pg.BarGraphItem)]

    def _dots(self) -> list[pg.ScatterPlotItem]:
        """Return the dots that are no symbols of a curve."""
        curves = {id(part) for curve in self._curves for part in (curve.item.scatter, curve.item.curve)}
        items = self.plotItem.items
        return [item for item in items if isinstance(item, pg.ScatterPlotItem) and id(item) not in curves]

    def _shown_curves(self) -> list[Curve]:
        self._curves = [curve for curve in self._curves if curve.item.scene() is not None]
        return self._curves

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Move the marker with the arrow keys of its direction; the window handles all other keys."""
        direction = MOVES.get(Qt.Key(event.key()))
        if self._marker is None or direction is None or bool(direction[0]) != (self._marker.line.angle == 90):
            event.ignore()
            return
        low, high = self.box.viewRange()[0 if direction[0] else 1]
        value = self._marker.line.value() + sum(direction) * (high - low) * STEP
        self._marker.moved(float(min(max(value, low), high)))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._zoom:
            self.home()
        super().mouseDoubleClickEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        if self._zoom:
            super().wheelEvent(event)
        else:
            event.ignore()

    def steps_axis(self, steps: int) -> None:
        """Set the horizontal axis to the time-steps 1…T."""
        axis = self._axes["bottom"]
        axis.last = steps
        if steps <= 16:
            axis.setTicks([[(t, str(t)) for t in range(1, steps + 1)]])
        else:
            axis.setTicks(None)
        self.setXRange(0.5, steps + 0.5, padding=0)

    def reference(self, value: float, span: tuple[float, float], hue: str, text: str) -> list[pg.GraphicsObject]:
        """Add a dashed line over a span of x, with its name after its end."""
        dashed = self.plot(span, [value, value], pen=pg.mkPen(hue, width=1.3, style=Qt.PenStyle.DashLine))
        y = float(np.log10(value)) if self.getAxis("left").logMode else value
        return [dashed, self.names.add(text, span[1] + 0.02 * (span[1] - span[0]), y, hue)]

    def line(
        self,
        x: Values,
        y: Values,
        series: int = 0,
        width: float = 2.0,
        dash: int = 0,
        symbol: str | None = None,
        symbolSize: int = 5,  # noqa: N803
        name: str = "",
    ) -> pg.PlotDataItem:
        """Add a curve in a colour of the theme, with symbols of the same colour. name: shown with its values."""
        hue = theme().series[series % len(theme().series)]
        pen = pg.mkPen(hue, width=width, style=DASHES[dash % len(DASHES)])
        item = self.plot(x, y, pen=pen, symbol=symbol, symbolSize=symbolSize, symbolBrush=hue, symbolPen=None)
        self.read(item, name)
        return item

    def read(self, item: pg.PlotDataItem, name: str = "", text: Callable[[float], str] | None = None) -> None:
        """Show the values of a curve under the pointer. text: formats a value; by default the left axis does."""
        self._curves.append(Curve(item, name, text or self._axes["left"].text_of))

    def set_title(self, side: str, text: str, hue: str = "") -> None:
        """Set the label of an axis."""
        self._titles[side] = text
        self.setLabel(side, text, **{"color": hue or theme().muted, "font-size": "8.5pt"})

    def reading(self, point: QPointF) -> Reading | None:
        """Return the values at a point in pixels of the view; None outside of the chart and where it is empty."""
        box = self.box
        at_scene = self.mapToScene(point.toPoint())
        if not box.sceneBoundingRect().contains(at_scene):
            return None
        position = box.mapSceneToView(at_scene)
        return self.values_at(position.x(), position.y())

    def values_at(self, x: float, y: float) -> Reading | None:
        """Return the values at a position of the view: of a dot, else of all curves, else of a bar."""
        bottom, left = self._axes["bottom"], self._axes["left"]
        read = curve_values(self._shown_curves(), x)
        dot = None if read else dot_at(self._dots(), x, y, self.box.viewPixelSize())
        if dot is not None:
            at_dot = dot.pos()
            return Reading(
                f"{self._titles['bottom']} {bottom.text_of(at_dot.x())}".strip(),
                [Value(self._titles["left"], left.text_of(at_dot.y()))],
            )
        if read is None:
            read = bar_values(self._bars(), x, left, self._titles["left"])
        if read is None:
            return None
        centre, values = read
        named = [value if value.name else Value(self._titles["left"], value.text, value.colour) for value in values]
        return Reading(f"{self._titles['bottom']} {bottom.text_of(centre)}".strip(), named)

    def level(self, value: float, value_colour: str, text: str = "", vertical: bool = False) -> pg.InfiniteLine:
        """Add a dashed line at a value of one axis, with a label."""
        line = pg.InfiniteLine(
            value,
            90 if vertical else 0,
            pen=pg.mkPen(value_colour, width=1.3, style=Qt.PenStyle.DashLine),
            label=text or None,
            labelOpts={"position": 0.02, "color": value_colour, "anchors": [(0, 1), (0, 1)]},
        )
        self.addItem(line)
        if text:
            line.label.setFont(font(8.5))
            if not vertical:
                self._levels.add(line.label)
        return line

    def marker(
        self, fill: str, moved: Callable[[float], object], vertical: bool = True, text: str = ""
    ) -> pg.InfiniteLine:
        """Add a line that can be dragged, or moved with arrow keys. moved: called with its value."""
        line = pg.InfiniteLine(
            angle=90 if vertical else 0,
            movable=True,
            pen=pg.mkPen(fill, width=2),
            hoverPen=pg.mkPen(theme().text, width=3),
            label=text or None,
            labelOpts={"position": 0.92, "color": fill, "movable": False, "anchors": [(1, 1), (1, 1)]},
        )
        if text:
            line.label.setFont(font(8.5, bold=True))
        line.sigDragged.connect(lambda dragged: moved(float(dragged.value())))
        line.sigPositionChanged.connect(lambda _: self.describe())
        self.addItem(line)
        if text and not vertical:
            self._levels.add(line.label)
        self._marker = Marker(line, moved)
        if vertical:
            self.follow(line)
        return line

    def _marker_text(self) -> str:
        if self._marker is None:
            return ""
        line = self._marker.line
        keys, side = ("Left and Right", "bottom") if line.angle == 90 else ("Up and Down", "left")
        return f"Line at {self._axes[side].text_of(line.value())}; {keys} move it"
