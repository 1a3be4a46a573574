"""View of the network that pans, zooms and searches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QGraphicsScene, QGraphicsView

from spikelet.display import shared_ends
from spikelet_gui.models.network.blocks import Block
from spikelet_gui.models.network.branches import Branch
from spikelet_gui.models.network.search import matches
from spikelet_gui.views.plots.network.block import BlockItem, Look
from spikelet_gui.views.plots.network.edges import BranchItem, Connection, lane_width, width_beside
from spikelet_gui.views.plots.network.form import COLUMN_GAP, EDGE, form_for
from spikelet_gui.views.widgets.readout import Hover, Reading
from spikelet_gui.views.widgets.theme import length, text_scale

ZOOM_STEP, MAX_ZOOM = 1.25, 6.0


class GraphView(QGraphicsView):
    """Drawing of all blocks and their connections.

    It shows all blocks if their text is readable at that size. Dragging moves a drawing that is larger than the view,
    and the wheel zooms with Ctrl.

    Args:
        chosen: Called with the name of a block that is clicked.
        listed: Called with the name of a block and the kind of a badge that is clicked.
        moved: Called with 1 or -1 to select the next or previous block.
        entered: Called to inspect the selected block (Enter, or a double click).
    """

    def __init__(
        self,
        chosen: Callable[[str], object],
        listed: Callable[[str, str], object],
        moved: Callable[[int], object],
        entered: Callable[[], object],
    ) -> None:
        super().__init__()
        self.setAccessibleName("network: layers from input to output")
        self.setAccessibleDescription(
            "Up and Down select the previous or next layer, Enter inspects it, plus and minus zoom, 0 shows everything"
        )
        self.setAcceptDrops(False)  # the window handles dropped files
        self.setObjectName("plain")
        self.setFrameShape(QGraphicsView.Shape.NoFrame)
        self.setStyleSheet("background: transparent")
        self.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setMinimumWidth(length(230))
        self._chosen, self._listed, self._step, self._entered = chosen, listed, moved, entered
        self._scene = QGraphicsScene(self)
        self.setScene(self._scene)
        self.items_by_name: dict[str, BlockItem] = {}
        self.branch_items: list[BranchItem] = []
        self._connections: list[Connection] = []
        self._beside = 0.0
        self.zoom = 1.0
        self._search = ""
        self._pressed: QPoint | None = None
        self._panning = False
        self._hover = Hover(self, self.reading)

    def show_blocks(
        self, blocks: Sequence[Block], looks: dict[str, Look], bypasses: Sequence[Branch], texts: dict[str, str]
    ) -> None:
        """Draw the blocks of a network. texts: description of the nodes of each branch, by its last node."""
        self._scene.clear()
        ends = shared_ends(block.name for block in blocks if block.spiking)
        self.items_by_name = {block.name: BlockItem(block, looks[block.name], ends) for block in blocks}
        bypassed = {(branch.source, branch.target) for branch in bypasses}
        lane, items = lane_width(bypasses), self.items_by_name
        self._connections = [
            Connection(items[block.name], items[target])
            for block in blocks
            for target in block.feeds
            if (block.name, target) not in bypassed
        ]
        self.branch_items = [
            BranchItem(
                branch,
                items[branch.source],
                items[branch.target],
                texts.get(branch.members[-1], "") if branch.members else "",
                lane,
            )
            for branch in bypasses
        ]
        for item in (*items.values(), *self._connections, *self.branch_items):
            self._scene.addItem(item)
        self._beside = width_beside(bypasses)
        self.zoom, self._search = 1.0, ""
        self._arrange()

    def update_looks(self, looks: dict[str, Look]) -> None:
        """Set new spike rates and badges."""
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

    def search(self, text: str) -> list[str]:
        """Fade the blocks that a text does not match; return the names of the others, all of them for no text."""
        self._search = text
        for item in self.items_by_name.values():
            look, block = item.look, item.block
            joining = [branch.text for branch in self.branch_items if branch.branch.target == block.name]
            item.fade(not matches(text, *block.members, look.title, look.shape, look.flags, *joining))
        return [name for name, item in self.items_by_name.items() if not item.faded]

    # zoom

    def zoom_by(self, factor: float) -> None:
        """Zoom about the pointer, or about the centre if the pointer is elsewhere."""
        self.zoom = min(max(self.zoom * factor, 1.0), MAX_ZOOM)
        self._transform()

    def fit(self) -> None:
        """Show as much of the network as is readable."""
        self.zoom = 1.0
        self._arrange()

    def _arrange(self) -> None:
        """Choose the sizes for the view, and place everything."""
        if not self.items_by_name:
            return
        blocks = [item.block for item in self.items_by_name.values()]
        rows, columns = 1 + max(block.row for block in blocks), 1 + max(block.column for block in blocks)
        size = self.maximumViewportSize()
        unit = text_scale()
        self._form = form_for((size.width() / unit, size.height() / unit), rows, columns, self._beside)
        for item in self.items_by_name.values():
            item.arrange(self._form)
        for connection in self._connections:
            connection.arrange()
        for branch in self.branch_items:
            branch.arrange()
        width = columns * (self._form.width + COLUMN_GAP) - COLUMN_GAP
        bounds = QRectF(-self._beside, 0, self._beside + width, rows * self._form.pitch - self._form.gap)
        self._scene.setSceneRect(bounds.adjusted(-EDGE, -EDGE, EDGE, EDGE))
        self._transform()

    def _transform(self) -> None:
        scale = self._form.scale * self.zoom * text_scale()
        if self._scene.height() * scale > self.maximumViewportSize().height():  # leaves space for the scroll bar
            scale *= 1 - self.verticalScrollBar().sizeHint().width() / max(self.maximumViewportSize().width(), 1)
        self.resetTransform()
        self.scale(scale, scale)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._arrange()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom_by(ZOOM_STEP if event.angleDelta().y() > 0 else 1 / ZOOM_STEP)
            event.accept()
        elif self.verticalScrollBar().maximum() or self.horizontalScrollBar().maximum():
            super().wheelEvent(event)
        else:
            event.ignore()  # the page scrolls

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        actions: dict[int, Callable[[], object]] = {
            Qt.Key.Key_Up: lambda: self._step(-1),
            Qt.Key.Key_Down: lambda: self._step(1),
            Qt.Key.Key_Return: self._entered,
            Qt.Key.Key_Enter: self._entered,
            Qt.Key.Key_Plus: lambda: self.zoom_by(ZOOM_STEP),
            Qt.Key.Key_Minus: lambda: self.zoom_by(1 / ZOOM_STEP),
            Qt.Key.Key_0: self.fit,
        }
        if event.key() in actions:
            actions[event.key()]()
        else:
            event.ignore()

    # mouse

    def item_at(self, point: QPoint) -> tuple[BlockItem, QPointF] | None:
        """Return the block at a point of the view, and the point in the block."""
        item = self.itemAt(point)
        return (item, item.mapFromScene(self.mapToScene(point))) if isinstance(item, BlockItem) else None

    def reading(self, point: QPointF) -> Reading | None:
        """Return what is under the pointer."""
        touched = None if self._panning else self.item_at(point.toPoint())
        if touched is not None:
            return touched[0].reading(touched[1])
        item = self.itemAt(point.toPoint())
        if isinstance(item, BranchItem):
            return Reading(f"{item.branch.source} → {item.branch.target}\n{item.text or 'branch'}")
        return None

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._pressed = event.position().toPoint() if event.button() == Qt.MouseButton.LeftButton else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        point = event.position().toPoint()
        if self._pressed is None:
            super().mouseMoveEvent(event)
            return
        moved = point - self._pressed
        if self._panning or moved.manhattanLength() >= QApplication.startDragDistance():
            self._panning = True
            self._pressed = point
            for bar, distance in ((self.horizontalScrollBar(), moved.x()), (self.verticalScrollBar(), moved.y())):
                bar.setValue(bar.value() - distance)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        touched = None if self._panning or self._pressed is None else self.item_at(event.position().toPoint())
        self._pressed, self._panning = None, False
        if touched is None:
            return
        item, point = touched
        badge = item.badge_at(point)
        self._chosen(item.block.name)
        if badge is not None:
            self._listed(item.block.name, badge.kind)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.item_at(event.position().toPoint()) is not None:
            self._entered()
        else:
            self.fit()
