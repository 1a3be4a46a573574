"""Divide long work of the window's thread: one call per iteration of the event loop.

Keys, the pointer and painting are handled between two calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cache

import shiboken6
from PySide6.QtCore import QObject, QTimer


class Slices(QObject):
    """A queue of calls. A call is dropped if its owner was deleted."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: deque[tuple[QObject, Callable[[], object]]] = deque()
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._run)

    @property
    def busy(self) -> bool:
        """Whether calls are pending."""
        return bool(self._calls)

    def add(self, owner: QObject, call: Callable[[], object]) -> None:
        """Call `call` in one of the next iterations, unless `owner` is deleted before."""
        self._calls.append((owner, call))
        self._timer.start()

    def _run(self) -> None:
        while self._calls:
            owner, call = self._calls.popleft()
            if shiboken6.isValid(owner):
                break
        else:
            return
        if self._calls:
            self._timer.start()
        call()


@cache
def slices() -> Slices:
    """Return the queue of this process."""
    return Slices()
