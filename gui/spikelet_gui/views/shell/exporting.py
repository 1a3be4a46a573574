"""Export panels and cards as PNG, SVG or CSV, and the report as HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QMenu, QToolButton, QWidget

from spikelet.atomic import write_files
from spikelet.errors import SpikeletError, UsageError
from spikelet_gui.models.analysis import reporting
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.widgets import Card, Numbers, tool

FORMS = (("Save as PNG…", "png"), ("Save as SVG…", "svg"), ("Save data as CSV…", "csv"))
KINDS = "PNG (*.png);;SVG (*.svg);;CSV (*.csv);;HTML report (*.html)"


class Exporter:
    """Writes panels and cards.

    parent: of the dialogs. panel: gives the current panel.
    """

    def __init__(self, parent: QWidget, inspector: Inspector, panel: Callable[[], View]) -> None:
        self._parent, self._inspector, self._panel = parent, inspector, panel

    def menu(self, parent: QWidget) -> QMenu:
        """What can be written of the panel that is shown."""
        menu = QMenu(parent)
        self._offer(menu, FORMS)
        menu.addSeparator()
        menu.addAction("Save report as HTML…").triggered.connect(lambda: self.ask("html"))
        return menu

    def adopt(self, panel: View) -> None:
        """Give every card of a panel a menu of its own."""
        for card in panel.findChildren(Card):
            more = tool("more", f"Export {card.name}")
            more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            menu = QMenu(more)
            self._offer(menu, FORMS if card.numbers is not None else FORMS[:2], card)
            more.setMenu(menu)
            card.head.addWidget(more)

    def _offer(self, menu: QMenu, forms: Sequence[tuple[str, str]], card: Card | None = None) -> None:
        for text, suffix in forms:
            menu.addAction(text).triggered.connect(lambda _, suffix=suffix: self.ask(suffix, card))

    def ask(self, suffix: str = "png", card: Card | None = None) -> None:
        """Ask where to, and write. What there is nothing of is said at once."""
        if self._inspector.document is None:
            return
        if suffix == "csv":
            try:
                numbers_of(self._shown(card))
            except SpikeletError as error:
                self._inspector.said.emit(str(error))
                return
        stem = _plain(f"{self._inspector.document.name}-{card.name if card else self._inspector.settings.panel}")
        kinds = KINDS if card is None else KINDS.rpartition(";;")[0]
        chosen = next(kind for kind in kinds.split(";;") if f"*.{suffix})" in kind)
        name, kind = QFileDialog.getSaveFileName(self._parent, "Export", f"{stem}.{suffix}", kinds, chosen)
        if name:
            path = Path(name)
            self.write(path if path.suffix else path.with_suffix(re.findall(r"\.\w+", kind)[0]), card)

    def write(self, path: Path, card: Card | None = None) -> None:
        """Write a card, or the panel that is shown, in the form that the name ends in."""
        try:
            if path.suffix == ".html":
                self._report(path)
                return
            written = write(self._shown(card), path)
        except SpikeletError as error:
            self._inspector.said.emit(str(error))
            return
        self._inspector.said.emit(f"{', '.join(each.name for each in written)}: written")

    def _shown(self, card: Card | None) -> QWidget:
        return card if card is not None else self._panel()

    def _report(self, path: Path) -> None:
        inspector = self._inspector
        sweep, document = inspector.sweep, inspector.document
        if document is None or sweep is None or sweep.measured is None:
            raise UsageError("the report holds what was measured: run the images in the Accuracy panel first")
        measured, faults = sweep.measured, inspector.beside.robustness
        inspector.jobs.start(
            "report",
            lambda progress: reporting.write(path, measured, inspector.settings.profile, faults, progress),
            lambda done: inspector.said.emit(f"Report saved: {path.name}"),
            inspector.said.emit,
        )


def write(what: QWidget, path: Path) -> list[Path]:
    """Write a widget as PNG or SVG, or the numbers of its cards as CSV (one file each, where there are several).

    Raises:
        SpikeletError: a name that ends in none of them, nothing to write, or a folder that cannot be written.
    """
    if path.suffix == ".csv":
        return _write_numbers(numbers_of(what), path)
    if path.suffix == ".png":
        if not what.grab().save(str(path)):
            raise UsageError(f"{path}: could not be written")
    elif path.suffix == ".svg":
        made = QSvgGenerator()
        made.setFileName(str(path))
        made.setSize(QSize(what.width(), what.height()))
        made.setViewBox(QRect(0, 0, what.width(), what.height()))
        made.setTitle(path.stem)
        painter = QPainter(made)
        if not painter.isActive():
            raise UsageError(f"{path}: could not be written")
        what.render(painter, QPoint())
        painter.end()
    else:
        raise UsageError(f"{path.name}: expected a file name ending in .png, .svg or .csv")
    return [path]


def numbers_of(what: QWidget) -> list[Numbers]:
    """What the cards in a widget show, as tables, each once. Raises UsageError where nothing is known yet."""
    cards = [what] if isinstance(what, Card) else [each for each in what.findChildren(Card) if each.isVisible()]
    known = (card.numbers() for card in cards if card.numbers is not None)
    found = {each.name: each for each in known if each is not None and each.rows}
    if not found:
        raise UsageError("no data to save yet: run the panel first (R)")
    return list(found.values())


def _write_numbers(found: list[Numbers], path: Path) -> list[Path]:
    paths = [path] if len(found) == 1 else [path.with_name(f"{path.stem}-{each.name}.csv") for each in found]
    write_files(path.parent, {target.name: each.csv() for each, target in zip(found, paths, strict=True)})
    return paths


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")
