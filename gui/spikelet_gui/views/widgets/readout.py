"""Values under the pointer, in a box beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import shiboken6
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QLabel, QWidget

from spikelet_gui.views.widgets.text import isolated

OFFSET = QPoint(14, 16)  # distance of the box from the pointer, in pixels
MAX_ROWS = 12


@dataclass(frozen=True)
class Value:
    """One line of a reading.

    Attributes:
        name: Name of the quantity.
        text: Value with its unit.
        colour: Colour of the square before it, or "".
    """

    name: str
    text: str
    colour: str = ""


@dataclass(frozen=True)
class Reading:
    """Values under the pointer.

    Attributes:
        title: Position, such as a time-step or a neuron.
        values: The values there.
    """

    title: str
    values: Sequence[Value] = ()

    @property
    def text(self) -> str:
        """The lines as plain text."""
        return "\n".join([self.title, *(f"{value.name} {value.text}".strip() for value in self.values)])

    @property
    def html(self) -> str:
        """The lines as an HTML table; names are never interpreted as markup."""
        rows = []
        for value in self.values[:MAX_ROWS]:
            square = f'<span style="color:{value.colour}">■</span> ' if value.colour else ""
            name, text = escape(isolated(value.name)), escape(isolated(value.text))
            cells = f"<td>{square}{name}&nbsp;&nbsp;</td><td align=right><b>{text}</b></td>"
            rows.append(f"<tr>{cells}</tr>")
        if len(self.values) > MAX_ROWS:
            rows.append(f"<tr><td>and {len(self.values) - MAX_ROWS:,} more</td></tr>")
        title = escape(isolated(self.title)).replace("\n", "<br>")
        return f"<b>{title}</b>" + (f"<table cellspacing=0>{''.join(rows)}</table>" if rows else "")


class Readout(QLabel):
    """The box. Each window has one, which takes no mouse events."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("readout")
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.reading: Reading | None = None
        self.hide()

    @classmethod
    def of(cls, widget: QWidget) -> Readout:
        """Return the box of the window of a widget; it is created on first use."""
        root = _root(widget)
        box = root.findChild(Readout)
        return box if isinstance(box, Readout) else cls(root)

    def show_at(self, reading: Reading | None, pointer: QPoint) -> None:
        """Show a reading beside the pointer, in coordinates of the screen; None hides the box."""
        if reading is None:
            self.reading = None
            self.hide()
            return
        if reading != self.reading:
            self.reading = reading
            self.setText(reading.html)
            self.adjustSize()
        parent = self.parentWidget()
        assert parent is not None
        corner = parent.mapFromGlobal(pointer) + OFFSET
        if corner.x() + self.width() > parent.width():
            corner.setX(max(0, corner.x() - self.width() - 2 * OFFSET.x()))
        if corner.y() + self.height() > parent.height():
            corner.setY(max(0, corner.y() - self.height() - 2 * OFFSET.y()))
        self.move(corner)
        self.raise_()
        self.show()


def _root(widget: QWidget) -> QWidget:
    """Return the widget that fills the window of a widget, or the window itself."""
    window = widget.window()
    return window.findChild(QWidget, "root") or window


class Hover(QObject):
    """Shows the values of a widget while the pointer is over it.

    Args:
        widget: The widget; of a scroll area, its viewport is watched.
        read: Returns what is at a point in pixels of the watched widget, or None.
    """

    # Not searched for when it is to be hidden: Qt hides a widget that it deletes. Its parent, of which children are
    # deleted already, cannot be searched then, and attributes of this object may be deleted.
    _box: Readout | None = None

    def __init__(self, widget: QWidget, read: Callable[[QPointF], Reading | None]) -> None:
        super().__init__(widget)
        self._watched = widget.viewport() if isinstance(widget, QAbstractScrollArea) else widget
        self._read = read
        self._watched.setMouseTracking(True)
        self._watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        kind = event.type()
        if isinstance(event, QMouseEvent | QWheelEvent) and kind != QEvent.Type.MouseButtonDblClick:
            reading = self._read(event.position())
            self._box = Readout.of(self._watched)
            self._box.show_at(reading, event.globalPosition().toPoint())
        elif kind in (QEvent.Type.Leave, QEvent.Type.Hide):
            box, self._box = self._box, None
            if box is not None and shiboken6.isValid(box):
                box.show_at(None, QPoint())
        return False
