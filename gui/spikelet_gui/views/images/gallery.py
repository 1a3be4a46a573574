"""Pictures with captions, as large as possible with all of them visible; drawn only when they come into view."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import QListView, QStyle

from spikelet_gui.views.widgets.text import tooltip
from spikelet_gui.views.widgets.theme import length

SIZES = range(176, 40, -8)  # sides of a picture in pixels; the largest without scrolling is used, else the smallest
LINES, GAP = 2, 8  # lines of a caption; pixels between pictures
WIDEST = 200  # width of a caption, of which longer lines are elided
KEPT = 600  # largest number of drawn pictures that are kept

Index = QModelIndex | QPersistentModelIndex


class Pictures(QAbstractListModel):
    """Numbers of images, each with a picture and a caption."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: Sequence[int] = ()
        self.picture: Callable[[int], QImage] = lambda number: QImage()
        self.caption: Callable[[int], str] = str
        self.cell, self.side, self.ratio = QSize(), SIZES[0], 1.0
        self.shortened: Callable[[str], str] = str
        self._drawn: dict[int, QPixmap] = {}

    def show_numbers(
        self, numbers: Sequence[int], picture: Callable[[int], QImage], caption: Callable[[int], str]
    ) -> None:
        """Set the images."""
        self.beginResetModel()
        self.numbers, self.picture, self.caption = numbers, picture, caption
        self._drawn.clear()
        self.endResetModel()

    def set_size(self, cell: QSize, side: int, ratio: float) -> None:
        """Set the size of a cell and of a picture, and the number of physical pixels per pixel."""
        self.layoutAboutToBeChanged.emit()
        self.cell, self.side, self.ratio = cell, side, ratio
        self._drawn.clear()
        self.layoutChanged.emit()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.numbers)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self.numbers):
            return None
        number = int(self.numbers[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return "\n".join(map(self.shortened, self.caption(number).split("\n")))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.caption(number)
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip(self.caption(number))
        if role == Qt.ItemDataRole.DecorationRole:
            return self._pixmap(number)
        if role == Qt.ItemDataRole.SizeHintRole:
            return self.cell  # the default is the width of the first caption
        if role == Qt.ItemDataRole.UserRole:
            return number
        return None

    def _pixmap(self, number: int) -> QPixmap:
        if number not in self._drawn:
            if len(self._drawn) >= KEPT:
                self._drawn.clear()
            pixels = round(self.side * self.ratio)
            pixmap = QPixmap.fromImage(self.picture(number)).scaled(pixels, pixels, Qt.AspectRatioMode.KeepAspectRatio)
            pixmap.setDevicePixelRatio(self.ratio)
            self._drawn[number] = pixmap
        return self._drawn[number]


class Gallery(QListView):
    """Pictures in rows. If not all fit, the rows that are visible at first are complete.

    Args:
        name: Name for screen readers.
        chosen: Called with the number of an image that is clicked or reached with the arrow keys.
        entered: Called with the number of an image at Enter or a double click.
    """

    def __init__(
        self, name: str, chosen: Callable[[int], object] = int, entered: Callable[[int], object] = int
    ) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setAcceptDrops(False)  # the window handles dropped files
        self.pictures = Pictures()
        self.pictures.shortened = self._shortened
        self.setModel(self.pictures)
        self._chosen, self._captions = chosen, tuple[str, ...]()
        self.clicked.connect(lambda index: self._choose(index))
        self.activated.connect(lambda index: entered(int(index.data(Qt.ItemDataRole.UserRole))))
        self.doubleClicked.connect(lambda index: entered(int(index.data(Qt.ItemDataRole.UserRole))))

    def show_pictures(
        self,
        numbers: Sequence[int],
        picture: Callable[[int], QImage],
        caption: Callable[[int], str],
        captions: Sequence[str],
    ) -> None:
        """Show images.

        Args:
            numbers: Numbers of the images.
            picture: Returns the picture of a number.
            caption: Returns the caption of a number.
            captions: Every line that can occur in a caption; the widest defines the width of a cell.
        """
        self._captions = tuple(captions)
        self.pictures.show_numbers(numbers, picture, caption)
        self._fit(self.viewport().rect())

    def mark(self, number: int) -> None:
        """Select the picture of a number, if it is shown."""
        rows = [row for row, shown in enumerate(self.pictures.numbers) if shown == number]
        if rows:
            self.setCurrentIndex(self.pictures.index(rows[0]))
        else:
            self.selectionModel().clear()

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802
        super().currentChanged(current, previous)
        if current.isValid() and self.hasFocus():
            self._choose(current)

    def _shortened(self, line: str) -> str:
        """Return a line of a caption without its middle if it is wider than a cell: names can begin alike."""
        return self.fontMetrics().elidedText(line, Qt.TextElideMode.ElideMiddle, length(WIDEST))

    def _choose(self, index: Index) -> None:
        self._chosen(int(index.data(Qt.ItemDataRole.UserRole)))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit(QRect(QPoint(), event.oldSize()))

    def scrollTo(  # noqa: N802
        self, index: Index, hint: QListView.ScrollHint = QListView.ScrollHint.EnsureVisible
    ) -> None:
        """Scroll to an image so that the first row is complete."""
        super().scrollTo(index, hint)
        bar, height = self.verticalScrollBar(), max(1, self.gridSize().height())
        bar.setValue(math.ceil(bar.value() / height) * height)

    def _fit(self, area: QRect) -> None:
        """Set the size of the cells; the current image stays in view if it is in `area`, else the first row does."""
        available, count = self.maximumViewportSize(), len(self.pictures.numbers)
        if not count or available.height() < 1:
            return
        extent = QStyle.PixelMetric.PM_ScrollBarExtent  # Qt may leave space for a bar that is hidden
        width = available.width() - self.style().pixelMetric(extent, None, self.verticalScrollBar())
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(caption) for caption in self._captions), default=0)
        caption_width = min(widest, length(WIDEST)) + 2 * GAP
        caption_height = LINES * metrics.lineSpacing() + GAP
        for side in SIZES:
            cell = QSize(max(caption_width, side + GAP), side + caption_height)
            columns, rows = max(1, width // cell.width()), available.height() // cell.height()
            if columns * rows >= count:
                break
        else:
            cell.setHeight(math.ceil(available.height() / max(1, rows)))  # no part of a further row
        ratio = self.devicePixelRatioF()
        if (cell, side, ratio) != (self.pictures.cell, self.pictures.side, self.pictures.ratio):
            current, first = self.currentIndex(), self.indexAt(QPoint(GAP, GAP))
            is_visible = area.intersects(self.visualRect(current))
            self.setIconSize(QSize(side, side))
            self.setGridSize(cell)
            self.pictures.set_size(cell, side, ratio)
            self.scrollTo(current if is_visible else first)
