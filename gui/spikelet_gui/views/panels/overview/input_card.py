"""Card of the input image: source, preprocessing and a drawing pad."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog

from spikelet.data.folder import SUFFIXES
from spikelet_gui.models.session.inputs import can_draw, drawing, golden_source, shown, start_source
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.pad import Pad
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.fields import Number
from spikelet_gui.views.widgets.pixels import PEN, PixelView
from spikelet_gui.views.widgets.widgets import Card, label, row, tool


class InputCard(View):
    """The input image, its index, and buttons to change it."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Input")
        self.view = PixelView("input image")
        self.view.drawn = self._drawn
        self.number = Number("index of the image")
        self.number.valueChanged.connect(lambda value: inspector.show_index(value - 1))
        self.truth = label("", "muted")
        self.note = label("", "caption", wrap=True)
        self.pencil = tool("pencil", "Draw an input by hand  (D)", self.draw)
        head = self.card.head
        for widget in (
            tool("picture", "Open a picture or a data set, or drop one here  (Ctrl+I)", self.choose),
            tool("recent", "Back to the initial images", self.back),
            self.pencil,
        ):
            head.addWidget(widget)
        self.card.body.addWidget(self.view, 1)
        self.card.body.addLayout(
            row(
                tool("back", "Previous image  (P)", lambda: inspector.show_index(inspector.index - 1)),
                self.number,
                tool("next", "Next image  (N)", lambda: inspector.show_index(inspector.index + 1)),
                self.truth,
                stretch=(0, 0, 0, 1),
                spacing=4,
            )
        )
        self.card.body.addWidget(self.note)
        self.fill(self.card)
        self.setMinimumWidth(210)
        self.follow(self._refresh, inspector.opened, inspector.showing)

    def _refresh(self) -> None:
        inspector, document, source = self.inspector, self.inspector.document, self.inspector.source
        if document is None or source is None:
            return
        node = document.bundle.graph.input
        self.view.take(None)
        self.view.show_pixels(shown(source.image(inspector.index), node.low, node.high))
        self.pencil.setVisible(can_draw(document.bundle.graph))
        self.number.blockSignals(True)
        self.number.setRange(1, len(source))
        self.number.setSuffix(f" / {len(source):,}")
        self.number.setValue(inspector.index + 1)
        self.number.blockSignals(False)
        truth, labels = source.label(inspector.index), document.bundle.manifest.labels
        self.truth.setText("" if truth is None else labels[truth] if labels else f"class {truth}")
        self.card.say(source.name)
        self.note.setText(source.note)
        self.note.setVisible(bool(source.note))

    def choose(self) -> None:
        """Ask for a picture."""
        kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        name, _ = QFileDialog.getOpenFileName(
            self, "Open a picture or a data set", "", f"Pictures ({kinds});;Data sets (*.npz *.npy);;All files (*)"
        )
        if name:
            self.inspector.open_image(Path(name))

    def back(self) -> None:
        """Show what the bundle opened with, or, if that is shown, what it carries as its proof."""
        document, source = self.inspector.document, self.inspector.source
        if document is None or source is None:
            return
        first = start_source(document.bundle)
        self.inspector.show(golden_source(document.bundle) if source.name == first.name else first)

    def draw(self) -> None:
        """Replace the image by an empty pad, which takes the keyboard focus."""
        document = self.inspector.document
        if document is None or not can_draw(document.bundle.graph):
            return
        self.view.take(Pad(document.bundle.graph.input.shape))
        self.view.setFocus()
        self.truth.setText("")
        self.note.setText(f"Draw with the mouse, or by keys: {PEN}. The prediction is updated after each stroke.")
        self.note.show()

    def _drawn(self) -> None:
        pad = self.view.pad
        assert pad is not None
        self.inspector.show(drawing(pad.pixels))
        self.view.take(pad)  # goes on: the next stroke is added
