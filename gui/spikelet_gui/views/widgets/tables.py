"""A read-only table of results."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
MAX_WIDTH = 170  # pixels of a column


class Table(QTableWidget):
    """A column of names and columns of numbers, with headings."""

    def __init__(self, name: str, row_height: int = 24) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setObjectName("quiet")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(row_height)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)

    def show_rows(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show rows; the selected row stays selected."""
        self.setColumnCount(len(head))
        self.setRowCount(len(rows))
        for column, text in enumerate(head):
            title = QTableWidgetItem(text)
            title.setTextAlignment(RIGHT if column else LEFT)
            self.setHorizontalHeaderItem(column, title)
        for row, cells in enumerate(rows):
            for column, value in enumerate(cells):
                item = QTableWidgetItem(f"{value:,}" if isinstance(value, int) else str(value))
                item.setTextAlignment(RIGHT if column else LEFT)
                self.setItem(row, column, item)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Give each column the width of its text and an equal part of the rest, or equal widths if there is no rest."""
        count, header = self.columnCount(), self.horizontalHeader()
        if not count:
            return
        widths = [max(self.sizeHintForColumn(column), header.sectionSizeHint(column)) for column in range(count)]
        rest = self.viewport().width() - sum(widths)
        for column, width in enumerate(widths):
            equal = self.viewport().width() // count
            self.setColumnWidth(column, max(width, min(MAX_WIDTH, width + rest // count)) if rest >= 0 else equal)
