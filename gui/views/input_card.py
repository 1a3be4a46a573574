"""The image that the network sees: which one, where from, what was done to it; and a pad to draw another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFileDialog, QSizePolicy, QWidget

from spikelet.data.folder import SUFFIXES
from spikelet.gui.models.inputs import can_draw, drawing, golden_source, shown, start_source
from spikelet.gui.models.inspector import Inspector
from spikelet.gui.models.pad import Pad
from spikelet.gui.views.base import View
from spikelet.gui.views.fields import Number
from spikelet.gui.views.theme import theme
from spikelet.gui.views.widgets import Card, label, row, tool


class PixelView(QWidget):
    """An image of few pixels, as large as fits, pixels left square."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setMinimumSize(96, 96)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._image: QImage | None = None
        self.pad: Pad | None = None
        self.drawn: Callable[[], None] = lambda: None
        self._last: tuple[float, float] | None = None

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(220, 220)

    def show_pixels(self, pixels: npt.NDArray[np.uint8]) -> None:
        """(H, W, 3)."""
        height, width, _ = pixels.shape
        self._image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.update()

    @property
    def area(self) -> QRectF:
        """Where the image is."""
        if self._image is None:
            return QRectF(self.rect())
        scale = min(self.width() / self._image.width(), self.height() / self._image.height())
        width, height = self._image.width() * scale, self._image.height() * scale
        return QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._image is None:
            return
        painter = QPainter(self)
        painter.drawImage(self.area, self._image)
        painter.setPen(QPen(QColor(theme().line), 1))
        painter.drawRect(self.area)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._last = None
        self._draw(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._draw(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.pad is not None and self._last is not None:
            self._last = None
            self.drawn()

    def _draw(self, event: QMouseEvent) -> None:
        if self.pad is None or self._image is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        area = self.area
        at: QPointF = event.position() - area.topLeft()
        point = at.x() * self._image.width() / area.width(), at.y() * self._image.height() / area.height()
        self.pad.stroke(self._last or point, point)
        self._last = point
        self.show_pixels(shown(self.pad.pixels.astype(np.float32), 0, 255))


class InputCard(View):
    """Image, its place among the others, and ways to another."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Input")
        self.view = PixelView("input image")
        self.view.drawn = self._drawn
        self.number = Number("number of the image")
        self.number.valueChanged.connect(lambda value: inspector.show_index(value - 1))
        self.truth = label("", "muted")
        self.note = label("", "caption", wrap=True)
        self.pencil = tool("pencil", "Draw an input by hand  (D)", self.draw)
        head = self.card.head
        for widget in (
            tool("picture", "Open a picture or a data set, or drop one here  (Ctrl+I)", self.choose),
            tool("recent", "Back to the images that the bundle opened with", self.back),
            self.pencil,
        ):
            head.addWidget(widget)
        self.card.body.addWidget(self.view, 1)
        self.card.body.addLayout(
            row(
                tool("back", "Image before  (P)", lambda: inspector.show_index(inspector.index - 1)),
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
        self.view.pad = None
        self.view.setCursor(Qt.CursorShape.ArrowCursor)
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
        """An empty pad in the place of the image."""
        document = self.inspector.document
        if document is None or not can_draw(document.bundle.graph):
            return
        pad = Pad(document.bundle.graph.input.shape)
        self.view.pad = pad
        self.view.setCursor(Qt.CursorShape.CrossCursor)
        self.view.show_pixels(shown(pad.pixels.astype(np.float32), 0, 255))
        self.truth.setText("")
        self.note.setText("Draw with the mouse; each stroke is answered at once.")
        self.note.show()

    def _drawn(self) -> None:
        pad = self.view.pad
        assert pad is not None
        self.inspector.show(drawing(pad.pixels))
        self.view.pad = pad  # goes on: the next stroke is added
        self.view.setCursor(Qt.CursorShape.CrossCursor)
