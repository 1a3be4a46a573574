"""Export panels and cards as PNG, SVG or CSV, the report as HTML, and copy images and data to the clipboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QToolButton, QWidget

from spikelet.errors import SpikeletError, UsageError
from spikelet.files.atomic import write_files
from spikelet_gui.models.analysis import reporting
from spikelet_gui.models.export import DataTable, csv_files, safe_name, without_duplicates
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.profiles import find_profile, profiles
from spikelet_gui.views.shell.pictures import write_png, write_svg
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.cards import Card
from spikelet_gui.views.widgets.controls import tool
from spikelet_gui.views.widgets.text import tooltip

FORMATS = (("Save as PNG…", "png"), ("Save as SVG…", "svg"), ("Save data as CSV…", "csv"))
FILTERS = "PNG (*.png);;SVG (*.svg);;CSV (*.csv);;HTML report (*.html)"


class Exporter:
    """Writes panels and cards.

    Args:
        parent: Parent of the dialogs.
        inspector: The models.
        panel: Returns the current panel.
    """

    def __init__(self, parent: QWidget, inspector: Inspector, panel: Callable[[], View]) -> None:
        self._parent, self._inspector, self._panel = parent, inspector, panel

    def menu(self, parent: QWidget) -> QMenu:
        """Return the export menu of the window."""
        menu = QMenu(parent)
        self._add_entries(menu, FORMATS)
        menu.addSeparator()
        menu.addAction("Save report as HTML…").triggered.connect(lambda: self.ask("html"))
        return menu

    def add_menus(self, panel: View) -> None:
        """Add an export menu to every card of a panel."""
        for card in panel.findChildren(Card):
            more = tool("more", f"Export {card.name}")
            more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
            menu = QMenu(more)
            self._add_entries(menu, FORMATS if card.data is not None else FORMATS[:2], card)
            more.setMenu(menu)
            card.head.addWidget(more)

    def _add_entries(self, menu: QMenu, formats: Sequence[tuple[str, str]], card: Card | None = None) -> None:
        menu.addAction("Copy image").triggered.connect(lambda: self.copy_picture(card))
        if FORMATS[2] in formats:
            menu.addAction("Copy data").triggered.connect(lambda: self.copy_data(card))
        menu.addSeparator()
        for text, suffix in formats:
            menu.addAction(text).triggered.connect(lambda _, suffix=suffix: self.ask(suffix, card))

    def copy_picture(self, card: Card | None = None) -> None:
        """Copy a card, or the current panel, to the clipboard as an image."""
        if self._inspector.shown is None:
            return
        QGuiApplication.clipboard().setPixmap(self._shown(card).grab())
        self._inspector.status.emit(f"Copied: {self._subject(card)}, as an image")

    def copy_data(self, card: Card | None = None) -> None:
        """Copy the data of a card, or of the current panel, to the clipboard for a spreadsheet."""
        if self._inspector.shown is None:
            return
        try:
            tables = tables_of(self._shown(card))
        except SpikeletError as error:
            self._inspector.failed.emit(str(error))
            return
        QGuiApplication.clipboard().setText("\n\n".join(table.tsv() for table in tables) + "\n")
        self._inspector.status.emit(f"Copied: {self._subject(card)}, {len(tables[0].rows):,} rows")

    def _subject(self, card: Card | None) -> str:
        return card.name if card else self._inspector.settings.panel

    def ask(self, suffix: str = "png", card: Card | None = None) -> None:
        """Ask for a file, and write it; without data, show a message instead."""
        if self._inspector.shown is None:
            return
        if suffix == "csv":
            try:
                tables_of(self._shown(card))
            except SpikeletError as error:
                self._inspector.failed.emit(str(error))
                return
        stem = safe_name(f"{self._inspector.shown.name}-{self._subject(card)}").lower()
        filters = FILTERS if card is None else FILTERS.rpartition(";;")[0]
        selected = next(entry for entry in filters.split(";;") if f"*.{suffix})" in entry)
        name, selected = QFileDialog.getSaveFileName(self._parent, "Export", f"{stem}.{suffix}", filters, selected)
        path = Path(name)
        if name and not path.suffix:
            path = path.with_suffix(re.findall(r"\.\w+", selected)[0])
        if name and self._may_write(path, Path(name), card):
            self.write(path, card)

    def _may_write(self, path: Path, confirmed: Path, card: Card | None) -> bool:
        """Ask whether existing files shall be replaced; the file dialog has asked about `confirmed` only."""
        files = [path]
        if path.suffix.lower() == ".csv":
            try:
                files = list(csv_files(tables_of(self._shown(card)), path))
            except SpikeletError:  # nothing to write, as `write` reports
                return True
        existing = [file.name for file in files if file != confirmed and file.exists()]
        if not existing:
            return True
        text = f"{', '.join(existing)} {'exist. Replace them?' if len(existing) > 1 else 'exists. Replace it?'}"
        yes = QMessageBox.StandardButton.Yes
        return QMessageBox.question(self._parent, "Export", tooltip(text)) == yes

    def write(self, path: Path, card: Card | None = None) -> None:
        """Write a card, or the current panel, in the format of the suffix; errors are shown in the status line."""
        try:
            if path.suffix.lower() == ".html":
                self._write_report(path)
                return
            written = write(self._shown(card), path)
        except SpikeletError as error:
            self._inspector.failed.emit(str(error))
            return
        self._inspector.status.emit(f"Saved: {', '.join(file.name for file in written)}")

    def _shown(self, card: Card | None) -> QWidget:
        return card if card is not None else self._panel()

    def _write_report(self, path: Path) -> None:
        inspector = self._inspector
        sweep, document = inspector.measured.sweep, inspector.document
        if document is None or sweep is None or sweep.measured is None:
            raise UsageError("the report requires a measurement: run the images in the Accuracy panel first")
        measured, faults = sweep.measured, inspector.results.robustness
        available, main = list(profiles().values()), find_profile(inspector.settings.profile).name
        inspector.jobs.start(
            f"report:{path.resolve()}",  # reports of several files are written at the same time
            lambda progress: reporting.write(path, measured, available, main, faults, progress),
            lambda _: inspector.status.emit(f"Report saved: {path.name}"),
            inspector.failed.emit,
        )


def write(widget: QWidget, path: Path) -> list[Path]:
    """Write a widget as PNG or SVG, or the data of its cards as CSV, with one file per table.

    Returns:
        The files.

    Raises:
        SpikeletError: The suffix is another one, there are no data, or a file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        files = csv_files(tables_of(widget), path)
        write_files(path.parent, {target.name: text for target, text in files.items()})
        return list(files)
    if suffix == ".png":
        write_png(widget, path)
    elif suffix == ".svg":
        write_svg(widget, path)
    else:
        expected = "a file name ending in .png, .svg or .csv"
        raise UsageError.at(path.name, f"expected {expected}", expected=expected, found=path.name)
    return [path]


def tables_of(widget: QWidget) -> list[DataTable]:
    """Return the data of a card, or of the visible cards of a panel, each once.

    Raises:
        UsageError: No card has data yet.
    """
    cards = [widget] if isinstance(widget, Card) else [card for card in widget.findChildren(Card) if card.isVisible()]
    return without_duplicates([card.data() for card in cards if card.data is not None])
