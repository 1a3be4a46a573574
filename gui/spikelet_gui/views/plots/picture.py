"""Values as an image with square pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QKeyEvent, QResizeEvent

from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.widgets.key_reading import ENTER, GridReading, KeyReading
from spikelet_gui.views.widgets.readout import Reading
from spikelet_gui.views.widgets.theme import ramp, theme

READ = "Arrow keys move through the pixels, Enter selects one"
RING = 12  # pixels of the ring around the pixel that is read with the keyboard


class Picture(Plot):
    """Values as an image with square pixels.

    Attributes:
        pixel: Returns what a pixel (row, column) shows, or None.
        ring: The ring around the pixel that is read with the keyboard.

    Args:
        name: Name for screen readers.
        touched: Called with (row, column) of a pixel that is clicked; None disables the mouse.
    """

    def __init__(self, name: str, touched: Callable[[int, int], object] | None = None) -> None:
        self._shape: tuple[int, ...] = ()
        super().__init__(name, zoom=touched is not None)
        self.hideAxis("left")
        self.hideAxis("bottom")
        self.setAspectLocked(True)
        self.box.invertY(True)
        self.box.setDefaultPadding(0.01)
        self.image = pg.ImageItem()
        self.addItem(self.image)
        self.marks = pg.ScatterPlotItem(
            size=0.9, pxMode=False, symbol="s", brush=None, pen=pg.mkPen(theme().over, width=2)
        )
        self.addItem(self.marks)
        self.ring = pg.ScatterPlotItem(size=RING, symbol="o", brush=None, pen=pg.mkPen(theme().accent, width=2))
        self.addItem(self.ring)
        self._touched = touched
        self.pixel: Callable[[int, int], Reading | None] = lambda row, column: None
        if touched is not None:
            self.scene().sigMouseClicked.connect(self._clicked)

    def reader(self) -> KeyReading:
        """Return what shows the values of the pixel that the arrow keys choose."""
        self._cells = GridReading(
            self, self._size, lambda row, column: self.pixel(row, column), self._point_of, self._mark
        )
        return self._cells

    def _size(self) -> tuple[int, int]:
        return (self._shape[0], self._shape[1]) if self._shape else (0, 0)

    def _point_of(self, row: int, column: int) -> QPointF:
        """Return the point of a pixel in the view, or the nearest one inside of a picture that is enlarged."""
        at_scene, inside = self.box.mapViewToScene(QPointF(column + 0.5, row + 0.5)), self.box.sceneBoundingRect()
        at_scene.setX(min(max(at_scene.x(), inside.left()), inside.right()))
        at_scene.setY(min(max(at_scene.y(), inside.top()), inside.bottom()))
        return QPointF(self.mapFromScene(at_scene))

    def _mark(self) -> None:
        """Draw a ring around the pixel whose values are read, and describe them."""
        cell = self._cells.cell()
        self.ring.setData([] if cell is None else [cell[1] + 0.5], [] if cell is None else [cell[0] + 0.5])
        self.describe()

    def describe(self) -> None:
        """Describe the pixel that is read, and the keys, for screen readers."""
        self.setAccessibleDescription(self._cells.text or READ)

    def show_values(self, values: npt.NDArray[np.float32], largest: float) -> None:
        """Show values (H, W) from 0 to `largest` in the colours of the ramp; values below 0 are transparent."""
        index = np.clip(values * (255.0 / largest if largest else 0.0), 0, 255).astype(np.uint8)
        coloured = ramp()[index]
        coloured[values < 0] = QColor(theme().card).getRgb()
        self._show(coloured)

    def show_signed(self, values: npt.NDArray[np.float32]) -> None:
        """Show values (H, W) from -m to m, m being the largest absolute value, in two hues; NaN is transparent."""
        largest = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
        share = np.nan_to_num(values / largest)[..., None]
        ends = [np.array(QColor(hue).getRgb(), np.float32) for hue in (theme().raised, theme().over, theme().under)]
        coloured = ends[0] + np.abs(share) * (np.where(share > 0, ends[1], ends[2]) - ends[0])
        coloured[np.isnan(values)] = QColor(theme().card).getRgb()
        self._show(coloured.astype(np.uint8))

    def _show(self, values: npt.NDArray[np.uint8]) -> None:
        self.image.setImage(values, autoLevels=False, levels=None)
        if values.shape[:2] != self._shape:
            self._shape = values.shape[:2]
            self.fit()

    def clear_values(self) -> None:
        """Show no values and no frames."""
        self._shape = ()
        self.image.clear()
        self.marks.setData([])

    def fit(self) -> None:
        """Show the whole image."""
        if self._shape:
            self.box.setRange(QRectF(0, 0, self._shape[1], self._shape[0]), padding=0.01)

    home = fit

    def mark(self, pixels: Sequence[tuple[int, int]], colours: Sequence[str]) -> None:
        """Draw frames around pixels (row, column)."""
        spots = [
            {"pos": (x + 0.5, y + 0.5), "pen": pg.mkPen(c, width=2)} for (y, x), c in zip(pixels, colours, strict=True)
        ]
        self.marks.setData(spots)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Click the pixel that is read, with Enter."""
        cell = self._cells.cell()
        if event.key() in ENTER and cell is not None and self._touched is not None:
            self._touched(*cell)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if hasattr(self, "_shape"):
            self.fit()

    def values_at(self, x: float, y: float) -> Reading | None:
        row, column = int(np.floor(y)), int(np.floor(x))
        inside = self._shape and 0 <= row < self._shape[0] and 0 <= column < self._shape[1]
        return self.pixel(row, column) if inside else None

    def _clicked(self, event: MouseClickEvent) -> None:
        point: QPointF = self.box.mapSceneToView(event.scenePos())
        y, x = int(np.floor(point.y())), int(np.floor(point.x()))
        if self._touched is not None and self._shape and 0 <= y < self._shape[0] and 0 <= x < self._shape[1]:
            self._touched(y, x)
