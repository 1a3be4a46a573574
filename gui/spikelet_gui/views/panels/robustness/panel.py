"""Robustness panel: settings of the fault sweep, and its results."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtWidgets import QVBoxLayout, QWidget

from spikelet.display import number_of
from spikelet.metrics.fault_results import Robustness
from spikelet.metrics.faults import KINDS
from spikelet_gui.models.analysis.robustness import DEVICES, IMAGES, faulty_devices, verdict
from spikelet_gui.models.session.freshness import outdated
from spikelet_gui.models.session.sources.inputs import missing_images
from spikelet_gui.views.choosers.open_images import OpenImages
from spikelet_gui.views.panels.robustness.cards import CELL_HEIGHT, LevelCard, MatrixCard, StepCard
from spikelet_gui.views.panels.robustness.state import RobustnessState
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.controls import Choice
from spikelet_gui.views.widgets.layouts import column, row
from spikelet_gui.views.widgets.no_results import EARLIER, NoResults
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP, length

LEAD = (
    "Measures accuracy under every fault at four levels: weight bit flips, neurons that never or always fire, lost "
    "and spurious spikes, threshold drift, input noise. Faulty devices are drawn at random for each level; the results "
    "have 95% intervals over devices and images."
)


class RobustnessPanel(Panel):
    """All faults on the left, the selected one by level and by time-step on the right."""

    task = "robustness"

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.state = RobustnessState(inspector)
        self.matrix = MatrixCard(self.state)
        yield
        self.levels = LevelCard(self.state)
        yield
        self.steps = StepCard(self.state)
        yield
        self._make_controls()
        self._arrange()
        self.follow(
            self._draw, inspector.results.robustness_changed, inspector.opened, inspector.showing, self.state.changed
        )
        self.follow(self._move, inspector.cursor.moved)

    def _make_controls(self) -> None:
        """Make the settings of the sweep, the message of its results, and that without results."""
        inspector = self.inspector
        self.images = Choice("images", "Number of images per device, drawn from the current images with a fixed seed")
        for count in IMAGES:
            self.images.addItem(number_of(count, "image"), count)
        self.devices = Choice(
            "faulty devices", "Number of faulty devices per level; several devices show how much they differ"
        )
        for count in DEVICES:
            self.devices.addItem(f"{number_of(count, 'faulty device')} per level", count)
        hint = "Run all faults in the background  (R)"
        self.runner = Runner(inspector.jobs, "robustness", "Run fault sweep", self.run, hint, self._draw)
        self.message = label("", "caption", wrap=True)
        tasks = {self.task: "Measuring the network without faults, then every fault.", **EARLIER}
        self.empty = NoResults(inspector.jobs, tasks, OpenImages(inspector))

    def _arrange(self) -> None:
        """Put message and settings above the cards."""
        self.content = QWidget()
        panes = row(self.matrix, stretch=(8,), spacing=GAP)
        panes.setContentsMargins(0, 0, 0, 0)
        panes.addLayout(column(self.levels, self.steps, stretch=(1, 1), spacing=GAP), 5)
        self.content.setLayout(panes)
        self.matrix.setMinimumHeight(length(len(KINDS) * CELL_HEIGHT + 70))
        for card in (self.levels, self.steps):
            card.setMinimumHeight(length(215))
        settings = row(spacing=8)
        settings.addStretch(1)  # at the right, also below the message
        for widget in (self.images, self.devices, self.runner):
            settings.addWidget(widget)
        line = row(self.message, stretch=(1,), spacing=8)
        line.addLayout(settings)
        self.stack(panes, line)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        outer.setSpacing(8)
        outer.addLayout(line)
        outer.addWidget(self.empty, 1)
        outer.addWidget(self.content, 1)

    def run(self) -> None:
        """Measure every fault on the open data set, or on the shipped images."""
        inspector = self.inspector
        document, data = inspector.document, inspector.data
        if document is None:
            return
        if data is None:
            inspector.failed.emit(missing_images(inspector.source))
            return
        images, devices = int(self.images.currentData()), int(self.devices.currentData())
        bundle, keeper = document.bundle, inspector.keeper
        measure = faulty_devices(bundle, data, inspector.cursor.steps, images, devices)

        def show(result: Robustness) -> None:
            inspector.results.set_robustness(result, data.digest)

        inspector.jobs.start(
            "robustness",
            lambda progress: keeper.robustness(bundle, data, measure(progress)),
            show,
            inspector.failed.emit,
            show,
        )

    def out_of_date(self) -> str:
        measured = self.inspector.results.robustness
        if measured is None:
            return ""
        return outdated(measured.steps, measured.data, self.inspector, self.inspector.results.digests["robustness"])

    def _draw(self) -> None:
        measured = self.state.measured
        self.empty.setVisible(measured is None)
        self.content.setVisible(measured is not None)
        possible = self.inspector.data is not None
        advice = f"{LEAD}\n\nClick Run fault sweep to start."
        self.empty.set_message(advice if possible else missing_images(self.inspector.source))
        self.runner.start.setEnabled(possible)
        self._move()

    def _move(self) -> None:
        """Show the results at the time cursor."""
        measured = self.state.measured
        self.message.setText("" if measured is None else verdict(measured, self.state.time))
        self.matrix.soon(self.matrix.draw)
        self.levels.soon(self._draw_levels)
        self.steps.soon(self._draw_steps)

    def _draw_levels(self) -> None:
        measured = self.state.measured
        if measured is not None:
            self.levels.draw_if_changed(measured.fault_free, self.state.row, self.state.time)

    def _draw_steps(self) -> None:
        measured = self.state.measured
        if measured is not None:
            self.steps.draw_if_changed(measured.fault_free, self.state.row)
        self.steps.timeline.go(self.state.time)
