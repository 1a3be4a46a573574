"""Main window: header, panels and footer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QMimeData, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPixmap,
)
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.catalogue import PANELS, Panels
from spikelet_gui.views.panels.overview.panel import Overview
from spikelet_gui.views.shell import shortcuts
from spikelet_gui.views.shell.actions import Actions
from spikelet_gui.views.shell.exporting import Exporter
from spikelet_gui.views.shell.garbage import Collector
from spikelet_gui.views.shell.header import Header
from spikelet_gui.views.shell.pages import ProblemPage, WelcomePage
from spikelet_gui.views.shell.transport import Transport
from spikelet_gui.views.widgets import theme
from spikelet_gui.views.widgets.base import View, release_all
from spikelet_gui.views.widgets.icons import icon
from spikelet_gui.views.widgets.scrolling import Page


class Window(QMainWindow):
    """Shows an Inspector; hands it what is typed, dropped and pasted."""

    def __init__(self, inspector: Inspector, remember: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.inspector, self._remember = inspector, remember
        self.setWindowTitle("spikelet")
        self.setAcceptDrops(True)
        self.setMinimumSize(960, 600)
        self.resize(QSize(1280, 800).boundedTo(self.screen().availableSize()))
        if inspector.settings.window:
            self.restoreGeometry(QByteArray.fromBase64(inspector.settings.window.encode()))
        self.exporter = Exporter(self, inspector, lambda: self.panels[self.panel])
        self.actions_ = self._actions()
        self._collector = Collector(self)
        self._collector.start()
        self._build()
        for name, keys, action in shortcuts.bindings(self.actions_, PANELS):
            self._bind(name, keys, action)
        inspector.opened.connect(self._opened)

    # building

    def _build(self) -> None:
        inspector = self.inspector
        root = QWidget()
        root.setObjectName("root")
        self.header, self.transport = Header(self.actions_, self.exporter, inspector), Transport(inspector)
        self.stack = QStackedWidget()
        self.welcome, self.problem = WelcomePage(self.actions_), ProblemPage(self.actions_, inspector)
        self.stack.addWidget(self.welcome)
        self.stack.addWidget(self.problem)
        self.panels = Panels(self._panel)
        self._pages: dict[str, Page] = {}
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.header)
        right.addWidget(self.stack, 1)
        right.addWidget(self.transport)
        outer = QHBoxLayout(root)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._rail())
        outer.addLayout(right, 1)
        self.setCentralWidget(root)
        root.setFocus()  # and not the first button, which would look as if it were chosen
        self._opened()

    def _panel(self, name: str) -> View:
        panel = PANELS[name][1](self.inspector)
        panel.setObjectName(f"panel-{name}")
        self.exporter.adopt(panel)
        self._pages[name] = Page(panel)
        self.stack.addWidget(self._pages[name])
        return panel

    def _rail(self) -> QWidget:
        rail = QWidget()
        rail.setObjectName("rail")
        rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        rail.setFixedWidth(92)
        lines = QVBoxLayout(rail)
        lines.setContentsMargins(0, 10, 0, 10)
        lines.setSpacing(2)
        self.nav = QButtonGroup(rail)
        for index, (name, (title, _)) in enumerate(PANELS.items()):
            made = QToolButton()
            made.setObjectName("nav")
            made.setIcon(icon(name))
            made.setIconSize(QSize(22, 22))
            made.setText(title)
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            made.setCheckable(True)
            made.setFixedSize(91, 62)
            made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            made.setAccessibleName(title)
            made.setToolTip(f"{title}  (Ctrl+{index + 1})")
            made.clicked.connect(lambda _, name=name: self.show_panel(name))
            self.nav.addButton(made, index)
            lines.addWidget(made)
        lines.addStretch(1)
        return rail

    def set_theme(self, name: str) -> None:
        """Another look: everything is built anew from the models."""
        self.inspector.settings.theme = name
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        old = self.takeCentralWidget()
        if old is not None:
            release_all(old)
            old.hide()
            old.deleteLater()
        theme.apply(app, theme.resolve(name))
        self._build()

    def toggle_theme(self) -> None:
        """Dark to light and back."""
        self.set_theme("light" if theme.theme().name == "dark" else "dark")

    # what is shown

    @property
    def panel(self) -> str:
        """Name of the panel that is chosen."""
        name = self.inspector.settings.panel
        return name if name in PANELS else "overview"

    def show_panel(self, name: str) -> None:
        """Show a panel, or the start page if no bundle is open."""
        self.inspector.settings.panel = name
        self._opened()

    def _opened(self) -> None:
        inspector = self.inspector
        self.nav.button(list(PANELS).index(self.panel)).setChecked(True)
        if inspector.problem is not None:
            self.stack.setCurrentWidget(self.problem)
            self.setWindowTitle(f"{inspector.problem.path.name} – spikelet")
        elif inspector.document is None:
            self.stack.setCurrentWidget(self.welcome)
        else:
            _ = self.panels[self.panel]  # builds its page where it is not there yet
            self.stack.setCurrentWidget(self._pages[self.panel])
            self.setWindowTitle(f"{inspector.document.name} – spikelet")

    def scroll_panel(self, pages: int) -> None:
        """Scroll the panel that is shown, down, or up where negative."""
        self._pages[self.panel].turn(pages)

    def run_panel(self) -> None:
        """Run what the current panel runs."""
        run = getattr(self.panels[self.panel], "run", None)
        if run is not None:
            run()

    def _actions(self) -> Actions:
        return Actions(
            open_bundle=self.choose_bundle,
            open_picture=lambda: self._overview().input.choose(),
            paste=self.paste,
            draw=self.draw,
            run=self.run_panel,
            export=lambda: self.exporter.ask(),
            toggle_theme=self.toggle_theme,
            show_keys=lambda: shortcuts.help_dialog(self).open(),
            quit=self.close,
            show_panel=self.show_panel,
            scroll=self.scroll_panel,
        )

    def _bind(self, name: str, keys: str, action: Callable[[], object]) -> None:
        command = QAction(name, self)
        command.setShortcut(QKeySequence(keys))
        command.triggered.connect(lambda: action())
        self.addAction(command)

    def _overview(self) -> Overview:
        panel = self.panels["overview"]
        assert isinstance(panel, Overview)
        return panel

    # opening

    def choose_bundle(self) -> None:
        """Ask for a bundle."""
        document = self.inspector.document
        start = str(document.path.parent) if document else ""
        name, _ = QFileDialog.getOpenFileName(self, "Open a bundle", start, "Bundles (*.snnb);;All files (*)")
        if name:
            self.inspector.open(Path(name))

    def draw(self) -> None:
        """Show an empty pad on the Overview panel."""
        self.show_panel("overview")
        self._overview().input.draw()

    def open_path(self, path: Path) -> None:
        """A bundle, or a picture, a folder or a data set for the bundle that is open."""
        if path.suffix.lower() == ".snnb":
            self.inspector.open(path)
        else:
            self.inspector.open_image(path)

    def paste(self) -> None:
        """A picture or a file from the clipboard."""
        if not self._take(QGuiApplication.clipboard().mimeData()):
            self.inspector.said.emit("The clipboard holds no picture and no file")

    def _take(self, data: QMimeData) -> bool:
        paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        if paths:
            self.open_path(paths[0])
            return True
        picture = data.imageData() if data.hasImage() else None
        if isinstance(picture, QPixmap):
            picture = picture.toImage()
        if not isinstance(picture, QImage) or picture.isNull():
            return False
        self.inspector.open_pasted(picture)
        return True

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasUrls() or event.mimeData().hasImage():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        if self._take(event.mimeData()):
            event.acceptProposedAction()

    # keys and ends

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if not shortcuts.pressed(self.actions_, self.inspector, event):
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.ThemeChange and self.inspector.settings.theme == "system":
            self.set_theme("system")

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self.inspector.settings.window = bytes(self.saveGeometry().toBase64().data()).decode()
        self._remember()
        release_all(self)
        if self.inspector.close():  # a thread that is left must not collect either
            self._collector.stop()
        super().closeEvent(event)
