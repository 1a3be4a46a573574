"""Button that starts a long task, replaced by a cancel button while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spikelet_gui.models.jobs import Jobs
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.widgets import button, row


class Runner(View):
    """key: of the task among the jobs. busy: called when it begins and when it ends."""

    def __init__(
        self,
        jobs: Jobs,
        key: str,
        text: str,
        does: Callable[[], Any],
        hint: str,
        busy: Callable[[], Any] = lambda: None,
    ) -> None:
        super().__init__()
        self._jobs, self._key, self._busy = jobs, key, busy
        self.start = button(text, does, hint, primary=True)
        self.stop = button("Cancel", lambda: jobs.cancel(key), "Cancel  (Esc)")
        line = row(self.start, self.stop)
        line.setContentsMargins(0, 0, 0, 0)
        self.setLayout(line)
        running = jobs.running(key)  # as where the colours are changed meanwhile
        self.start.setHidden(running)
        self.stop.setHidden(not running)
        self.listen(jobs.started, self._turn)
        self.listen(jobs.finished, self._turn)

    def _turn(self, key: str) -> None:
        if key != self._key:
            return
        running = self._jobs.running(key)
        shown, hidden = (self.stop, self.start) if running else (self.start, self.stop)
        shown.show()
        if hidden.hasFocus():  # or the keyboard would land on what comes first in the panel
            shown.setFocus()
        hidden.hide()
        self._busy()
