"""A line above the panels with a message and a button. It is hidden at first."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt

from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.controls import button
from spikelet_gui.views.widgets.layouts import row
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP


class NoticeLine(View):
    """A message and a button.

    Args:
        title: Text of the button.
        act: Called when the button is clicked.
        hint: Tooltip of the button.
    """

    def __init__(self, title: str, act: Callable[[], object], hint: str) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.text = label("", wrap=True)
        self.again = button(title, act, hint)
        line = row(self.text, self.again, stretch=(1, 0), spacing=GAP)
        line.setContentsMargins(GAP, 6, GAP, 6)
        self.setLayout(line)
        self.hide()
