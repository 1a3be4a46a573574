"""Validate panel: replay the golden inputs on every engine, and compare with Brian2."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from spikelet.display import number_of
from spikelet_gui.models.analysis.checks import IMAGES, NEURONS, brian2_missing, replay, validation
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.inputs import missing_images
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Choice, Number
from spikelet_gui.views.widgets.icons import pixmap
from spikelet_gui.views.widgets.layouts import clear, column, row
from spikelet_gui.views.widgets.no_results import NoResults
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.text import label
from spikelet_gui.views.widgets.theme import GAP, length, theme

BUSY = "Brian2 is simulating in the background. The result will be shown here."
LEAD = (
    "Builds every layer in Brian2 and drives it with the recorded spikes of the previous layer. Spikes and potentials "
    "are compared for each neuron. Click Validate."
)


class ReplayCard(CardView):
    """Replay of the golden inputs on every engine and through step.onnx."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Golden inputs", "replayed on every engine and through step.onnx", self._data)
        hint = "Compare every spike with the spikes stored in the file"
        self.runner = Runner(inspector.jobs, "verify", "Replay", self.run, hint, primary=False)
        self.head.addWidget(self.runner)
        self.empty = NoResults(inspector.jobs, {"verify": "Replaying."})
        self.empty.set_message("Not replayed yet: click Replay.")
        self.lines = QVBoxLayout()
        self.lines.setSpacing(10)
        self.body.addLayout(self.lines)
        self.body.addWidget(self.empty)
        self.body.addStretch(1)
        self.follow(self._draw, inspector.results.checks_changed, inspector.opened)

    def run(self) -> None:
        """Replay the golden inputs in the background."""
        document = self.inspector.document
        if document is not None:
            self.inspector.jobs.start(
                "verify",
                lambda progress: replay(document.bundle, document.engines, progress),
                self.inspector.results.set_verified,
                self.inspector.failed.emit,
            )

    def _draw(self) -> None:
        clear(self.lines)
        checks = self.inspector.results.checks
        self.empty.setVisible(not checks.verified)
        for name, result in checks.verified.items():
            message = (
                f"{result.differing_spikes:,} of {result.spikes:,} spikes and "
                f"{number_of(result.differing_logits, 'logit')} differ; "
                f"{number_of(result.samples, 'image')}, {number_of(result.steps, 'time-step')}"
            )
            if result.first is not None:
                first = result.first
                message += f"; first: layer {first.layer}, neuron {first.neuron}, t = {first.time}"
            self._add_line(name, result.ok, message)
        if checks.step_model is not None:
            self._add_line("step.onnx", checks.step_model.ok, str(checks.step_model))

    def _add_line(self, title: str, ok: bool, message: str) -> None:
        sign = QLabel()
        sign.setPixmap(pixmap("check" if ok else "cross", 22, theme().good if ok else theme().bad))
        sign.setAccessibleName("ok" if ok else "differs")
        text = column(label(title, "title"), label(message, "good" if ok else "bad", wrap=True), spacing=1)
        line = QHBoxLayout()
        line.setSpacing(10)
        line.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(text, 1)
        holder = QWidget()
        line.setContentsMargins(0, 0, 0, 0)
        holder.setLayout(line)
        self.lines.addWidget(holder)

    def _data(self) -> DataTable | None:
        checks = self.inspector.results.checks
        replays = dict(checks.verified)
        if checks.step_model is not None and checks.step_model.replay is not None:
            replays["step.onnx"] = checks.step_model.replay
        rows = [
            [name, e.samples, e.steps, e.spikes, e.differing_spikes, e.differing_logits] for name, e in replays.items()
        ]
        head = ["engine", "images", "steps", "spikes", "differing_spikes", "differing_logits"]
        return DataTable("verify", head, rows) if rows else None


class BrianCard(CardView):
    """Comparison of every spike and potential with Brian2."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Brian2", "an independent simulator", self._data)
        self._error = ""
        self.neurons = Choice("neurons per layer", "Number of neurons per layer to simulate, with all their synapses")
        for count in NEURONS:
            self.neurons.addItem(f"{count:,} per layer", count)
        self.neurons.addItem("all neurons", 0)
        self.images = Number("images", "Number of images to simulate, starting with the current one")
        self.images.setRange(1, 200)
        self.images.setValue(IMAGES)
        self.images.setSuffix(" images")
        hint = "Simulate in Brian2 in the background  (R)"
        self.runner = Runner(inspector.jobs, "validate", "Validate", self.run, hint, self._busy)
        for widget in (self.neurons, self.images, self.runner):
            self.head.addWidget(widget)
        self.message = label("", "", wrap=True)
        self.details = label("", "caption", wrap=True)
        self.table = Table("layers in Brian2", 26)
        self.table.setToolTip("A double click, or Enter, shows the neurons of a layer in the Layers panel")
        self.table.cellActivated.connect(lambda line, _: self._reveal(line))
        self.table.cellDoubleClicked.connect(lambda line, _: self._reveal(line))
        self.empty = NoResults(inspector.jobs, {"validate": BUSY})
        self.body.addWidget(self.message)
        self.body.addWidget(self.details)
        self.body.addWidget(self.table, 1)
        self.body.addWidget(self.empty, 1)
        self.listen(inspector.opened, self._forget_error)
        self.follow(self._draw, inspector.results.checks_changed, inspector.opened, inspector.showing)

    def run(self) -> None:
        """Validate with Brian2 in the background."""
        inspector = self.inspector
        document, source = inspector.document, inspector.source
        if document is None or source is None or brian2_missing():
            return
        if not source.constant:
            return inspector.failed.emit(missing_images(source))
        images = source.images[inspector.index :][: self.images.value()]
        work = validation(
            document.bundle, images, inspector.cursor.steps, int(self.neurons.currentData()), inspector.engine
        )
        inspector.jobs.start("validate", work, inspector.results.set_report, self._failed)

    def _reveal(self, line: int) -> None:
        """Show the neurons of the layer of a line."""
        name = self.table.item(line, 0)
        if name is not None and name.text() in {block.name for block in self.inspector.selection.blocks}:
            self.inspector.selection.reveal(name.text())

    def _failed(self, message: str) -> None:
        self._error = message
        self.inspector.failed.emit(message)
        self._draw()

    def _busy(self) -> None:
        if self.inspector.jobs.running("validate"):
            self._forget_error()
        self._draw()

    def _forget_error(self) -> None:
        self._error = ""

    def _draw(self) -> None:
        report = self.inspector.results.checks.report
        for widget in (self.message, self.details, self.table):
            widget.setVisible(report is not None)
        self.empty.setVisible(report is None)
        source, missing = self.inspector.source, brian2_missing()
        refused = missing_images(source) if source is not None and not source.constant else ""
        self.runner.start.setEnabled(not missing and not refused)
        if report is None:
            self.empty.set_message(missing or refused or self._error or LEAD)
            return
        from spikelet_converters.brian2.wording import circumstances, layer_table, verdict

        self.message.setText(verdict(report))
        self.message.setObjectName("good" if report.ok else "bad")
        self.message.style().polish(self.message)
        self.details.setText(f"Engine {report.engine} and Brian2 {report.brian2_version}: {circumstances(report)}.")
        self.table.show_rows(*layer_table(report))

    def _data(self) -> DataTable | None:
        report = self.inspector.results.checks.report
        if report is None:
            return None
        from spikelet_converters.brian2.wording import layer_table

        head, rows = layer_table(report)
        return DataTable("brian2", head, rows)


class ValidatePanel(Panel):
    """Golden inputs on the left, Brian2 on the right."""

    task = "validate"

    def build(self) -> Iterator[None]:
        inspector = self.inspector
        self.replay = ReplayCard(inspector)
        yield
        self.brian = BrianCard(inspector)
        yield
        outer = row(self.replay, self.brian, stretch=(2, 5), spacing=GAP)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        self.setLayout(outer)
        self.replay.setMinimumHeight(length(190))
        self.brian.setMinimumHeight(length(290))
        self.stack(outer)

    def run(self) -> None:
        """Replay the golden inputs, and validate with Brian2."""
        self.replay.run()
        self.brian.run()
