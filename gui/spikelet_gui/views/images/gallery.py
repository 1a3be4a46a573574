"""Pictures with captions, as large as possible with all of them visible."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem

SIZES = range(176, 40, -8)  # sides of a picture in pixels; the largest without scrolling is used, else the smallest
LINES, GAP = 2, 8  # lines of a caption; pixels between pictures


class Gallery(QListWidget):
    """Pictures in rows. If not all fit, the rows that are visible at first are complete."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setAcceptDrops(False)  # the window handles dropped files
        self._pictures: list[tuple[QImage, str, int]] = []
        self._captions: list[str] = []
        self._cell = QSize()

    def show_pictures(self, pictures: list[tuple[QImage, str, int]], captions: list[str]) -> None:
        """Show pictures.

        Args:
            pictures: (picture, caption, index that is stored with it).
            captions: Every line that can occur in a caption; the widest defines the width of a cell.
        """
        self._pictures, self._captions, self._cell = pictures, captions, QSize()
        self.clear()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        available = self.maximumViewportSize()
        if not self._pictures or available.height() < 1:
            return
        metrics = self.fontMetrics()
        wide = max(metrics.horizontalAdvance(caption) for caption in self._captions) + 2 * GAP
        below = LINES * metrics.lineSpacing() + GAP
        for side in SIZES:
            cell = QSize(max(wide, side + GAP), side + below)
            columns, rows = max(1, available.width() // cell.width()), available.height() // cell.height()
            if columns * rows >= len(self._pictures):
                break
        else:
            cell.setHeight(available.height() // max(1, rows))
        if cell != self._cell:
            self._cell = cell
            self._fill(side)

    def _fill(self, side: int) -> None:
        row, ratio = self.currentRow(), self.devicePixelRatioF()
        self.clear()
        self.setIconSize(QSize(side, side))
        self.setGridSize(self._cell)
        for image, text, number in self._pictures:
            pixels = round(side * ratio)
            picture = QPixmap.fromImage(image).scaled(pixels, pixels, Qt.AspectRatioMode.KeepAspectRatio)
            picture.setDevicePixelRatio(ratio)
            item = QListWidgetItem(picture, text)
            item.setSizeHint(self._cell)  # the default is the width of the first caption
            item.setData(Qt.ItemDataRole.UserRole, number)
            self.addItem(item)
        self.setCurrentRow(row)
