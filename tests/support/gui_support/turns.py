"""Counts of the work of the window's thread in each iteration of the event loop, independent of the clock."""

import sys
from collections import Counter

from PySide6.QtCore import QAbstractEventDispatcher, QEvent, QObject
from PySide6.QtWidgets import QApplication

EVENTS = {QEvent.Type.Polish: "polished", QEvent.Type.StyleChange: "restyled"}  # counted events of widgets


class Turns(QObject):
    """Counts calls of functions, widgets that are polished, and changes of the style of widgets.

    Attributes:
        counts: Number by kind, for each iteration of the event loop.
    """

    def __init__(self):
        super().__init__()
        self.counts = []
        self._loop = QAbstractEventDispatcher.instance()

    def __enter__(self):
        self._now, self._calls, self._start = Counter(), 0, len(self.counts)
        QApplication.instance().installEventFilter(self)
        self._loop.awake.connect(self._turn)  # a timer would keep the loop busy while it waits for a task
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)
        self._loop.awake.disconnect(self._turn)
        QApplication.instance().removeEventFilter(self)
        self._turn()

    @property
    def most(self):
        """The largest count of each kind in one iteration, since the last start."""
        kinds = {kind for counts in self.counts[self._start :] for kind in counts}
        return {kind: max(counts[kind] for counts in self.counts[self._start :]) for kind in kinds}

    def eventFilter(self, receiver, event):
        kind = EVENTS.get(event.type())
        if kind is not None and receiver.isWidgetType():
            self._now[kind] += 1
        return False

    def _called(self, frame, event, value):
        if event == "call" or event == "c_call":  # it is called for every call: a set would be slower
            self._calls += 1

    def _turn(self):
        self.counts.append(self._now + Counter(calls=self._calls))
        self._now, self._calls = Counter(), 0
