"""Pages shown without a valid bundle: start page and error page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.shell.actions import Actions
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.cards import Card
from spikelet_gui.views.widgets.controls import button
from spikelet_gui.views.widgets.icons import pixmap
from spikelet_gui.views.widgets.layouts import clear, row
from spikelet_gui.views.widgets.text import label, menu_text, shortened
from spikelet_gui.views.widgets.theme import length, theme

START_TITLE, START_WIDTH = "Open a bundle", 440


class WelcomePage(View):
    """Start page, shown while no bundle is open."""

    def __init__(self, actions: Actions, inspector: Inspector) -> None:
        super().__init__()
        self.title = label(START_TITLE, "heading")
        text = label(
            "Drop a .snnb file anywhere in this window, or choose one, to inspect every neuron of the converted "
            "network at each time-step.",
            "muted",
            wrap=True,
        )
        text.setFixedWidth(length(START_WIDTH))
        text.setMinimumHeight(text.heightForWidth(length(START_WIDTH)))  # a layout that centres a label cuts its lines
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        outer = QVBoxLayout(self)
        outer.addStretch(3)
        outer.addWidget(self.title, 0, Qt.AlignmentFlag.AlignCenter)
        outer.addWidget(text, 0, Qt.AlignmentFlag.AlignCenter)
        outer.addSpacing(10)
        choose = button("Open…", actions.open_bundle, "Ctrl+O", primary=True)
        outer.addWidget(choose, 0, Qt.AlignmentFlag.AlignCenter)
        outer.addStretch(4)
        self._inspector, self._contents = inspector, (self.title, text, choose)
        for signal in (inspector.jobs.started, inspector.jobs.finished):
            self.listen(signal, lambda _: self._show())
        self._show()

    def _show(self) -> None:
        self.title.setText("Opening…" if self._inspector.jobs.running("open") else START_TITLE)
        for widget in self._contents:  # empty while the first panel of an open bundle is built
            widget.setVisible(self._inspector.document is None)


class ProblemPage(View):
    """Error page of an invalid file: the error, and the state of every member."""

    def __init__(self, actions: Actions, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("This file cannot be opened")
        self.card.title.setObjectName("heading")
        self.card.setMaximumWidth(length(720))
        self.path, self.message = label("", "muted", wrap=True), label("", "bad", wrap=True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(12)
        self.grid.setVerticalSpacing(7)
        self.grid.setColumnStretch(2, 1)
        advice = label(
            "Bundles are checked before use. Download the file again, or write it again with spikelet convert.",
            "caption",
            wrap=True,
        )
        for widget in (self.path, self.message):
            self.card.body.addWidget(widget)
        self.card.body.addSpacing(6)
        self.card.body.addLayout(self.grid)
        self.card.body.addSpacing(6)
        self.card.body.addWidget(advice)
        self.back = button("Back", self._back, "Show the bundle that was open before")
        buttons = row(button("Open another…", actions.open_bundle, "Ctrl+O", primary=True), self.back, spacing=8)
        buttons.addStretch(1)
        self.card.body.addLayout(buttons)
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(self.card, 6)
        across.addStretch(1)
        outer.addLayout(across)
        outer.addStretch(2)
        self.follow(self._show, inspector.opened)

    def _back(self) -> None:
        if self.inspector.document is not None:
            self.inspector.leave_problem()
        else:
            self.inspector.open(Path(self.inspector.settings.bundle))

    def _show(self) -> None:
        problem = self.inspector.problem
        if problem is None:
            return
        document, last = self.inspector.document, Path(self.inspector.settings.bundle)
        if document is not None:
            last = document.path
        self.back.setVisible(document is not None or (last.is_file() and last != problem.path.resolve()))
        self.back.setText(f"Back to {menu_text(shortened(last.name))}")
        self.back.setAccessibleName(f"back to {last.name}")
        self.path.setText(str(problem.path))
        self.message.setText(str(problem))
        clear(self.grid)
        icons = {"ok": ("check", theme().good), "failed": ("cross", theme().bad), "unknown": ("more", theme().muted)}
        checks = problem.checks if any(check.state != "unknown" for check in problem.checks) else ()
        for line, check in enumerate(checks):
            sign = QLabel()
            sign.setPixmap(pixmap(icons[check.state][0], 16, icons[check.state][1]))
            sign.setAccessibleName(check.state)
            self.grid.addWidget(sign, line, 0, Qt.AlignmentFlag.AlignTop)
            self.grid.addWidget(label(check.member, "title"), line, 1, Qt.AlignmentFlag.AlignTop)
            self.grid.addWidget(label(check.message, "bad" if check.state == "failed" else "muted", wrap=True), line, 2)
