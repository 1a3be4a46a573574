"""A table of results that can be read, and not changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
WIDEST = 170  # pixels of a column: an eye has to follow the row


class Table(QTableWidget):
    """Names at the left, numbers in columns at their right, headings over them."""

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

    def show_rows(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Show these rows; the one that is selected stays so."""
        self.setColumnCount(len(head))
        self.setRowCount(len(rows))
        for place, text in enumerate(head):
            title = QTableWidgetItem(text)
            title.setTextAlignment(RIGHT if place else LEFT)
            self.setHorizontalHeaderItem(place, title)
        for at, cells in enumerate(rows):
            for place, value in enumerate(cells):
                item = QTableWidgetItem(f"{value:,}" if isinstance(value, int) else str(value))
                item.setTextAlignment(RIGHT if place else LEFT)
                self.setItem(at, place, item)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Columns share the room there is, up to a width that is still read as a row."""
        for place in range(self.columnCount()):
            self.setColumnWidth(place, min(WIDEST, self.viewport().width() // self.columnCount()))
