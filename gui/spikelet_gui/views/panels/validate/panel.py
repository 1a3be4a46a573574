"""Verify the golden inputs on every engine, and validate against Brian2."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout

from spikelet_gui.models.analysis.checks import IMAGES, NEURONS, brian2_missing, replay, validation
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.fields import Choice, Number
from spikelet_gui.views.widgets.icons import pixmap
from spikelet_gui.views.widgets.runner import Runner
from spikelet_gui.views.widgets.tables import Table
from spikelet_gui.views.widgets.theme import GAP, theme
from spikelet_gui.views.widgets.widgets import Card, Empty, Numbers, button, clear, column, label, row

BUSY = "Brian2 is simulating in the background. The result appears here."


class ReplayCard(View):
    """Golden inputs on every engine."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Golden inputs", "replayed on every engine")
        self.card.numbers = self._numbers
        self.run_button = button("Replay", self.run, "Compare every spike with the spikes stored in the file")
        self.card.head.addWidget(self.run_button)
        self.lines = QVBoxLayout()
        self.lines.setSpacing(10)
        self.card.body.addLayout(self.lines)
        self.card.body.addStretch(1)
        self.fill(self.card)
        self.follow(self._draw, inspector.beside.checked, inspector.opened)

    def run(self) -> None:
        """Replay."""
        document = self.inspector.document
        if document is not None:
            self.inspector.jobs.start(
                "verify",
                lambda progress: replay(document.bundle, document.engines, progress),
                self.inspector.beside.set_verified,
                self.inspector.said.emit,
            )

    def _draw(self) -> None:
        clear(self.lines)
        verified = self.inspector.beside.checks.verified
        if not verified:
            self.lines.addWidget(label("Not replayed yet: click Replay.", "muted", wrap=True))
        for name, found in verified.items():
            sign = QLabel()
            sign.setPixmap(pixmap("check" if found.ok else "cross", 22, theme().good if found.ok else theme().bad))
            sign.setAccessibleName("ok" if found.ok else "differs")
            message = (
                f"{found.differing_spikes:,} of {found.spikes:,} spikes differ, {found.differing_logits:,} logits; "
                f"{found.samples} images, {found.steps} time-steps"
            )
            if found.first is not None:
                first = found.first
                message += f"; first: layer {first.layer}, neuron {first.neuron}, t = {first.time}"
            text = column(label(name, "title"), label(message, "good" if found.ok else "bad", wrap=True), spacing=1)
            line = QHBoxLayout()
            line.setSpacing(10)
            line.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
            line.addLayout(text, 1)
            holder = View()
            line.setContentsMargins(0, 0, 0, 0)
            holder.setLayout(line)
            self.lines.addWidget(holder)

    def _numbers(self) -> Numbers | None:
        rows = [
            [name, e.samples, e.steps, e.spikes, e.differing_spikes, e.differing_logits]
            for name, e in self.inspector.beside.checks.verified.items()
        ]
        head = ["engine", "images", "steps", "spikes", "differing_spikes", "differing_logits"]
        return Numbers("verify", head, rows) if rows else None


class BrianCard(View):
    """Brian2 simulates the layers; every spike and potential is compared."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Brian2, an independent simulator")
        self.card.numbers = self._numbers
        self.neurons = Choice(
            "neurons of each layer", "Number of neurons per layer to simulate, with all their synapses"
        )
        for count in NEURONS:
            self.neurons.addItem(f"{count:,} neurons a layer", count)
        self.neurons.addItem("all neurons", 0)
        self.images = Number("images", "Number of images to simulate, starting with the current one")
        self.images.setRange(1, 200)
        self.images.setValue(IMAGES)
        self.images.setSuffix(" images")
        hint = "Simulate in Brian2 in the background  (R)"
        self.runner = Runner(inspector.jobs, "validate", "Validate", self.run, hint, self._busy)
        self.runner.start.setEnabled(brian2_missing() is None)
        for widget in (self.neurons, self.images, self.runner):
            self.card.head.addWidget(widget)
        self.message = label("", "", wrap=True)
        self.how = label("", "caption", wrap=True)
        self.table = Table("layers in Brian2", 26)
        self.empty = Empty("")
        for each in (self.message, self.how):
            self.card.body.addWidget(each)
        self.card.body.addWidget(self.table, 1)
        self.card.body.addWidget(self.empty, 1)
        self.fill(self.card)
        self.follow(self._draw, inspector.beside.checked, inspector.opened)

    def run(self) -> None:
        """Validate."""
        inspector = self.inspector
        document, source = inspector.document, inspector.source
        if document is None or source is None or brian2_missing():
            return
        images = source.images[inspector.index :][: self.images.value()]
        work = validation(
            document.path, images, inspector.cursor.steps, int(self.neurons.currentData()), inspector.engine
        )
        inspector.jobs.start("validate", work, inspector.beside.set_report, self._failed)

    def _failed(self, text: str) -> None:
        self.inspector.said.emit(text)
        self.empty.say(text)

    def _busy(self) -> None:
        if self.inspector.jobs.running("validate"):
            self.empty.say(BUSY)
        elif self.empty.message.text() == BUSY:  # it was cancelled; where it failed, the reason stands there
            self._draw()

    def _draw(self) -> None:
        report = self.inspector.beside.checks.report
        for widget in (self.message, self.how, self.table):
            widget.setVisible(report is not None)
        self.empty.setVisible(report is None)
        if report is None and self.inspector.jobs.running("validate"):
            self.empty.say(BUSY)
        elif report is None:
            lead = (
                "Builds every layer in Brian2 and drives it with the recorded spikes of the layer before. Spikes and "
            )
            self.empty.say(brian2_missing() or lead + "potentials are compared for each neuron. Click Validate.")
        if report is None:
            return
        from spikelet_converters.brian2.wording import circumstances, layer_table, verdict

        self.message.setText(verdict(report))
        self.message.setObjectName("good" if report.ok else "bad")
        self.message.style().polish(self.message)
        self.how.setText(f"Engine {report.engine} against Brian2 {report.brian2_version}: {circumstances(report)}.")
        self.table.show_rows(*layer_table(report))

    def _numbers(self) -> Numbers | None:
        report = self.inspector.beside.checks.report
        if report is None:
            return None
        from spikelet_converters.brian2.wording import layer_table

        head, rows = layer_table(report)
        return Numbers("brian2", head, rows)


class ValidatePanel(View):
    """Own proof at the left, Brian2 at the right."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.replay, self.brian = ReplayCard(inspector), BrianCard(inspector)
        outer = row(self.replay, self.brian, stretch=(2, 5), spacing=GAP)
        outer.setContentsMargins(GAP, GAP, GAP, GAP)
        self.setLayout(outer)

    def run(self) -> None:
        """Key R."""
        self.replay.run()
        self.brian.run()

    prepare = run
