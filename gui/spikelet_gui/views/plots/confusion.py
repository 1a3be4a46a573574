"""A confusion matrix with the accuracy by class; cells and classes can be chosen with the mouse and with keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikelet.display import number_of
from spikelet_gui.models.analysis.browse import by_class
from spikelet_gui.views.widgets.key_reading import ENTER
from spikelet_gui.views.widgets.readout import Hover, Reading, Value
from spikelet_gui.views.widgets.theme import colour, font, heat, length, readable_on, theme

Cell = tuple[int | None, int | None]  # true and predicted class; None: all of them
NAMES, SHARES, HEAD = 86, 112, 24  # lengths for the names, for the accuracies, and above the matrix
BAR, SHARE = 56, 46  # widths of the bar of an accuracy, and of its number
BESIDE = 14  # width beside a matrix without names, where a row is chosen
GRID = 8  # pixels of a cell, up to which there is no space between cells
NUMBERED, NAMED = 20, 11  # smallest cells with a number, and with a name beside them
UNNAMED = "true ↓  predicted → same order; names under the pointer"
MOVES = {Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}


class ConfusionView(QWidget):
    """Rows are true classes, columns are predictions; the colour is the share of the images of a row.

    Args:
        chosen: Called with the cell that is clicked or confirmed with Enter, (None, None) to choose all.
    """

    def __init__(self, chosen: Callable[[Cell], object]) -> None:
        super().__init__()
        self.setAccessibleName("confusion matrix")
        self.setAccessibleDescription("Arrow keys move through the cells, Enter lists the images of a cell")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMinimumSize(length(260), length(200))
        self._choose = chosen
        self._counts: npt.NDArray[np.int64] = np.zeros((0, 0), np.int64)
        self._names: Sequence[str] = ()
        self._marked: Cell = (None, None)
        self._at = (0, 0)
        self._hover = Hover(self, self.reading)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(length(420), length(420))

    def show_counts(self, counts: npt.NDArray[np.int64], names: Sequence[str], marked: Cell) -> None:
        """Show numbers of images (K, K), and mark the cell, row or column that is chosen."""
        self._counts, self._names, self._marked = counts, names, marked
        last = max(len(counts) - 1, 0)
        self._at = (min(self._at[0], last), min(self._at[1], last))
        self.update()

    @property
    def named(self) -> bool:
        """Whether the rows are high enough for the names of the classes and their accuracies."""
        return self.height() - length(HEAD) - 2.0 >= len(self._counts) * length(NAMED)

    @property
    def area(self) -> QRectF:
        """Area of the matrix: between the names and the accuracies, or nearly all of the widget without these."""
        top = length(HEAD)
        left, right = (length(NAMES), length(SHARES)) if self.named else (length(BESIDE), length(BESIDE))
        return QRectF(left, top, max(1.0, self.width() - left - right), max(1.0, self.height() - top - 2.0))

    def cell_at(self, point: QPointF) -> Cell | None:
        """Return the cell at a point; (k, None) beside row k, (None, k) above column k, None elsewhere."""
        area, count = self.area, len(self._counts)
        if not count or point.y() > area.bottom():
            return None
        row = int((point.y() - area.top()) * count / area.height()) if point.y() >= area.top() else None
        inside = area.left() <= point.x() < area.right()
        column = int((point.x() - area.left()) * count / area.width()) if inside else None
        return None if row is None and column is None else (row, column)

    def rect_of(self, cell: Cell) -> QRectF:
        """Return the area of a cell, a row or a column."""
        area, count = self.area, max(len(self._counts), 1)
        (row, column), width, height = cell, area.width() / count, area.height() / count
        return QRectF(
            area.left() + (column or 0) * width,
            area.top() + (row or 0) * height,
            area.width() if column is None else width,
            area.height() if row is None else height,
        )

    def reading(self, point: QPointF) -> Reading | None:
        """Return what is at a point."""
        cell = self.cell_at(point)
        if cell is None:
            return None
        truth, predicted = cell
        if truth is not None and predicted is not None:
            count, total = int(self._counts[truth, predicted]), int(self._counts[truth].sum())
            share = f"{count / total:.1%} of {total:,}" if total else "no image"
            values = [Value("predicted", self._names[predicted]), Value("images", f"{count:,}"), Value("share", share)]
            return Reading(f"true {self._names[truth]}", values)
        if truth is not None:
            score = by_class(self._counts)[truth]
            text = "no image" if score.share is None else f"{score.share:.1%}"
            interval = Value("95% interval", f"{score.low:.1%} – {score.high:.1%}")
            return Reading(
                f"true {self._names[truth]}",
                [Value("accuracy", text), interval, Value("right", f"{score.right:,} of {score.images:,}")],
            )
        assert predicted is not None
        total = int(self._counts[:, predicted].sum())
        right = int(self._counts[predicted, predicted])
        share = f"{right / total:.1%} of {total:,}" if total else "no image"
        return Reading(f"predicted {self._names[predicted]}", [Value("right", share)])

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        cell = self.cell_at(event.position())
        if cell is not None:
            self._toggle(cell)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        last = len(self._counts) - 1
        if event.key() in MOVES and last >= 0:
            row, column = MOVES[Qt.Key(event.key())]
            self._at = (min(max(self._at[0] + row, 0), last), min(max(self._at[1] + column, 0), last))
            truth, predicted = (self._names[index] for index in self._at)
            images = number_of(int(self._counts[self._at]), "image")
            self.setAccessibleDescription(f"true {truth}, predicted {predicted}: {images}")
            self.update()
        elif event.key() in ENTER and last >= 0:
            self._toggle(self._at)
        else:
            event.ignore()

    def _toggle(self, cell: Cell) -> None:
        self._choose((None, None) if cell == self._marked else cell)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        count = len(self._counts)
        if not count:
            return
        painter = QPainter(self)
        area = self.area
        width, height = area.width() / count, area.height() / count
        totals = self._counts.sum(axis=1)
        numbered = length(NUMBERED)
        if width <= GRID:
            painter.fillRect(area, QColor(theme().raised))  # no lines where the edges of cells are rounded
        painter.setFont(font(8.5))
        for row in range(count):
            for column in range(count):
                images, cell = int(self._counts[row, column]), self.rect_of((row, column))
                fill = heat(np.sqrt(images / totals[row])) if totals[row] else theme().raised
                painter.fillRect(cell.adjusted(0.5, 0.5, -0.5, -0.5) if width > GRID else cell, QColor(fill))
                if images and min(width, height) >= numbered:
                    painter.setPen(QColor(readable_on(fill)))
                    painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, f"{images:,}")
        self._draw_names(painter, width, height)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._marked != (None, None):
            painter.setPen(QPen(QColor(theme().over), 2.4))
            painter.drawRect(self.rect_of(self._marked))
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme().accent), 2, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect_of(self._at))
        painter.end()

    def _draw_names(self, painter: QPainter, width: float, height: float) -> None:
        area, middle = self.area, Qt.AlignmentFlag.AlignVCenter
        names, head = length(NAMES), length(HEAD)
        painter.setPen(QColor(theme().muted))
        if not self.named:
            painter.drawText(QRectF(area.left(), 0, area.width(), head), middle, UNNAMED)
            return
        painter.drawText(QRectF(0, 0, names - 6, head), Qt.AlignmentFlag.AlignRight | middle, "true ↓")
        painter.drawText(QRectF(area.right() + 8, 0, length(SHARES) - 8, head), middle, "accuracy")
        metrics = painter.fontMetrics()
        lead = "predicted →"
        if any(metrics.horizontalAdvance(name) > width - 2 for name in self._names):
            painter.drawText(QRectF(area.left(), 0, area.width(), head), middle, f"{lead} same order")
        else:
            for column, name in enumerate(self._names):
                centre = QRectF(area.left() + column * width, 0, width, head)
                painter.drawText(centre, Qt.AlignmentFlag.AlignCenter, name)
        for row, score in enumerate(by_class(self._counts)):
            y = area.top() + row * height
            painter.setPen(QColor(theme().text))
            name = metrics.elidedText(self._names[row], Qt.TextElideMode.ElideRight, names - 8)
            painter.drawText(QRectF(0, y, names - 6, height), Qt.AlignmentFlag.AlignRight | middle, name)
            if score.share is None:
                continue
            bar = QRectF(area.right() + 8, y + height / 2 - 4, length(BAR), 8)
            painter.fillRect(bar, QColor(theme().raised))
            painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * score.share, 8), QColor(theme().series[0]))
            interval_bar = QRectF(bar.left() + bar.width() * score.low, bar.center().y() - 1, 0, 2)
            interval_bar.setRight(bar.left() + bar.width() * score.high)
            painter.fillRect(interval_bar, colour(theme().text, 200))
            painter.setPen(QColor(theme().muted))
            painter.drawText(QRectF(bar.right() + 4, y, length(SHARE), height), middle, f"{score.share:.0%}")
