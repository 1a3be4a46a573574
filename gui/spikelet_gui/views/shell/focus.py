"""Return the keyboard focus to the window, so that its keys work again after a field or a list was used.

Escape and Enter leave a field, as does a click outside it. Letters in lists and drop-down lists, which would search in
them, and letters in number fields, which do not accept them, are keys of the window.
"""

from __future__ import annotations

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from spikelet_gui.views.widgets.controls import Search
from spikelet_gui.views.widgets.key_reading import ENTER

FIELDS = (QLineEdit, QAbstractSpinBox, QComboBox, QPlainTextEdit, QAbstractItemView)


class FocusReturn(QObject):
    """Watches keys and clicks of one window while a field of it has the focus.

    A filter of the application is called for every event of every object, so there is none while nothing is typed.

    Args:
        window: The window.
        root: Returns its content, which has the focus while no control has it.
        pressed: Handles a key of the window; returns whether it has an action.
    """

    def __init__(self, window: QWidget, root: Callable[[], QWidget], pressed: Callable[[QKeyEvent], bool]) -> None:
        super().__init__(window)
        self._window, self._root, self._pressed = window, root, pressed
        self._left: QWidget | None = None
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self._app = app
        app.focusChanged.connect(self._focus_changed)

    def _focus_changed(self, previous: QWidget | None, widget: QWidget | None) -> None:
        if widget is not None and widget is self._root():
            self._left = _field(previous)
        self._app.removeEventFilter(self)
        if widget is not None and widget.window() is self._window and _field(widget) is not None:
            self._app.installEventFilter(self)

    def resume(self) -> None:
        """Return the focus to the field that was left last, so that Tab continues there."""
        field = self._left
        if self._window.focusWidget() is not self._root() or field is None or not shiboken6.isValid(field):
            return
        if field.isVisible() and self._window.isAncestorOf(field):
            field.setFocus()

    def leave(self) -> None:
        """Give the focus to the window itself."""
        self._root().setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        kind = event.type()
        if kind not in (QEvent.Type.KeyPress, QEvent.Type.MouseButtonPress) or not isinstance(watched, QWidget):
            return False
        if watched.window() is not self._window or QApplication.activePopupWidget() is not None:
            return False
        if kind == QEvent.Type.MouseButtonPress:
            if _field(self._window.focusWidget()) is not None and not _takes_focus(watched):
                self.leave()
            return False
        field = _field(watched)
        if field is None or not isinstance(event, QKeyEvent) or watched is not self._window.focusWidget():
            return False
        return self._key(field, event)

    def _key(self, field: QWidget, event: QKeyEvent) -> bool:
        """Handle a key in a field, and return whether the field must not receive it."""
        if event.key() == Qt.Key.Key_Escape:
            self.leave()
            return True
        if event.key() in ENTER and not isinstance(field, QPlainTextEdit | QAbstractItemView | Search):
            QTimer.singleShot(0, self, self.leave)  # after the field has taken its value
            return False
        letter = event.text().isprintable() and event.text().strip() and not event.text().isdigit()
        searches = isinstance(field, QComboBox | QAbstractItemView | QAbstractSpinBox)
        return bool(letter and searches and self._pressed(event))


def _field(widget: QWidget | None) -> QWidget | None:
    """Return the field that a widget is or belongs to, None for another widget."""
    if widget is None:
        return None
    parent = widget.parentWidget()
    if isinstance(widget, QLineEdit) and isinstance(parent, QAbstractSpinBox | QComboBox):
        return parent
    return widget if isinstance(widget, FIELDS) else None


def _takes_focus(widget: QWidget | None) -> bool:
    """Return whether a click on a widget gives the focus to it or to a widget that it is in."""
    while widget is not None and not widget.isWindow():
        if widget.focusPolicy() & Qt.FocusPolicy.ClickFocus and widget.isEnabled():
            return True
        widget = widget.parentWidget()
    return False
