"""A line above a panel whose results are out of date, with a button that measures them again."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.widgets.base import Panel, View
from spikelet_gui.views.widgets.controls import button
from spikelet_gui.views.widgets.layouts import row
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP


class StaleLine(View):
    """Shown while the results of the current panel were measured with other settings.

    Args:
        inspector: The models.
        panel: Returns the current panel, or None if no bundle is open.
    """

    def __init__(self, inspector: Inspector, panel: Callable[[], Panel | None]) -> None:
        super().__init__()
        self.setObjectName("stale")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._inspector, self._panel = inspector, panel
        self.text = label("", wrap=True)
        self.again = button("Run again", self._run, "Run again with the current settings  (R)")
        line = row(self.text, self.again, stretch=(1, 0), spacing=GAP)
        line.setContentsMargins(GAP, 6, GAP, 6)
        self.setLayout(line)
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
        self.hide()

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
