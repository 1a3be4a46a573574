"""Faulty devices: accuracy under weight bit flips, stuck neurons, lost spikes and threshold drift."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from spikelet_gui.models.analysis.robustness import DEVICES, IMAGES, faulty_devices, verdict
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.robustness.cards import LevelCard, MatrixCard, StepCard
from spikelet_gui.views.panels.robustness.state import RobustnessState
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.fields import Choice
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.theme import GAP
from spikelet_gui.views.widgets.widgets import Empty, column, label, row

LEAD = (
    "Measures accuracy under every fault at four levels: flipped weight bits, neurons that never or always fire, lost "
    "and spurious spikes, threshold drift, input noise. For each level several faulty devices are drawn; the interval "
    "of their accuracy is shown."
)


class RobustnessPanel(View):
    """Every fault at the left, the chosen one by level and by time-step at the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.state = RobustnessState(inspector)
        self.images = Choice("images", "Number of images per device, drawn from the current images with a fixed seed")
        for count in IMAGES:
            self.images.addItem(f"{count} images", count)
        self.devices = Choice(
            "faulty devices", "Number of faulty devices drawn per level: more show how much devices differ"
        )
        for count in DEVICES:
            self.devices.addItem(f"{count} faulty device{'s' if count > 1 else ''} per level", count)
        hint = "Run all faults in the background  (R)"
        self.runner = Runner(inspector.jobs, "robustness", "Run fault sweep", self.run, hint, self._draw)
        self.message = label("", "caption", wrap=True)
        self.empty = Empty("")
        self.matrix, self.levels, self.steps = MatrixCard(self.state), LevelCard(self.state), StepCard(self.state)
        self.whole = QWidget()
        panes = row(self.matrix, stretch=(8,), spacing=GAP)
        panes.setContentsMargins(0, 0, 0, 0)
        panes.addLayout(column(self.levels, self.steps, stretch=(1, 1), spacing=GAP), 5)
        self.whole.setLayout(panes)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(8)
        outer.addLayout(row(self.message, self.images, self.devices, self.runner, stretch=(1, 0, 0, 0), spacing=8))
        outer.addWidget(self.empty, 1)
        outer.addWidget(self.whole, 1)
        self.follow(self._draw, inspector.beside.stressed, inspector.opened, inspector.showing, self.state.changed)
        self.follow(self._move, inspector.cursor.moved)

    def run(self) -> None:
        """Try every fault on the images that are shown, or on those that ship."""
        inspector = self.inspector
        document, data = inspector.document, inspector.data
        if document is None:
            return
        if data is None:
            inspector.said.emit("Requires a data set: open a folder or a data set in the Overview")
            return
        images, devices = int(self.images.currentData()), int(self.devices.currentData())
        work = faulty_devices(document.bundle, data, inspector.cursor.steps, images, devices)
        beside = inspector.beside
        inspector.jobs.start("robustness", work, beside.set_robustness, inspector.said.emit, beside.set_robustness)

    prepare = run

    def _draw(self) -> None:
        measured = self.state.measured
        self.empty.setVisible(measured is None)
        self.whole.setVisible(measured is not None)
        if self.inspector.data is None:
            self.empty.say("Requires images: open a folder or a data set in the Overview.")
        elif self.inspector.jobs.running("robustness"):
            self.empty.say("Measuring the network without faults first, then each fault.")
        else:
            self.empty.say(f"{LEAD}\n\nClick Run fault sweep to start.")
        self.runner.start.setEnabled(self.inspector.data is not None)
        self._move()

    def _move(self) -> None:
        """Redraw after the time cursor moved."""
        measured = self.state.measured
        self.message.setText("" if measured is None else verdict(measured, self.state.time))
        self.matrix.draw()
        if measured is not None:
            self.steps.show_if_new(measured.sound, self.state.row)
            self.levels.show_if_new(measured.sound, self.state.row, self.state.time)
        self.steps.timeline.go(self.state.time)
