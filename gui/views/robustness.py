"""Faulty devices: how much accuracy is left when weights flip, neurons stick, spikes get lost or thresholds drift."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from spikelet.gui.models.inspector import Inspector
from spikelet.gui.models.robustness import DEVICES, IMAGES, Row, complete, faulty_devices, rows, verdict
from spikelet.gui.views.base import View
from spikelet.gui.views.fields import Choice
from spikelet.gui.views.robustness_cards import LevelCard, MatrixCard, StepCard
from spikelet.gui.views.runner import Runner
from spikelet.gui.views.theme import GAP
from spikelet.gui.views.widgets import Empty, column, label, row
from spikelet.metrics.faults import KINDS
from spikelet.metrics.robustness import Robustness, all_faults

LEAD = (
    "Every kind of fault is tried at four levels: flipped bits of weights, neurons that never or always fire, spikes "
    "that get lost or that nobody fired, thresholds that drift, noise of the input. For each level several faulty "
    "devices answer the images; how far their accuracy can be trusted is shown with it."
)


class RobustnessPanel(View):
    """Every fault at the left, the chosen one by level and by time-step at the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.kind = next(iter(KINDS))
        self.images = Choice(
            "images", "How many images each device answers, drawn from those that are shown, always the same"
        )
        for count in IMAGES:
            self.images.addItem(f"{count} images", count)
        self.devices = Choice(
            "faulty devices", "How many faulty devices are drawn for each level: more show how much devices differ"
        )
        for count in DEVICES:
            self.devices.addItem(f"{count} device{'s' if count > 1 else ''} a level", count)
        hint = "Try every fault, in the background  (R)"
        self.runner = Runner(inspector.jobs, "robustness", "Break it", self.run, hint, self._draw)
        self.words = label("", "caption", wrap=True)
        self.empty = Empty("")
        self.matrix, self.levels, self.steps = MatrixCard(self), LevelCard(self), StepCard(self)
        self.whole = QWidget()
        panes = row(self.matrix, stretch=(8,), spacing=GAP)
        panes.setContentsMargins(0, 0, 0, 0)
        panes.addLayout(column(self.levels, self.steps, stretch=(1, 1), spacing=GAP), 5)
        self.whole.setLayout(panes)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(8)
        outer.addLayout(row(self.words, self.images, self.devices, self.runner, stretch=(1, 0, 0, 0), spacing=8))
        outer.addWidget(self.empty, 1)
        outer.addWidget(self.whole, 1)
        self.follow(self._draw, inspector.beside.stressed, inspector.opened, inspector.showing)
        self.follow(self._move, inspector.cursor.moved)

    @property
    def found(self) -> Robustness | None:
        """What is known."""
        return self.inspector.beside.robustness

    @property
    def time(self) -> int:
        """The time-step that is looked at."""
        return min(self.inspector.cursor.time, self.found.steps) if self.found is not None else 1

    @property
    def row(self) -> Row | None:
        """The fault that is chosen."""
        return None if self.found is None else next(each for each in rows(self.found) if each.kind == self.kind)

    def choose(self, kind: str) -> None:
        """Look at another fault."""
        if kind != self.kind:
            self.kind = kind
            self._draw()

    def run(self) -> None:
        """Try every fault on the images that are shown, or on those that ship."""
        inspector = self.inspector
        document, data = inspector.document, inspector.data
        if document is None:
            return
        if data is None:
            inspector.said.emit("Needs a data set: open a folder or a data set in the Overview")
            return
        images, devices = int(self.images.currentData()), int(self.devices.currentData())
        work = faulty_devices(document.bundle, data, inspector.cursor.steps, images, devices)
        beside = inspector.beside
        inspector.jobs.start("robustness", work, beside.set_robustness, inspector.said.emit, beside.set_robustness)

    prepare = run

    def _draw(self) -> None:
        found = self.found
        self.empty.setVisible(found is None)
        self.whole.setVisible(found is not None)
        if self.inspector.data is None:
            self.empty.say("It takes images: open a folder or a data set in the Overview.")
        elif self.inspector.jobs.running("robustness"):
            self.empty.say("The sound network answers first; then one fault after another.")
        else:
            self.empty.say(f"{LEAD}\n\nPress Break it.")
        self.runner.start.setEnabled(self.inspector.data is not None)
        self._move()

    def _move(self) -> None:
        """The time cursor stands elsewhere."""
        found = self.found
        self.words.setText("" if found is None else verdict(found, self.time))
        self.matrix.draw()
        if found is not None:
            self.steps.show_if_new(found.sound, self.row)
            self.levels.show_if_new(found.sound, self.row, self.time)
        self.steps.timeline.go(self.time)

    def described(self) -> str:
        """Data, images and devices, and whether that is all of it."""
        found = self.found
        if found is None:
            return ""
        devices = "1 device" if len(found.seeds) == 1 else f"{len(found.seeds)} devices"
        state = "" if complete(found) else f"; so far {len(found.points)} of {len(all_faults())}"
        return f"{found.images:,} images of {found.data}; {devices} a level; t = {self.time}{state}"
