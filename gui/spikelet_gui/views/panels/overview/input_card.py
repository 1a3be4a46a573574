"""Input: an image or the frames of a recording, its source, preprocessing and a drawing pad."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt

from spikelet.data.log_mel import LogMel, stated_features
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.frames import coloured, description
from spikelet_gui.models.session.sources.inputs import (
    Source,
    can_draw,
    drawing,
    golden_source,
    start_source,
)
from spikelet_gui.models.session.sources.pad import Pad
from spikelet_gui.models.session.sources.recordings import TITLES
from spikelet_gui.models.session.sources.rgb import is_line, shown
from spikelet_gui.views.choosers.open_images import ask_for_images
from spikelet_gui.views.images.pixels import HELP, PixelView
from spikelet_gui.views.plots.axes import number
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Number, tool
from spikelet_gui.views.widgets.layouts import row
from spikelet_gui.views.widgets.readout import Reading, Value
from spikelet_gui.views.widgets.text import Elided, label
from spikelet_gui.views.widgets.theme import ramp

CHANNELS = ("red", "green", "blue")


class InputCard(CardView):
    """The input image or the frame at the time cursor, its index, and buttons to change it."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Input")
        self.view = PixelView("input image")
        self.view.drawn = self._drawn
        self.view.pixel = self._pixel
        self.number = Number("index of the input")
        self.number.valueChanged.connect(lambda value: inspector.show_index(value - 1))
        self.sound: LogMel | None = None
        self.truth = Elided(name="muted", least=110)
        self.truth.mode = Qt.TextElideMode.ElideMiddle  # names can begin alike
        self.note = label("", "caption", wrap=True)
        self.pencil = tool("pencil", "Draw an input by hand  (D)", self.draw)
        for widget in (
            tool("picture", "Open an image, a recording or a data set, or drop one here  (Ctrl+I)", self.choose),
            tool("pictures", "Initial images, or golden inputs", self.back),
            self.pencil,
        ):
            self.head.addWidget(widget)
        self.body.addWidget(self.view, 1)
        self.body.addLayout(
            row(
                tool("back", "Previous input  (P)", lambda: inspector.show_index(inspector.index - 1)),
                self.number,
                tool("next", "Next input  (N)", lambda: inspector.show_index(inspector.index + 1)),
                self.truth,
                stretch=(0, 0, 0, 1),
                spacing=4,
            )
        )
        self.body.addWidget(self.note)
        self.follow(self._refresh, inspector.opened, inspector.showing)
        self.follow(self._show_frame, inspector.traced, inspector.cursor.moved)

    def _refresh(self) -> None:
        inspector, document, source = self.inspector, self.inspector.document, self.inspector.source
        if document is None or source is None:
            return
        pad = inspector.pad
        self.view.set_pad(pad if pad is not None and isinstance(source, Source) and pad.is_in(source.images) else None)
        self.sound = stated_features(document.bundle.manifest.provenance) if source.constant else None
        if source.constant:
            node = document.bundle.graph.input
            pixels = shown(source.image(inspector.index), node.low, node.high)
            self.view.show_pixels(pixels if self.sound is None else ramp()[pixels[..., 0], :3])
        self.pencil.setVisible(can_draw(document.bundle.graph))
        self.number.blockSignals(True)
        self.number.setRange(1, len(source))
        self.number.setSuffix(f" / {len(source):,}")
        self.number.setValue(inspector.index + 1)
        self.number.blockSignals(False)
        truth, labels = source.label(inspector.index), document.bundle.manifest.labels
        self.truth.show_text("" if truth is None else labels[truth] if labels else f"class {truth}")
        self.set_note(source.name)
        note = source.note if self.sound is None else spectrogram_note(self.sound)
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self._show_frame()

    def _show_frame(self) -> None:
        """Show the frame of a recording at the time cursor; none until the network has run on it."""
        source, time = self.inspector.source, self.inspector.cursor.time
        if source is None or source.constant:
            return
        trace = self.inspector.trace_of_input
        if trace is None or time > trace.steps:
            self.view.show_pixels(np.zeros((*source.shape[1:], 3), np.uint8))
            return
        self.view.show_pixels(coloured(trace.frame(time), float(trace.frames.max())))
        self.note.setText(description(trace, time, TITLES[source.binning]))

    def _pixel(self, row: int, column: int) -> Reading | None:
        """Return the input values of a pixel."""
        source = self.inspector.source
        if source is None:
            return None
        if not source.constant:
            return self._event_reading(row, column)
        image = source.image(self.inspector.index) if self.view.pad is None else self.view.pad.pixels
        if self.sound is not None:
            return spectrogram_reading(self.sound, row, column, float(image[len(image) - 1 - row, 0, column]))
        if image.ndim == 1:
            return Reading(f"input {column}", [Value("value", number(float(image[column])))])
        if is_line(image.shape):
            channel = len(image) - 1 - row
            value = number(float(image[channel, 0, column]))
            return Reading(f"channel {channel}, position {column}", [Value("value", value)])
        names = CHANNELS if len(image) == len(CHANNELS) else [f"channel {c}" for c in range(len(image))]
        values = [Value(name, number(float(value))) for name, value in zip(names, image[:, row, column], strict=True)]
        return Reading(f"row {row}, column {column}", values)

    def _event_reading(self, row: int, column: int) -> Reading | None:
        """Return the number of events of a pixel at the time cursor."""
        trace, time = self.inspector.trace_of_input, self.inspector.cursor.time
        if trace is None or time > trace.steps:
            return None
        counts = trace.frame(time)[:, row, column]
        names = [f"polarity {channel}" for channel in range(len(counts))] if len(counts) > 1 else ["events"]
        values = [Value(name, number(float(count))) for name, count in zip(names, counts, strict=True)]
        return Reading(f"row {row}, column {column}, t = {time}", values)

    def choose(self) -> None:
        """Ask for an image, a recording or a data set, and open it."""
        ask_for_images(self, self.inspector)

    def back(self) -> None:
        """Show the initial images, or, if these are shown, the golden inputs."""
        document, source = self.inspector.document, self.inspector.source
        if document is None or source is None:
            return
        first = start_source(document.bundle)
        self.inspector.show(golden_source(document.bundle) if source.name == first.name else first)

    def draw(self) -> None:
        """Replace the image by an empty pad with the keyboard focus; Ctrl+Z brings back the last drawing."""
        document = self.inspector.document
        if document is None or not can_draw(document.bundle.graph):
            return
        self.inspector.pad = Pad(document.bundle.graph.input.shape, self.inspector.pad)
        self.view.set_pad(self.inspector.pad)
        self.view.setFocus()
        self.truth.show_text("")
        self.note.setText(f"Draw with the mouse or with keys: {HELP}. The prediction is updated after each stroke.")
        self.note.show()

    def _drawn(self) -> None:
        pad = self.view.pad
        assert pad is not None
        self.inspector.show(drawing(pad.pixels))


def spectrogram_note(features: LogMel) -> str:
    """Return the axes of the spectrogram."""
    low, high = features.centres[0], features.centres[-1]
    return (
        f"Spectrogram: {features.frames * features.hop:.2f} s from left to right, {low:,.0f} to {high:,.0f} Hz "
        f"from the bottom up, {number(features.floor)} to 0 dB."
    )


def spectrogram_reading(features: LogMel, row: int, column: int, value: float) -> Reading:
    """Return time, frequency and power of a pixel of the spectrogram, whose lowest row is the first band."""
    frequency = features.centres[features.bands - 1 - row]
    power = features.floor - features.floor * value / 255
    return Reading(f"{frequency:,.0f} Hz, {column * features.hop:.3f} s", [Value("power", f"{power:.1f} dB")])
