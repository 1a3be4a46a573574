"""Captioned pictures, as large as possible with all of them visible."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem

SIZES = range(176, 40, -8)  # pixels of a picture's side: the largest that needs no scrolling, or the smallest
LINES, GAP = 2, 8  # lines of text below an image; pixels between images


class Gallery(QListWidget):
    """Pictures in rows. Where not all of them fit, no row is cut while nothing is scrolled."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setAcceptDrops(False)  # files are for the window
        self._pictures: list[tuple[QImage, str, int]] = []
        self._words: list[str] = []
        self._place = QSize()

    def show_pictures(self, pictures: list[tuple[QImage, str, int]], text: list[str]) -> None:
        """(picture, words below it, the number it stands for); words: all that may stand below one."""
        self._pictures, self._words, self._place = pictures, text, QSize()
        self.clear()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.maximumViewportSize()
        if not self._pictures or room.height() < 1:
            return
        metrics = self.fontMetrics()
        wide = max(metrics.horizontalAdvance(each) for each in self._words) + 2 * GAP
        below = LINES * metrics.lineSpacing() + GAP
        for side in SIZES:
            place = QSize(max(wide, side + GAP), side + below)
            columns, rows = max(1, room.width() // place.width()), room.height() // place.height()
            if columns * rows >= len(self._pictures):
                break
        else:
            place.setHeight(room.height() // max(1, rows))
        if place != self._place:
            self._place = place
            self._fill(side)

    def _fill(self, side: int) -> None:
        row, ratio = self.currentRow(), self.devicePixelRatioF()
        self.clear()
        self.setIconSize(QSize(side, side))
        self.setGridSize(self._place)
        for image, text, number in self._pictures:
            pixels = round(side * ratio)
            picture = QPixmap.fromImage(image).scaled(pixels, pixels, Qt.AspectRatioMode.KeepAspectRatio)
            picture.setDevicePixelRatio(ratio)
            item = QListWidgetItem(picture, text)
            item.setSizeHint(self._place)  # otherwise all would be as wide as the first text
            item.setData(Qt.ItemDataRole.UserRole, number)
            self.addItem(item)
        self.setCurrentRow(row)
