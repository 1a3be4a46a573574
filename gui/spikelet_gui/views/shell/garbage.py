"""Collect cyclic garbage in the thread of the window only.

Python starts a collection in any thread that allocates. A collection in a worker can free objects that are connected to
Qt signals: the worker then holds a lock of Qt and waits for the interpreter lock, while the thread of the window holds
the interpreter lock and waits for the lock of Qt. This is a deadlock.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL = 50  # milliseconds between two checks


class Collector(QObject):
    """Collects by Python's thresholds, from a timer. Automatic collection is disabled between `start` and `stop`."""

    _running = 0

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._check)

    def start(self) -> None:
        """Disable automatic collection, and start the timer."""
        Collector._running += 1
        gc.disable()
        self._timer.start(INTERVAL)

    def stop(self) -> None:
        """Stop the timer, and enable automatic collection if no other collector runs."""
        if self._timer.isActive():
            self._timer.stop()
            Collector._running -= 1
            if not Collector._running:
                gc.enable()

    def _check(self) -> None:
        due = [count > threshold > 0 for count, threshold in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if due[0]:
            gc.collect(2 if due[1] and due[2] else 1 if due[1] else 0)
