"""A line above a panel whose results are out of date, with a button that measures them again."""

from __future__ import annotations

from collections.abc import Callable

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.shell.notice import NoticeLine
from spikelet_gui.views.widgets.base import Panel


class StaleLine(NoticeLine):
    """Shown while the results of the current panel were measured with other settings.

    Args:
        inspector: The models.
        panel: Returns the current panel, or None if no bundle is open.
    """

    def __init__(self, inspector: Inspector, panel: Callable[[], Panel | None]) -> None:
        super().__init__("Run again", self._run, "Run again with the current settings  (R)")
        self._inspector, self._panel = inspector, panel
        results = inspector.results
        for signal in (
            inspector.opened,
            inspector.showing,
            inspector.measured.swept,
            inspector.cursor.changed,
            results.residuals_changed,
            results.robustness_changed,
            results.planned_changed,
            inspector.jobs.started,
            inspector.jobs.finished,
        ):
            self.listen(signal, lambda *_: self.show_state())

    def show_state(self) -> None:
        """Show or hide the line."""
        panel = self._panel()
        text = panel.out_of_date() if panel is not None else ""
        self.text.setText(text)
        self.setVisible(bool(text) and panel is not None and not self._inspector.jobs.running(panel.task))

    def _run(self) -> None:
        panel = self._panel()
        if panel is not None:
            panel.run_again()
