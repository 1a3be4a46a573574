"""The neurons of a layer as a table that sorts, filters and chooses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QColor, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLineEdit, QTableView, QToolButton

from spikelet_gui.models.analysis.table import COLUMNS, PRESETS, SHOWN, NeuronTable, Rows
from spikelet_gui.models.analysis.table import View as Choices
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.selection import PICKED
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.fields import Choice
from spikelet_gui.views.widgets.theme import theme
from spikelet_gui.views.widgets.widgets import Card, Numbers, label, row

Index = QModelIndex | QPersistentModelIndex
UP, DOWN = " ▴", " ▾"  # behind the name of the column that gives the order


class TableModel(QAbstractTableModel):
    """The rows that the filter leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.table: NeuronTable | None = None
        self.rows: Rows | None = None
        self.picked: tuple[int, ...] = ()
        self.names: list[str] = []
        self.order, self.descending = "", False

    def show_rows(self, table: NeuronTable | None, rows: Rows, picked: tuple[int, ...], view: Choices) -> None:
        """Other rows, in the order of `view`."""
        self.beginResetModel()
        self.table, self.rows, self.picked = table, rows, picked
        self.order, self.descending = view.order, view.descending
        self.names = [] if table is None else [name for name in SHOWN if name in table.columns]
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if self.rows is None or parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self.names)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
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

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        if orientation == Qt.Orientation.Vertical or section >= len(self.names):
            return None
        name = self.names[section]
        title, hint = COLUMNS[name]
        sign = (DOWN if self.descending else UP) if name == self.order else ""
        given = {
            Qt.ItemDataRole.DisplayRole: title + sign,
            Qt.ItemDataRole.ToolTipRole: hint,
            Qt.ItemDataRole.TextAlignmentRole: Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
        }
        return given.get(Qt.ItemDataRole(role))


class NeuronView(QTableView):
    """Columns as wide as their widest cell needs, the rest shared; where they do not fit, they scroll."""

    PADDING = 12

    def __init__(self, model: TableModel) -> None:
        super().__init__()
        self.setAccessibleName("neurons")
        self.setModel(model)
        self._model = model
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)

    def fit(self) -> None:
        """The rows have changed, or the room for them."""
        table = self._model.table
        if table is None or not self._model.names:
            return
        needed = []
        for name in self._model.names:
            head = self.horizontalHeader().fontMetrics().horizontalAdvance(COLUMNS[name][0] + DOWN)
            cell = self.fontMetrics().horizontalAdvance(table.widest(name))
            needed.append(max(head, cell) + self.PADDING)
        spare = max(0, self.viewport().width() - sum(needed))
        for index, width in enumerate(needed):
            self.setColumnWidth(index, width + spare * (index + 1) // len(needed) - spare * index // len(needed))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.fit()


class NeuronCard(View):
    """Filter above, table below; what is selected is drawn by all plots."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__()
        self.inspector = inspector
        self.card = Card("Neurons")
        self.card.numbers = self._numbers
        self.preset = Choice("which neurons")
        self.preset.addItems(list(PRESETS))
        self.preset.textActivated.connect(
            lambda text: inspector.selection.set_view(replace(inspector.selection.view, preset=text))
        )
        self.query = QLineEdit()
        self.query.setAccessibleName("conditions")
        self.query.setPlaceholderText("rate > 50%, channel = 3")
        self.query.setClearButtonEnabled(True)
        for each in self.query.findChildren(QToolButton):
            each.setAccessibleName("clear the conditions")
        self.query.textChanged.connect(
            lambda text: inspector.selection.set_view(replace(inspector.selection.view, query=text))
        )
        self.error = label("", "bad", wrap=True)
        self.model = TableModel()
        self.table = NeuronView(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)  # Tab goes on to the next control
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(23)
        header = self.table.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self._sort)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._selected())
        self.card.body.addLayout(row(self.preset, self.query, stretch=(0, 1), spacing=6))
        self.card.body.addWidget(self.error)
        self.card.body.addWidget(self.table, 1)
        self.fill(self.card)
        self._silent = False
        self.follow(self._draw, inspector.selection.filtered)
        self.follow(self._mark, inspector.selection.picking)

    def _draw(self) -> None:
        inspector, view = self.inspector, self.inspector.selection.view
        table = inspector.selection.table()
        self._silent = True
        self.model.show_rows(table, inspector.selection.rows, inspector.selection.picked, view)
        self.table.fit()
        if self.query.text() != view.query:
            self.query.setText(view.query)
        self.preset.setCurrentText(view.preset)
        self._silent = False
        total = 0 if table is None else len(table)
        self.card.say(f"{len(inspector.selection.rows):,} of {total:,}; select up to {PICKED}")
        self.error.setText(inspector.selection.query_error)
        self.error.setVisible(bool(inspector.selection.query_error))
        self._mark()

    def _mark(self) -> None:
        """Select the rows of the neurons that are picked."""
        inspector = self.inspector
        self.model.picked = inspector.selection.picked
        selection = QItemSelection()
        rows = [at for at in map(inspector.selection.row_of, inspector.selection.picked) if at is not None]
        for at in rows:
            selection.select(self.model.index(at, 0), self.model.index(at, len(self.model.names) - 1))
        self._silent = True
        self.table.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if rows and not self.table.hasFocus():
            self.table.scrollTo(self.model.index(rows[0], 0))
        self._silent = False
        self.table.viewport().update()

    def _sort(self, section: int) -> None:
        self.inspector.selection.set_view(self.inspector.selection.view.sorted_by(self.model.names[section]))

    def _selected(self) -> None:
        if self._silent or self.model.rows is None:
            return
        chosen = self.table.selectionModel().selectedRows()
        rows = self.model.rows
        self.inspector.selection.pick(tuple(int(rows[index.row()]) for index in chosen))

    def _numbers(self) -> Numbers | None:
        table = self.model.table
        if table is None:
            return None
        names = [name for name in COLUMNS if name in table.columns]
        rows = [[table.columns[name][n].item() for name in names] for n in self.inspector.selection.rows]
        return Numbers(f"neurons-{self.inspector.selection.layer}", names, rows)
