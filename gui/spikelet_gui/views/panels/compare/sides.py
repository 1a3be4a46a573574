"""Choice of both sides of a comparison: a bundle and an engine each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from spikelet.escapes import printable
from spikelet_gui.models.activity.compare import Side
from spikelet_gui.models.session.document import Document
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.widgets.controls import Choice, tool
from spikelet_gui.views.widgets.layouts import row
from spikelet_gui.views.widgets.text import Name, label
from spikelet_gui.views.widgets.theme import length

LEAST = 15  # characters of the list of bundles that are always shown
WIDEST = 280  # width of the list of bundles, which elides longer names


class SidesLine(QWidget):
    """The open bundle and its engine on the left, the second bundle and its engine on the right.

    Args:
        inspector: The models.
        changed: Called when the user selects another engine; another second bundle is a signal of the models.
        action: Control at the end of the line.

    Attributes:
        line: Layout of both sides, which a narrow panel stacks.
    """

    def __init__(self, inspector: Inspector, changed: Callable[[], object], action: QWidget) -> None:
        super().__init__()
        self.inspector, self._changed = inspector, changed
        self._filled: tuple[str, ...] = ()  # digests of the bundles whose engines are listed
        self.first_name = Name()
        self.engines = Choice("engine of the first"), Choice("engine of the second")
        for index, box in enumerate(self.engines):
            box.textActivated.connect(lambda engine, index=index: self._pick(index, engine))
        self.second = Choice("second bundle")
        self.second.setSizeAdjustPolicy(Choice.SizeAdjustPolicy.AdjustToContents)
        self.second.setMaximumWidth(length(WIDEST))
        self.second.setMinimumContentsLength(LEAST)  # beside a long name of the first
        self.second.activated.connect(self._chosen)
        first = row(self.first_name, self.engines[0], label("against", "muted"), spacing=8)
        first.addStretch(1)
        opening = tool("open", "Open a bundle to compare with", self.choose)
        second = row(self.second, self.engines[1], opening, spacing=8)
        second.addStretch(1)
        second.addWidget(action)
        self.line = row(spacing=8)
        self.line.setContentsMargins(0, 0, 0, 0)
        self.line.addLayout(first)
        self.line.addLayout(second, 1)
        self.setLayout(self.line)

    def chosen(self) -> tuple[Side, Side] | None:
        """Return both bundles and engines; None if no bundle is open."""
        document, second = self.inspector.document, self.inspector.results.second
        if document is None or not self.engines[0].count():
            return None
        second = document if second is None else second
        return Side(document.bundle, self.engines[0].currentText()), Side(second.bundle, self.engines[1].currentText())

    def steps(self) -> int:
        """Return the selected number of time-steps, at most what both bundles compute exactly."""
        documents = self.inspector.document, self.inspector.results.second
        return min(self.inspector.cursor.steps, *(side.most_steps for side in documents if side is not None))

    def choose(self) -> None:
        """Ask for the second bundle."""
        name, _ = QFileDialog.getOpenFileName(self, "Open a bundle to compare with", "", "Bundles (*.snnb)")
        if name:
            self.inspector.results.open_second(Path(name))

    def _pick(self, index: int, engine: str) -> None:
        self.inspector.results.picked_engines[index] = engine
        self._changed()

    def _chosen(self, index: int) -> None:
        path = self.second.itemData(index)
        if path == "":
            self.inspector.results.close_second()
        elif path is not None:
            self.inspector.results.open_second(Path(path))

    def fill(self) -> None:
        """Show the name of the open bundle, and fill the lists of engines and bundles."""
        document, second = self.inspector.document, self.inspector.results.second
        if document is None:
            return
        self.first_name.show_text(document.name)
        self._fill_engines(document, second)
        self._fill_bundles(document, second)

    def _fill_engines(self, document: Document, second: Document | None) -> None:
        """List the engines of other bundles. One that was picked stays selected.

        By default, two bundles run on the engine in the footer; the same bundle runs on that engine and on numpy.
        """
        filled = (document.bundle.digest, "" if second is None else second.bundle.digest)
        if filled == self._filled:
            return
        self._filled, engine = filled, self.inspector.engine
        defaults, picked = (engine, "numpy" if second is None else engine), self.inspector.results.picked_engines
        for index, (box, side) in enumerate(zip(self.engines, (document, second or document), strict=True)):
            box.clear()
            box.addItems(list(side.engines))
            box.setCurrentText(picked[index] if picked[index] in side.engines else defaults[index])

    def _fill_bundles(self, document: Document, second: Document | None) -> None:
        self.second.clear()
        self.second.addItem("the same bundle", "")
        paths = [Path(name) for name in self.inspector.settings.recent if Path(name) != document.path.resolve()]
        if second is not None and second.path.resolve() not in paths:
            paths.insert(0, second.path.resolve())
        for path in paths:
            self.second.addItem(printable(path.name), str(path))
        if second is not None:
            self.second.setCurrentIndex(self.second.findData(str(second.path.resolve())))
