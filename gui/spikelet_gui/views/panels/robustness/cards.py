"""Accuracy under faults: a table of all faults, and charts of the selected one."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
)

from spikelet.metrics.robustness import Point
from spikelet_gui.models.analysis.robustness import ends, level_text, lost, numbers, rows
from spikelet_gui.views.panels.robustness.state import RobustnessState
from spikelet_gui.views.plots.plots import Plot, TimeLine
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.theme import colour, font, heat, readable_on, theme
from spikelet_gui.views.widgets.widgets import Card, Numbers

Index = QModelIndex | QPersistentModelIndex


class Part(View):
    """A card of the panel; its numbers are all that is known."""

    def __init__(self, state: RobustnessState, title: str) -> None:
        super().__init__()
        self.state = state
        self.card = Card(title)
        self.card.numbers = self._numbers
        self.fill(self.card)
        self._shown: tuple[Any, ...] = ()

    def draw(self) -> None:
        """Show what is known."""

    def show_if_new(self, *shown: Any) -> None:
        """Draw, if what is to be shown is not what was drawn: faults come faster than charts are made."""
        if shown != self._shown:
            self._shown = shown
            self.draw()

    def _numbers(self) -> Numbers | None:
        measured = self.state.measured
        return None if measured is None else Numbers("robustness", *numbers(measured))


class FaultPainter(QStyledItemDelegate):
    """Draws a cell: the name and unit of a fault; or level, accuracy and interval, in the colour of what is lost."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        area, lines = QRectF(option.rect).adjusted(2, 2, -2, -2), str(index.data() or "").split("\n")
        fill = index.data(Qt.ItemDataRole.BackgroundRole)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme().accent), 1.6) if chosen else Qt.PenStyle.NoPen)
        painter.setBrush(fill or (colour(theme().accent, 36) if chosen else Qt.BrushStyle.NoBrush))
        painter.drawRoundedRect(area, 6, 6)
        if fill is not None:
            ink = readable_on(fill.color().name())
            _lines(painter, area, lines, [(8.5, ink), (11.0, ink), (8.5, ink)], Qt.AlignmentFlag.AlignHCenter)
        else:
            inks = [(9.5, theme().text), (8.5, theme().muted)]
            _lines(painter, area.adjusted(8, 0, -4, 0), lines, inks, Qt.AlignmentFlag.AlignLeft)
        painter.restore()


def _lines(
    painter: QPainter, area: QRectF, lines: list[str], looks: list[tuple[float, str]], side: Qt.AlignmentFlag
) -> None:
    """Lines under each other, in the middle of an area; those of more than one line's length wrap."""
    flags = side | Qt.TextFlag.TextWordWrap
    fonts = [font(size, bold=size > 9) for size, _ in looks]
    whole = QRectF(0, 0, area.width(), 1000)
    heights = [
        QFontMetricsF(each).boundingRect(whole, flags, text).height() for text, each in zip(lines, fonts, strict=False)
    ]
    y = area.center().y() - sum(heights) / 2
    for text, (_, ink), each, height in zip(lines, looks, fonts, heights, strict=False):
        painter.setFont(each)
        painter.setPen(QColor(ink))
        painter.drawText(QRectF(area.left(), y, area.width(), height), flags, text)
        y += height


class MatrixCard(Part):
    """Table with a row per fault and a cell per level: accuracy and interval; the colour shows the loss."""

    def __init__(self, state: RobustnessState) -> None:
        super().__init__(state, "Accuracy under faults")
        self.table = QTableWidget()
        self.table.setAccessibleName("faults and their levels")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setItemDelegate(FaultPainter(self.table))
        self.table.setTabKeyNavigation(False)
        self.table.currentCellChanged.connect(self._chosen)
        self.card.body.addWidget(self.table, 1)

    def draw(self) -> None:
        """Show everything that is known."""
        measured = self.state.measured
        if measured is None:
            return
        every = rows(measured)
        self.card.say(self.state.described())
        self.table.blockSignals(True)
        self.table.setRowCount(len(every))
        self.table.setColumnCount(1 + max(1, *(len(each.points) for each in every)))
        for at, each in enumerate(every):
            title = QTableWidgetItem(f"{each.title}\n{each.unit}")
            self.table.setItem(at, 0, title)
            for place in range(1, self.table.columnCount()):
                self.table.setItem(at, place, self._cell(each.points, place - 1))
        self.table.setCurrentCell([each.kind for each in every].index(self.state.kind), 0)
        self.table.blockSignals(False)

    def _cell(self, points: tuple[Point, ...], place: int) -> QTableWidgetItem:
        measured, time = self.state.measured, self.state.time
        if measured is None or place >= len(points):
            return QTableWidgetItem("")
        point = points[place]
        text = f"{point.accuracy[time - 1]:.1%}"
        made = QTableWidgetItem(f"at {level_text(point.fault.level)}\n{text}\n{ends(point, time)}")
        made.setBackground(QBrush(QColor(heat(lost(measured, point, time)))))
        return made

    def _chosen(self, at: int, *_: int) -> None:
        measured = self.state.measured
        if measured is not None and at >= 0:
            self.state.choose(rows(measured)[at].kind)


class LevelCard(Part):
    """The chosen fault: accuracy by level at the time cursor, with intervals and every device."""

    def __init__(self, state: RobustnessState) -> None:
        super().__init__(state, "By level")
        self.plot = Plot("accuracy by level of the fault", "level", "accuracy", percent=("left",))
        self.card.body.addWidget(self.plot, 1)

    def draw(self) -> None:
        """Show the chosen fault."""
        self.plot.clear()
        measured, row, time = self.state.measured, self.state.row, self.state.time
        if measured is None or row is None:
            return
        self.card.say(f"{row.title.lower()}; bar: 95 %, dots: devices")
        sound = measured.sound.accuracy[time - 1]
        x = list(range(len(row.points)))
        y = [point.accuracy[time - 1] for point in row.points]
        low, high = [point.low[time - 1] for point in row.points], [point.high[time - 1] for point in row.points]
        for index, each in enumerate(row.points):
            self.plot.plot([index, index], [low[index], high[index]], pen=pg.mkPen(theme().series[0], width=3))
            devices = [device[time - 1] for device in each.by_seed]
            dots = pg.ScatterPlotItem(
                [index + 0.12] * len(devices), devices, size=5, pen=None, brush=colour(theme().muted, 200)
            )
            self.plot.addItem(dots)
        curve = self.plot.line(x, y, 0, 2.2, symbol="o", symbolSize=8)
        curve.setSymbolBrush(theme().series[0])
        curve.setSymbolPen(None)
        self.plot.reference(sound, (-0.4, len(x) - 0.75), theme().over, f"no fault {sound:.1%}")
        self.plot.setLabel("left", measured.measure, **{"color": theme().muted, "font-size": "8.5pt"})
        self.plot.setLabel("bottom", row.unit, **{"color": theme().muted, "font-size": "8.5pt"})
        self.plot.getAxis("bottom").setTicks([[(i, level_text(each.fault.level)) for i, each in enumerate(row.points)]])
        self.plot.setXRange(-0.4, max(len(x), 1) * 1.36 - 0.6, padding=0)
        self.plot.setYRange(*_span([sound, *y, *low, *high]), padding=0)


class StepCard(Part):
    """The chosen fault: accuracy after each time-step, one curve per level with its interval."""

    def __init__(self, state: RobustnessState) -> None:
        super().__init__(state, "By time-step")
        self.plot = Plot("accuracy by time-step, one curve per level", "time-step", "accuracy", percent=("left",))
        self.timeline = TimeLine(self.plot, state.inspector.cursor.go)
        self.card.body.addWidget(self.plot, 1)
        self._drawn: list[Any] = []

    def draw(self) -> None:
        """Show the chosen fault."""
        for item in self._drawn:
            self.plot.removeItem(item)
        self._drawn = []
        measured, row = self.state.measured, self.state.row
        if measured is None or row is None:
            return
        self.card.say(f"{row.title.lower()}; band: 95 %")
        x = list(range(1, measured.steps + 1))
        curves = [("no fault", measured.sound), *((level_text(point.fault.level), point) for point in row.points)]
        for index, (name, point) in enumerate(curves):
            hue = theme().series[index % len(theme().series)]
            edges = [self.plot.plot(x, end, pen=pg.mkPen((0, 0, 0, 0))) for end in (point.low, point.high)]
            band = pg.FillBetweenItem(*edges, brush=colour(hue, 22))
            self.plot.addItem(band)
            line = self.plot.line(x, point.accuracy, index, 2.0, index)
            text = self.plot.name(name, measured.steps + 0.1, point.accuracy[-1], hue)
            self._drawn += [*edges, band, line, text]
        self.plot.steps_axis(measured.steps)
        self.plot.setXRange(0.6, measured.steps + max(1.2, measured.steps * 0.2), padding=0)
        values = [value for _, each in curves for value in (*each.low, *each.high)]
        self.plot.setYRange(*_span(values), padding=0)
        self.plot.spread()


def _span(values: list[float]) -> tuple[float, float]:
    """Axis range of shares, with a margin."""
    low, high = min(values), max(values)
    room = max(0.02, (high - low) * 0.12)
    return max(0.0, low - room), min(1.02, high + room)
