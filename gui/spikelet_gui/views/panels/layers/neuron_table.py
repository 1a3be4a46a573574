"""Table of the neurons of a layer, with filter, order and selection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from spikelet_gui.models.activity.table import COLUMNS, EXAMPLE, PRESETS, SHOWN_COLUMNS, NeuronTable, Rows
from spikelet_gui.models.activity.table import View as Choices
from spikelet_gui.models.export import DataTable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.selection import PICKED
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.controls import Choice, Field
from spikelet_gui.views.widgets.layouts import row
from spikelet_gui.views.widgets.tables import copy_rows
from spikelet_gui.views.widgets.text import label, text_width
from spikelet_gui.views.widgets.theme import theme

Index = QModelIndex | QPersistentModelIndex
UP, DOWN = " ▴", " ▾"  # after the title of the column that defines the order


class TableModel(QAbstractTableModel):
    """The neurons that match the filter."""

    def __init__(self) -> None:
        super().__init__()
        self.table: NeuronTable | None = None
        self.rows: Rows | None = None
        self.picked: tuple[int, ...] = ()
        self.names: list[str] = []
        self.order, self.descending = "", False

    def show_rows(self, table: NeuronTable | None, rows: Rows, picked: tuple[int, ...], view: Choices) -> None:
        """Set the rows, in the order of `view`."""
        self.beginResetModel()
        self.table, self.rows, self.picked = table, rows, picked
        self.order, self.descending = view.order, view.descending
        self.names = [] if table is None else [name for name in SHOWN_COLUMNS if name in table.columns]
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if self.rows is None or parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.names)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if self.table is None or self.rows is None or not index.isValid():
            return None
        neuron = int(self.rows[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return self.table.cell(self.names[index.column()], neuron)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole and neuron in self.picked and index.column() == 0:
            return QColor(theme().series[self.picked.index(neuron)])
        return None

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Vertical or section >= len(self.names):
            return None
        name = self.names[section]
        title, hint = COLUMNS[name]
        sign = (DOWN if self.descending else UP) if name == self.order else ""
        values: dict[int, object] = {
            Qt.ItemDataRole.DisplayRole: title + sign,
            Qt.ItemDataRole.ToolTipRole: hint,
            Qt.ItemDataRole.TextAlignmentRole: Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
        }
        return values.get(Qt.ItemDataRole(role))


class NeuronView(QTableView):
    """Table view whose columns fit their widest cell, and share the remaining width.

    Attributes:
        order: Called to order by the next column, or with True to reverse the order.
    """

    PADDING = 12

    def __init__(self, model: TableModel) -> None:
        super().__init__()
        self.setAccessibleName("neurons")
        self.setModel(model)
        self._model = model
        self.order: Callable[[bool], object] = lambda reverse: None
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)  # bold titles would not fit
        self._widths: list[int] = []

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the size at which all columns are in sight."""
        beside = self.verticalScrollBar().sizeHint().width() + 2 * self.frameWidth()
        return QSize(sum(self._widths) + beside, super().minimumSizeHint().height())

    def measure(self) -> None:
        """Measure the columns of a new table, and set their widths."""
        table, widths = self._model.table, []
        for name in self._model.names:
            head = text_width(self.horizontalHeader(), COLUMNS[name][0] + DOWN)
            cell = 0 if table is None else text_width(self, table.widest(name))
            widths.append(max(head, cell) + self.PADDING)
        if widths != self._widths:
            self._widths = widths
            self.updateGeometry()
        self._fit()

    def _fit(self) -> None:
        widths = self._widths
        spare = max(0, self.viewport().width() - sum(widths))
        count = len(widths)
        for index, width in enumerate(widths):
            self.setColumnWidth(index, width + spare * (index + 1) // count - spare * index // count)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Copy the selected neurons, of which Qt would copy one cell, or change the order (S)."""
        if event.matches(QKeySequence.StandardKey.Copy):
            copy_rows(self)
        elif event.key() == Qt.Key.Key_S and not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier:
            self.order(bool(event.modifiers()))
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit()


class NeuronCard(CardView):
    """Filter and table. The plots show the neurons that match the filter, and potentials of the selected ones."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector, "Neurons", data=self._data)
        self.preset = Choice("filter of the neurons")
        self.preset.addItems(list(PRESETS))
        selection = inspector.selection
        self.preset.textActivated.connect(lambda text: selection.set_view(replace(selection.view, preset=text)))
        self.query = Field("conditions", EXAMPLE, lambda text: selection.set_view(replace(selection.view, query=text)))
        self.error = label("", "bad", wrap=True)
        self.model = TableModel()
        self.table = NeuronView(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)  # Tab moves to the next control
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(23)
        header = self.table.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self._sort)
        self.table.order = self._order
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        self.body.addLayout(row(self.preset, self.query, stretch=(0, 1), spacing=6))
        self.body.addWidget(self.error)
        self.body.addWidget(self.table, 1)
        self._updating = False
        self.follow(self._draw, inspector.opened, inspector.selection.filtered)
        self.follow(self._mark, inspector.selection.picking)

    def _draw(self) -> None:
        inspector, view = self.inspector, self.inspector.selection.view
        table = inspector.selection.table()
        self._updating = True
        self.model.show_rows(table, inspector.selection.rows, inspector.selection.picked, view)
        self.table.measure()
        if self.query.text() != view.query:
            self.query.setText(view.query)
        self.preset.setCurrentText(view.preset)
        self._updating = False
        matching = f"{len(inspector.selection.rows):,} of {0 if table is None else len(table):,}"
        self.set_note("" if table is None else f"{matching}; select up to {PICKED}")
        self.error.setText(inspector.selection.query_error)
        self.error.setVisible(bool(inspector.selection.query_error))
        self._mark()

    def _mark(self) -> None:
        """Select the rows of the neurons that are picked."""
        inspector = self.inspector
        self.model.picked = inspector.selection.picked
        selection = QItemSelection()
        rows = [row for row in map(inspector.selection.row_of, inspector.selection.picked) if row is not None]
        for index in rows:
            selection.select(self.model.index(index, 0), self.model.index(index, len(self.model.names) - 1))
        self._updating = True
        self.table.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if rows and not self.table.hasFocus():
            self.table.scrollTo(self.model.index(rows[0], 0))
        self._updating = False
        self.table.viewport().update()

    def _sort(self, section: int) -> None:
        self.inspector.selection.set_view(self.inspector.selection.view.sorted_by(self.model.names[section]))

    def _order(self, reverse: bool) -> None:
        names, order = self.model.names, self.inspector.selection.view.order
        if order in names:
            self._sort((names.index(order) + (not reverse)) % len(names))

    def _selected(self) -> None:
        if self._updating or self.model.rows is None:
            return
        chosen = self.table.selectionModel().selectedRows()
        rows = self.model.rows
        self.inspector.selection.pick(tuple(int(rows[index.row()]) for index in chosen))

    def _data(self) -> DataTable | None:
        table = self.model.table
        if table is None:
            return None
        names = [name for name in COLUMNS if name in table.columns]
        rows = [[table.columns[name][n].item() for name in names] for n in self.inspector.selection.rows]
        return DataTable(f"neurons-{self.inspector.selection.layer}", names, rows)
