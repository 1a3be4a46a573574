"""A button that starts a long task, and a cancel button that replaces it while the task runs."""

from __future__ import annotations

from collections.abc import Callable

from spikelet_gui.models.jobs import Jobs
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.controls import Action, button
from spikelet_gui.views.widgets.layouts import row


class Runner(View):
    """Both buttons.

    Args:
        jobs: Background tasks.
        key: Key of the task.
        text: Text of the start button.
        action: Starts the task.
        hint: Tooltip of the start button.
        changed: Called when the task starts or ends.
        primary: Whether the start button is the main one of its panel.
    """

    def __init__(
        self,
        jobs: Jobs,
        key: str,
        text: str,
        action: Action,
        hint: str,
        changed: Callable[[], object] = lambda: None,
        primary: bool = True,
    ) -> None:
        super().__init__()
        self._jobs, self._key, self._changed = jobs, key, changed
        self.start = button(text, action, hint, primary)
        self.stop = button("Cancel", lambda: jobs.cancel(key), "Cancel  (Esc)")
        line = row(self.start, self.stop)
        line.setContentsMargins(0, 0, 0, 0)
        self.setLayout(line)
        running = jobs.running(key)  # possible when the panel is rebuilt for another theme
        self.start.setHidden(running)
        self.stop.setHidden(not running)
        self.listen(jobs.started, self._swap)
        self.listen(jobs.finished, self._swap)

    def _swap(self, key: str) -> None:
        if key != self._key:
            return
        running = self._jobs.running(key)
        shown, hidden = (self.stop, self.start) if running else (self.start, self.stop)
        shown.show()
        if hidden.hasFocus():  # keeps the keyboard focus at this place
            shown.setFocus()
        hidden.hide()
        self._changed()
