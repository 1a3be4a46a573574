"""Accuracy under faults: a table of all faults, and charts of the selected one."""

from __future__ import annotations

from itertools import cycle

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

from spikelet.metrics.fault_results import Point
from spikelet_gui.models.analysis.robustness import ends, lost, rows, table
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.numbers import short_percent
from spikelet_gui.views.panels.robustness.state import RobustnessState
from spikelet_gui.views.plots.axes import share_range
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.plots.timeline import TimeLine
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.theme import colour, font, heat, length, readable_on, theme

Index = QModelIndex | QPersistentModelIndex
FAULT_FREE = 1  # index of the colour of the network without faults, in all charts
CELL_HEIGHT = 58  # smallest height of a cell: title and unit of a fault take four lines


class FaultCard(CardView):
    """A card of the panel; its data are all results."""

    def __init__(self, state: RobustnessState, title: str) -> None:
        super().__init__(state.inspector, title, data=self._data)
        self.state = state
        self._shown: tuple[object, ...] = ()

    def draw(self) -> None:
        """Show the results."""

    def draw_if_changed(self, *shown: object) -> None:
        """Draw unless `shown` was drawn before: partial results arrive faster than charts can be drawn."""
        if shown != self._shown:
            self._shown = shown
            self.draw()

    def _data(self) -> DataTable | None:
        measured = self.state.measured
        return None if measured is None else DataTable("robustness", *table(measured))


class FaultPainter(QStyledItemDelegate):
    """Draws a cell: title and unit of a fault; or level, accuracy and interval, coloured by the loss."""

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
    """Draw lines below each other, centred vertically in an area; long lines wrap."""
    flags = side | Qt.TextFlag.TextWordWrap
    fonts = [font(size, bold=size > 9) for size, _ in looks]
    bounds = QRectF(0, 0, area.width(), 1000)
    pairs = list(zip(lines, fonts, strict=False))
    heights = [QFontMetricsF(face).boundingRect(bounds, flags, text).height() for text, face in pairs]
    y = area.center().y() - sum(heights) / 2
    for (text, face), (_, ink), height in zip(pairs, looks, heights, strict=False):
        painter.setFont(face)
        painter.setPen(QColor(ink))
        painter.drawText(QRectF(area.left(), y, area.width(), height), flags, text)
        y += height


class MatrixCard(FaultCard):
    """Table with a row per fault and a cell per level: accuracy and interval; the colour shows the loss."""

    def __init__(self, state: RobustnessState) -> None:
        super().__init__(state, "Accuracy under faults")
        self.table = QTableWidget()
        self.table.setAccessibleName("faults and their levels")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().setMinimumSectionSize(length(CELL_HEIGHT))
        self.table.horizontalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.setItemDelegate(FaultPainter(self.table))
        self.table.setTabKeyNavigation(False)
        self.table.currentCellChanged.connect(self._chosen)
        self.body.addWidget(self.table, 1)

    def draw(self) -> None:
        """Show all faults at the time cursor."""
        measured = self.state.measured
        if measured is None:
            return
        faults = rows(measured)
        self.set_note(self.state.described())
        self.table.blockSignals(True)
        self.table.setRowCount(len(faults))
        self.table.setColumnCount(1 + max(1, *(len(fault.points) for fault in faults)))
        for row, fault in enumerate(faults):
            self.table.setItem(row, 0, QTableWidgetItem(f"{fault.title}\n{fault.unit}"))
            for column in range(1, self.table.columnCount()):
                self.table.setItem(row, column, self._cell(fault.points, column - 1))
        self.table.setCurrentCell([fault.kind for fault in faults].index(self.state.kind), 0)
        self.table.blockSignals(False)

    def _cell(self, points: tuple[Point, ...], index: int) -> QTableWidgetItem:
        measured, time = self.state.measured, self.state.time
        if measured is None or index >= len(points):
            return QTableWidgetItem("")
        point = points[index]
        text = f"{point.accuracy[time - 1]:.1%}"
        cell = QTableWidgetItem(f"at {short_percent(point.fault.level)}\n{text}\n{ends(point, time)}")
        cell.setBackground(QBrush(QColor(heat(lost(measured, point, time)))))
        return cell

    def _chosen(self, row: int, *_: int) -> None:
        measured = self.state.measured
        if measured is not None and row >= 0:
            self.state.choose(rows(measured)[row].kind)


class LevelCard(FaultCard):
    """Selected fault: accuracy by level at the time cursor, with intervals and devices."""

    def __init__(self, state: RobustnessState) -> None:
        super().__init__(state, "By level")
        self.plot = Plot("accuracy by level of the fault", "level", "accuracy", percent=("left",))
        self.body.addWidget(self.plot, 1)

    def draw(self) -> None:
        """Show the selected fault."""
        self.plot.clear()
        measured, row, time = self.state.measured, self.state.row, self.state.time
        if measured is None or row is None:
            return
        self.set_note(f"{row.title.lower()}; bars: 95% interval, dots: devices")
        fault_free = measured.fault_free.accuracy[time - 1]
        x = list(range(len(row.points)))
        y = [point.accuracy[time - 1] for point in row.points]
        low, high = [point.low[time - 1] for point in row.points], [point.high[time - 1] for point in row.points]
        for index, point in enumerate(row.points):
            self.plot.plot([index, index], [low[index], high[index]], pen=pg.mkPen(theme().series[0], width=3))
            devices = [device[time - 1] for device in point.by_seed]
            dots = pg.ScatterPlotItem(
                [index + 0.12] * len(devices), devices, size=5, pen=None, brush=colour(theme().muted, 200)
            )
            self.plot.addItem(dots)
        self.plot.line(x, y, 0, 2.2, symbol="o", symbolSize=8)
        self.plot.reference(fault_free, (-0.4, len(x) - 0.75), theme().series[FAULT_FREE], f"no fault {fault_free:.1%}")
        self.plot.set_title("left", measured.measure)
        self.plot.set_title("bottom", row.unit)
        self.plot.getAxis("bottom").setTicks(
            [[(i, short_percent(point.fault.level)) for i, point in enumerate(row.points)]]
        )
        self.plot.setXRange(-0.4, max(len(x), 1) * 1.36 - 0.6, padding=0)
        self.plot.setYRange(*share_range([fault_free, *y, *low, *high]), padding=0)


class StepCard(FaultCard):
    """Selected fault: accuracy after each time-step, one curve per level with its interval."""

    def __init__(self, state: RobustnessState) -> None:
        super().__init__(state, "By time-step")
        self.plot = Plot("accuracy by time-step, one curve per level", "time-step", "accuracy", percent=("left",))
        self.timeline = TimeLine(self.plot, state.inspector.cursor.go)
        self.body.addWidget(self.plot, 1)
        self._drawn: list[pg.GraphicsObject] = []

    def draw(self) -> None:
        """Show the selected fault."""
        for item in self._drawn:
            self.plot.removeItem(item)
        self._drawn = []
        measured, row = self.state.measured, self.state.row
        if measured is None or row is None:
            return
        self.set_note(f"{row.title.lower()}; bands: 95% intervals")
        x = list(range(1, measured.steps + 1))
        curves = [(FAULT_FREE, "no fault", measured.fault_free)]
        others = [series for series in range(len(theme().series)) if series != FAULT_FREE]
        for series, point in zip(cycle(others), row.points, strict=False):
            curves.append((series, short_percent(point.fault.level), point))
        for series, name, point in curves:
            hue = theme().series[series]
            edges = [self.plot.plot(x, end, pen=pg.mkPen((0, 0, 0, 0))) for end in (point.low, point.high)]
            band = pg.FillBetweenItem(*edges, brush=colour(hue, 22))
            self.plot.addItem(band)
            line = self.plot.line(x, point.accuracy, series, 2.0, series, name=name)
            text = self.plot.names.add(name, measured.steps + 0.1, point.accuracy[-1], hue)
            self._drawn += [*edges, band, line, text]
        self.plot.set_title("left", measured.measure)
        self.plot.steps_axis(measured.steps)
        self.plot.setXRange(0.6, measured.steps + max(1.2, measured.steps * 0.2), padding=0)
        values = [value for _, _, point in curves for value in (*point.low, *point.high)]
        self.plot.setYRange(*share_range(values), padding=0)
        self.plot.names.arrange()
