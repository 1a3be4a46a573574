"""The rail on the left of the window, with a button for each panel."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.widgets.controls import check
from spikelet_gui.views.widgets.icons import icon
from spikelet_gui.views.widgets.theme import length

WIDTH, SMALLEST, LARGEST = 88, 46, 62  # width of the rail; heights of a button


class Rail(QWidget):
    """Buttons of the panels, of which the current one is checked.

    Args:
        chosen: Called with the name of a panel when its button is clicked.

    Attributes:
        buttons: By name of the panel.
    """

    def __init__(self, chosen: Callable[[str], object]) -> None:
        super().__init__()
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        width = length(WIDTH)
        self.setFixedWidth(width)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(0, 10, 0, 10)
        lines.setSpacing(2)
        self.buttons: dict[str, QToolButton] = {}
        group = QButtonGroup(self)  # one is checked
        for index, (name, (title, _)) in enumerate(PANELS.items()):
            button = self.buttons[name] = QToolButton()
            button.setObjectName("nav")
            button.setIcon(icon(name))
            button.setIconSize(QSize(length(22), length(22)))
            button.setText(title)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setCheckable(True)
            button.setFixedWidth(width - 1)
            button.setMinimumHeight(length(SMALLEST))
            button.setMaximumHeight(length(LARGEST))
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setAccessibleName(title)
            button.setToolTip(f"{title}  (Ctrl+{index + 1})")
            button.clicked.connect(lambda _, name=name: chosen(name))
            group.addButton(button)
            lines.addWidget(button, 1)
        lines.addStretch(0)

    def mark(self, name: str) -> None:
        """Check the button of a panel, without a signal."""
        check(self.buttons[name])
