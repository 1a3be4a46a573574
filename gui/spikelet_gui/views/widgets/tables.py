"""A read-only table of results."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QTableWidget, QTableWidgetItem

from spikelet_gui.models.export import tab_separated
from spikelet_gui.views.widgets.text import tooltip
from spikelet_gui.views.widgets.theme import length

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
MAX_WIDTH = 170  # largest width of a column that is widened
MIN_NAME = 70  # smallest width of a column of elided names


def copy_rows(view: QTableView) -> None:
    """Copy the selected rows of a table to the clipboard, with the headings, for a spreadsheet."""
    model, selection = view.model(), view.selectionModel()
    rows = sorted({index.row() for index in selection.selectedIndexes()})
    columns = range(model.columnCount())
    head = [model.headerData(column, Qt.Orientation.Horizontal) for column in columns]
    cells = [[model.index(row, column).data() for column in columns] for row in rows]
    if cells:
        QGuiApplication.clipboard().setText(tab_separated([head, *cells]) + "\n")


class Table(QTableWidget):
    """A column of names and columns of numbers, with headings."""

    def __init__(self, name: str, row_height: int = 24) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setObjectName("quiet")
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(length(row_height))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setResizeContentsPrecision(-1)  # all rows, also those that are scrolled out of sight
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
                if not column:
                    item.setToolTip(tooltip(str(value)))
                self.setItem(row, column, item)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Copy the selected row; Qt would copy one cell."""
        if event.matches(QKeySequence.StandardKey.Copy):
            copy_rows(self)
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Give each column the width of its text and an equal part of the spare width.

        Without spare width the names in the first column are elided, or, in a very narrow table, all columns are equal.
        """
        count, header = self.columnCount(), self.horizontalHeader()
        if not count:
            return
        widths = [max(self.sizeHintForColumn(column), header.sectionSizeHint(column)) for column in range(count)]
        spare = self.viewport().width() - sum(widths)
        if spare < 0 and widths[0] + spare >= length(MIN_NAME):  # names are elided before numbers
            widths[0] += spare
            spare = 0
        most, equal = length(MAX_WIDTH), self.viewport().width() // count
        for column, width in enumerate(widths):
            self.setColumnWidth(column, max(width, min(most, width + spare // count)) if spare >= 0 else equal)
