"""Connections of the drawing: lines between rows, and branches beside the blocks."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QGraphicsPathItem, QStyleOptionGraphicsItem, QWidget

from spikelet_gui.models.network.branches import Branch
from spikelet_gui.views.plots.network.block import BlockItem, unit_font
from spikelet_gui.views.plots.network.form import CHIP_LANE, LANE
from spikelet_gui.views.widgets.theme import theme

CORNER = 8.0  # radius where a branch turns
MERGE = 6.0  # radius of the sign of a sum


def lane_width(bypasses: Sequence[Branch]) -> float:
    """Return the width of a lane: wider if a branch has nodes, whose text it shows."""
    return CHIP_LANE if any(branch.members for branch in bypasses) else LANE


def width_beside(bypasses: Sequence[Branch]) -> float:
    """Return the width of all lanes."""
    lanes = max((branch.lane + 1 for branch in bypasses), default=0)
    return lanes * lane_width(bypasses) + (CORNER if lanes else 0.0)


class Connection(QGraphicsPathItem):
    """A line from one row to the next."""

    def __init__(self, source: BlockItem, target: BlockItem) -> None:
        super().__init__()
        self._source, self._target = source, target
        self.setPen(QPen(QColor(theme().muted), 1.4))
        self.setZValue(-1)

    def arrange(self) -> None:
        """Follow the blocks."""
        form = self._source.form
        start = self._source.pos() + QPointF(form.width / 2, form.height)
        end = self._target.pos() + QPointF(form.width / 2, 0)
        path = QPainterPath(start)
        path.cubicTo(start + QPointF(0, form.gap / 2), end - QPointF(0, form.gap / 2), end)
        self.setPath(path)


class BranchItem(QGraphicsItem):
    """A branch: a line beside the blocks that it bypasses, the text of its nodes, and a plus sign at its end.

    Args:
        branch: The branch.
        source: Block where it starts.
        target: Block where it ends.
        text: Description of its nodes, or "".
        lane: Width of a lane.

    Attributes:
        chip: Area of the text, in coordinates of the scene; empty without one.
    """

    def __init__(self, branch: Branch, source: BlockItem, target: BlockItem, text: str, lane: float) -> None:
        super().__init__()
        self.branch, self.text = branch, text
        self._source, self._target, self._lane = source, target, lane
        self._path = QPainterPath()
        self.chip, self._shown = QRectF(), ""
        self.setZValue(1)  # the sign of the sum lies on the edge of the block

    def arrange(self) -> None:
        """Follow the blocks."""
        self.prepareGeometryChange()
        height = self._source.form.height
        start = self._source.pos() + QPointF(0, height * 0.68)
        end = self._target.pos() + QPointF(0, height * 0.32)
        x = -CORNER - self._lane * (self.branch.lane + 0.5)
        path = QPainterPath(start)
        path.lineTo(x + CORNER, start.y())
        path.quadTo(x, start.y(), x, start.y() + CORNER)
        path.lineTo(x, end.y() - CORNER)
        path.quadTo(x, end.y(), x + CORNER, end.y())
        path.lineTo(end)
        self._path = path
        metrics = QFontMetricsF(unit_font(8))
        self._shown = metrics.elidedText(self.text, Qt.TextElideMode.ElideRight, self._lane - 4)
        width = metrics.horizontalAdvance(self._shown) + 8
        middle = QPointF(x, (start.y() + end.y()) / 2)
        self.chip = QRectF(middle.x() - width / 2, middle.y() - 8, width, 16) if self.text else QRectF()

    def boundingRect(self) -> QRectF:  # noqa: N802
        return self._path.boundingRect().united(self.chip).adjusted(-4, -MERGE - 2, MERGE + 2, MERGE + 2)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme().muted), 1.4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(self._path)
        end = self._path.currentPosition()
        painter.setBrush(QColor(theme().card))
        painter.drawEllipse(end, MERGE, MERGE)
        painter.setPen(QPen(QColor(theme().text), 1.2))
        painter.drawLine(end - QPointF(3, 0), end + QPointF(3, 0))
        painter.drawLine(end - QPointF(0, 3), end + QPointF(0, 3))
        if self.text:
            painter.setPen(QPen(QColor(theme().line), 1))
            painter.setBrush(QColor(theme().raised))
            painter.drawRoundedRect(self.chip, 5, 5)
            painter.setPen(QColor(theme().text))
            painter.setFont(unit_font(8))
            painter.drawText(self.chip, Qt.AlignmentFlag.AlignCenter, self._shown)
