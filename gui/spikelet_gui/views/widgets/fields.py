"""Fields that are filled in: a list that folds out, and a number."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QSpinBox

from spikelet_gui.views.widgets.icons import icon

ARROWS = 18  # pixels at the right of a number


class Choice(QComboBox):
    """A list that folds out."""

    def __init__(self, name: str, hint: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(hint)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self)
        icon("down").paint(painter, self.width() - 21, (self.height() - 14) // 2, 14, 14)
        painter.end()


class Number(QSpinBox):
    """A whole number, to be typed or stepped; it counts when Enter is pressed or the field is left."""

    def __init__(self, name: str, hint: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setToolTip(hint)
        self.setKeyboardTracking(False)
        self.lineEdit().setTextMargins(6, 0, 0, 0)  # a style sheet's padding does not reach it

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        painter = QPainter(self)
        left, middle = self.width() - ARROWS, self.height() // 2
        icon("up").paint(painter, left, middle - 11, 11, 11)
        icon("down").paint(painter, left, middle, 11, 11)
        painter.end()
