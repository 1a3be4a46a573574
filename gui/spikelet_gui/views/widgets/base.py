"""Base class of views: subscribes to models and draws only while visible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from spikelet_gui.models.signal import Signal


class View(QWidget):
    """Use `follow` for what has to be drawn: while hidden it waits, and is done once when the view is shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heard: list[tuple[Signal, Callable[..., Any]]] = []
        self._late: dict[Callable[[], None], None] = {}

    def fill(self, widget: QWidget) -> None:
        """Be nothing but this widget, to the edges."""
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(widget)

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """What a scrolling page gives it at least: no more than it needs, though it would like more."""
        layout = self.layout()
        return -1 if layout is None else layout.totalMinimumHeightForWidth(width)

    def listen(self, signal: Signal, slot: Callable[..., Any]) -> None:
        """Call `slot` at each `signal`, seen or not."""
        signal.connect(slot)
        self._heard.append((signal, slot))

    def follow(self, draw: Callable[[], None], *signals: Signal) -> None:
        """Call `draw` at each of the signals while seen, and once when the view is shown after one."""

        def heard(*_: Any) -> None:
            if self.isVisible():
                draw()
            else:
                self._late[draw] = None

        for signal in signals:
            self.listen(signal, heard)
        self._late[draw] = None

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        late, self._late = self._late, {}
        for draw in late:
            draw()

    def release(self) -> None:
        """Hear nothing any more."""
        for signal, slot in self._heard:
            signal.disconnect(slot)
        self._heard.clear()
        self._late.clear()


def release_all(root: QWidget) -> None:
    """Release a widget and all views in it."""
    for view in [root, *root.findChildren(View)]:
        if isinstance(view, View):
            view.release()
