"""Header bar: name, integrity and signature of the bundle, and actions."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton

from spikelet.display import number_of
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.views.shell.actions import Actions
from spikelet_gui.views.shell.exporting import Exporter
from spikelet_gui.views.widgets.base import View
from spikelet_gui.views.widgets.controls import tool
from spikelet_gui.views.widgets.icons import pixmap
from spikelet_gui.views.widgets.text import Elided, Name, menu_text, shortened, tooltip
from spikelet_gui.views.widgets.theme import theme

FACTS_WIDTH = 110  # least width of the size of the network in pixels
SIGNED = {
    "trusted": "signed by a trusted key",
    "unknown key": "signed by an unknown key",
    "unsigned": "not signed",
    "invalid": "signature invalid",
    "unchecked": "signature not checked",
}


class Header(View):
    """Name and badge of the bundle; buttons for open, recent bundles, export, theme and keys."""

    def __init__(self, actions: Actions, exporter: Exporter, inspector: Inspector) -> None:
        super().__init__()
        self.setObjectName("head")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.inspector = inspector
        self.name, self.facts = Name("spikelet", "heading"), Elided(name="muted", least=FACTS_WIDTH)
        self.badge_icon, self.badge = QLabel(), Name("", "caption")
        self.recent = tool("recent", "Recent bundles and images")
        self.recent.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu = QMenu(self.recent)
        self.menu.aboutToShow.connect(self._fill_recent)
        self.recent.setMenu(self.menu)
        self.export = tool("export", "Export this panel  (Ctrl+E)")
        self.export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.export.setMenu(exporter.menu(self.export))
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 8, 12, 8)
        line.setSpacing(8)
        line.addWidget(self.name)
        line.addSpacing(6)
        line.addWidget(self.facts, 1)
        line.addWidget(self.badge_icon)
        line.addWidget(self.badge)
        line.addSpacing(8)
        for widget in (
            tool("open", "Open a bundle  (Ctrl+O)", actions.open_bundle),
            self.recent,
            self.export,
            tool("theme", "Dark or light theme  (Ctrl+T)", actions.toggle_theme),
            tool("help", "Keys  (?)", actions.show_keys),
        ):
            line.addWidget(widget)
        self.listen(inspector.opened, self._show)
        self._show()

    def _show(self) -> None:
        document, problem = self.inspector.shown, self.inspector.problem
        self.export.setEnabled(document is not None)
        if document is None:
            self.name.show_text(problem.path.name if problem else "spikelet")
            self.facts.show_text("" if problem else "no bundle is open")
            self._badge("cross" if problem else "", ("not a valid bundle" if problem else "",), theme().bad, "")
            return
        bundle = document.bundle
        graph, manifest = bundle.graph, bundle.manifest
        proven = f" for {number_of(manifest.exact_steps, 'time-step')}" if manifest.exact_steps else ""
        exact = f"{manifest.bits}-bit weights, exact{proven}" if graph.exact else "float32"
        self.name.show_text(document.name)
        size = number_of(graph.neuron_count, "neuron")
        layers = f"{number_of(len(graph.spiking), 'spiking layer')} · {size}"
        self.facts.show_text(f"{layers} · {exact}", layers, size)
        signed = document.signature
        state, bad = f"Integrity OK · {SIGNED[signed.state]}", signed.state == "invalid"
        self._badge(
            "cross" if bad else "check",
            (f"{state} · {bundle.digest[:8]}", state),
            theme().bad if bad else theme().good,
            f"{signed.detail}\nThe bytes of every member match the manifest.\nsha256 {bundle.digest}\n{document.path}",
        )

    def _badge(self, glyph: str, forms: tuple[str, ...], colour: str, hint: str) -> None:
        """Show an icon and a text. forms: the text, and shorter forms of it."""
        self.badge.show_text(*forms)
        self.badge.setToolTip(tooltip(hint))
        self.badge_icon.setVisible(bool(glyph))
        if glyph:
            ratio = self.devicePixelRatioF()
            image = pixmap(glyph, round(16 * ratio), colour)
            image.setDevicePixelRatio(ratio)
            self.badge_icon.setPixmap(image)

    def _fill_recent(self) -> None:
        self.menu.clear()
        for name in list(self.inspector.settings.recent):
            path = Path(name)
            if not path.is_file():
                self.inspector.settings.forget(name)
                continue
            entry = self.menu.addAction(menu_text(f"{shortened(path.name)}   {shortened(str(path.parent))}"))
            entry.triggered.connect(lambda _, path=path: self.inspector.open(path))
        if self.menu.isEmpty():
            self.menu.addAction("no recent bundles").setEnabled(False)
        files = [DataFile.of_entry(entry) for entry in self.inspector.settings.recent_data]
        present = [file for file in files if file is not None and file.path.exists()]
        if self.inspector.shown is None or not present:
            return
        self.menu.addSection("Images and recordings")
        for file in present:
            entry = self.menu.addAction(menu_text(f"{shortened(file.title)}   {shortened(str(file.path.parent))}"))
            entry.triggered.connect(lambda _, file=file: self.inspector.open_data(file))
