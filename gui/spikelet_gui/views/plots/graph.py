"""Drawing of the network: one block per spiking layer, coloured by its spike rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QPainter, QPainterPath, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsPathItem,
    QGraphicsScene,
    QGraphicsSceneHoverEvent,
    QGraphicsSceneMouseEvent,
    QGraphicsView,
    QStyleOptionGraphicsItem,
    QWidget,
)

from spikelet_gui.models.analysis.blocks import Block
from spikelet_gui.views.widgets.text import tooltip
from spikelet_gui.views.widgets.theme import colour, font, heat, readable_on, theme

WIDTH, HEIGHT, COLUMN_GAP, ROW_GAP = 268.0, 42.0, 26.0, 13.0
MEANINGS = {
    "dead": "dead: neurons that fired for no image",
    "saturated": "saturated: neurons that fired at every time-step of every image",
    "silent": "silent: neurons that did not fire for this image",
}
FULL = 0.3  # spike rate of the last colour of the ramp
MARGIN, RATE = 12.0, 50.0  # pixels at the left and right of the text; of the spike rate
SPACE, MIN_NAME = 8.0, 60.0  # pixels between texts; of the name beside long flags
MIN_SCALE, MAX_SCALE = 0.62, 2.2
READABLE = 0.85  # a drawing that is too high for the view scrolls at this scale, if the width allows it


@dataclass
class Look:
    """Text and colour of a block.

    Attributes:
        title: Description of the synapses.
        shape: Output shape.
        rate: Spike rate, or None before it is measured.
        flags: Numbers of dead and saturated neurons, or "".
    """

    title: str
    shape: str
    rate: float | None = None
    flags: str = ""


def top_line(name: float, flags: float) -> tuple[float, float]:
    """Divide the line left of the spike rate between the name of a block and its flags.

    Args:
        name: Width of the whole name, in pixels.
        flags: Width of all flags; 0 for none.

    Returns:
        Widths of both. They do not overlap; if the space is too small, the flags leave MIN_NAME pixels to the name.
    """
    available = WIDTH - 2 * MARGIN - RATE
    if not flags:
        return min(name, available), 0.0
    flags = min(flags, available - SPACE - min(name, MIN_NAME))
    return min(name, available - SPACE - flags), flags


class BlockItem(QGraphicsItem):
    """Graphics item of one block."""

    def __init__(self, block: Block, look: Look, chosen: Callable[[str], object]) -> None:
        super().__init__()
        self.block, self._chosen = block, chosen
        self.set_look(look)
        self.focused = False
        self.setPos(block.column * (WIDTH + COLUMN_GAP), block.row * (HEIGHT + ROW_GAP))
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAcceptHoverEvents(True)
        self._hover = False

    def set_look(self, look: Look) -> None:
        """Set text and colour; the tooltip has the whole text."""
        self.look = look
        meaning = "; ".join(text for word, text in MEANINGS.items() if word in look.flags)
        texts = (self.block.name, look.title, look.shape, look.flags, meaning)
        self.setToolTip(tooltip("\n".join(text for text in texts if text)))
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802
        return QRectF(-3, -3, WIDTH + 6, HEIGHT + 6)

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:  # noqa: N802
        self._hover = True
        self.update()

    def hoverLeaveEvent(self, event: QGraphicsSceneHoverEvent) -> None:  # noqa: N802
        self._hover = False
        self.update()

    def mousePressEvent(self, event: QGraphicsSceneMouseEvent) -> None:  # noqa: N802
        self._chosen(self.block.name)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        look, spiking = self.look, self.block.spiking
        fill = heat(look.rate / FULL) if spiking and look.rate is not None else theme().raised
        ink = readable_on(fill) if spiking and look.rate is not None else theme().text
        soft = colour(ink, 185)
        edge = QPen(QColor(theme().accent if self.focused else theme().muted if self._hover else theme().line))
        edge.setWidthF(2.4 if self.focused else 1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(edge)
        painter.setBrush(QColor(fill))
        painter.drawRoundedRect(QRectF(0, 0, WIDTH, HEIGHT), 8, 8)
        painter.setPen(QColor(ink))
        painter.setFont(font(10, bold=True))
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        middle = Qt.AlignmentFlag.AlignVCenter
        flags_width = QFontMetricsF(font(8, bold=True)).horizontalAdvance(look.flags) + 12 if look.flags else 0.0
        full_name = painter.fontMetrics().horizontalAdvance(self.block.name) + 1
        name_width, flags_width = top_line(full_name, flags_width)
        text = _elided(painter, self.block.name, name_width)
        painter.drawText(QRectF(MARGIN, 3, name_width + 1, 20), left | middle, text)
        if spiking:
            text = "…" if look.rate is None else f"{look.rate:.1%}"
            painter.drawText(QRectF(MARGIN, 3, WIDTH - 2 * MARGIN, 20), right | middle, text)
        painter.setFont(font(8.5))
        painter.setPen(soft)
        line = QRectF(MARGIN, 21, WIDTH - 2 * MARGIN, 17)
        title_width = line.width() - painter.fontMetrics().horizontalAdvance(look.shape) - SPACE
        painter.drawText(line, left | middle, _elided(painter, look.title, title_width))
        painter.drawText(line, right | middle, look.shape)
        if look.flags:
            painter.setFont(font(8, bold=True))
            chip = QRectF(WIDTH - MARGIN - RATE - flags_width, 6, flags_width, 15)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme().warn))
            painter.drawRoundedRect(chip, 7, 7)
            painter.setPen(QColor(readable_on(theme().warn)))
            painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, _elided(painter, look.flags, flags_width - 8))


class GraphView(QGraphicsView):
    """Drawing of all blocks and their connections.

    Args:
        chosen: Called with the name of a block that is clicked.
        moved: Called with 1 or -1 to select the next or previous block.
    """

    def __init__(self, chosen: Callable[[str], object], moved: Callable[[int], object]) -> None:
        super().__init__()
        self.setAccessibleName("network: layers from input to output")
        self.setAccessibleDescription("Up and Down select the previous or next layer")
        self.setAcceptDrops(False)  # the window handles dropped files
        self.setObjectName("plain")
        self.setFrameShape(QGraphicsView.Shape.NoFrame)
        self.setStyleSheet("background: transparent")
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setMinimumWidth(230)
        self._chosen, self._step = chosen, moved
        self._scene = QGraphicsScene(self)
        self.setScene(self._scene)
        self.items_by_name: dict[str, BlockItem] = {}

    def show_blocks(self, blocks: tuple[Block, ...], looks: dict[str, Look]) -> None:
        """Draw the blocks of a network."""
        self._scene.clear()
        self.items_by_name = {}
        for block in blocks:
            item = BlockItem(block, looks[block.name], self._chosen)
            self.items_by_name[block.name] = item
            self._scene.addItem(item)
        for block in blocks:
            for target in block.feeds:
                self._scene.addItem(_edge(self.items_by_name[block.name], self.items_by_name[target]))
        self._scene.setSceneRect(self._scene.itemsBoundingRect().adjusted(-6, -4, 6, 4))
        self._fit()

    def update_looks(self, looks: dict[str, Look]) -> None:
        """Set new spike rates and flags."""
        for name, look in looks.items():
            if name in self.items_by_name:
                self.items_by_name[name].set_look(look)

    def focus_block(self, name: str) -> None:
        """Mark one block and scroll it into view."""
        for block_name, item in self.items_by_name.items():
            if item.focused != (block_name == name):
                item.focused = block_name == name
                item.update()
        if name in self.items_by_name:
            self.ensureVisible(self.items_by_name[name], 0, 20)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._step(1 if event.key() == Qt.Key.Key_Down else -1)
        else:
            event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        bounds = self._scene.sceneRect()
        if bounds.isEmpty():
            return
        width_scale = self.viewport().width() / bounds.width()
        scale = min(self.viewport().height() / bounds.height(), width_scale, MAX_SCALE)
        scale = max(scale, min(width_scale, READABLE), MIN_SCALE)
        self.resetTransform()
        self.scale(scale, scale)


def _edge(source: BlockItem, target: BlockItem) -> QGraphicsPathItem:
    start = source.pos() + QPointF(WIDTH / 2, HEIGHT)
    end = target.pos() + QPointF(WIDTH / 2, 0)
    path = QPainterPath(start)
    if target.block.row - source.block.row > 1:  # passes the blocks in between on their left
        side = min(start.x(), end.x()) - WIDTH / 2 - 10 - 4 * (target.block.row - source.block.row)
        start, end = source.pos() + QPointF(0, HEIGHT * 0.7), target.pos() + QPointF(0, HEIGHT * 0.3)
        path = QPainterPath(start)
        path.cubicTo(QPointF(side, start.y()), QPointF(side, end.y()), end)
    else:
        path.cubicTo(start + QPointF(0, ROW_GAP / 2), end - QPointF(0, ROW_GAP / 2), end)
    item = QGraphicsPathItem(path)
    item.setPen(QPen(QColor(theme().muted), 1.4))
    item.setZValue(-1)
    return item


def _elided(painter: QPainter, text: str, width: float) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(width))
