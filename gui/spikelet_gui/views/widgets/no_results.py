"""The message of a panel or card that has no results: the task that may provide them, or what to do."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QWidget

from spikelet_gui.models.jobs import Jobs
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.layouts import Empty

EARLIER = {
    "image": "Reading the images.",
    "kept": "Reading results that were measured before.",
}
"""Tasks that panels with results of earlier sessions wait for."""


class NoResults(View):
    """A message that names the running task, or says why there is nothing to show and what to do.

    Args:
        jobs: Background tasks.
        tasks: Message for each task that may provide the results, by key; the first one that runs is named.
        buttons: Shown below the message.
    """

    def __init__(self, jobs: Jobs, tasks: Mapping[str, str], *buttons: QWidget) -> None:
        super().__init__()
        self._jobs, self._tasks = jobs, tasks
        self._text, self._waits = "", True
        empty = Empty("", *buttons)
        self.message = empty.message
        self.fill(empty)
        for signal in (jobs.started, jobs.finished):
            self.listen(signal, lambda key: self._show() if key in self._tasks else None)
        self._show()

    def set_message(self, text: str, waits: bool = True) -> None:
        """Set the message. waits: whether a running task is named instead."""
        self._text, self._waits = text, waits
        self._show()

    def _show(self) -> None:
        running = (text for key, text in self._tasks.items() if self._waits and self._jobs.running(key))
        self.message.setText(next(running, self._text))
