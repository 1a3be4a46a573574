"""Python's cycles are collected in the window's thread alone.

A collection starts in whichever thread allocates. In a worker it would free what Qt connected: holding one of Qt's
locks it waits there for Python, while the window's thread holds Python and waits for that lock, both of them for ever.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

EVERY = 50  # milliseconds between two looks


class Collector(QObject):
    """Collects as Python would, when its thread has a turn; from `start` to `stop` nobody else does."""

    _running = 0

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)

    def start(self) -> None:
        """From now on."""
        Collector._running += 1
        gc.disable()
        self._timer.start(EVERY)

    def stop(self) -> None:
        """Python collects by itself again, once no window is left."""
        if self._timer.isActive():
            self._timer.stop()
            Collector._running -= 1
            if not Collector._running:
                gc.enable()

    def _look(self) -> None:
        due = [full > most > 0 for full, most in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if due[0]:
            gc.collect(2 if due[1] and due[2] else 1 if due[1] else 0)
