"""The order in which Tab visits controls: that of the layouts, from left to right and from top to bottom.

Qt visits controls in the order in which they were created, and panels are built after the bars below them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLayout, QScrollArea, QWidget


def set_tab_order(widget: QWidget) -> None:
    """Let Tab visit the controls of a widget in the order of its layouts. Called again after controls were added."""
    policies = [(control, control.focusPolicy()) for control in _in_order(widget)]
    for control, _ in policies:  # those that Tab does not visit now have a place, too: Qt ignores them otherwise
        control.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    for (first, _), (second, _) in pairwise(policies):
        QWidget.setTabOrder(first, second)
    for control, policy in policies:
        control.setFocusPolicy(policy)


def _in_order(widget: QWidget) -> Iterator[QWidget]:
    """Yield a widget, or the parts of one that only arranges them."""
    layout = widget.layout()
    if layout is not None:
        yield from _of_layout(layout)
    elif not isinstance(widget, QLabel):
        yield widget
    if isinstance(widget, QScrollArea) and (inner := widget.widget()) is not None:
        yield from _in_order(inner)


def _of_layout(layout: QLayout) -> Iterator[QWidget]:
    for index in range(layout.count()):
        item = layout.itemAt(index)
        inner, widget = (None, None) if item is None else (item.layout(), item.widget())
        if widget is not None:
            yield from _in_order(widget)
        elif inner is not None:
            yield from _of_layout(inner)
