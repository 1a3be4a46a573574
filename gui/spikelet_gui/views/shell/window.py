"""Main window: keys, dropped files, the clipboard and the theme."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import shiboken6
from PySide6.QtCore import QByteArray, QEvent, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QMainWindow,
    QWidget,
)

from spikelet.escapes import printable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.panels.overview.panel import OverviewPanel
from spikelet_gui.views.shell import shortcuts
from spikelet_gui.views.shell.actions import Actions
from spikelet_gui.views.shell.content import SMALLEST, Choices, Content
from spikelet_gui.views.shell.exporting import Exporter
from spikelet_gui.views.shell.focus import FocusReturn
from spikelet_gui.views.shell.garbage import Collector
from spikelet_gui.views.shell.opening import may_open, open_content
from spikelet_gui.views.widgets import style, theme
from spikelet_gui.views.widgets.base import Panel
from spikelet_gui.views.widgets.scrolling import Page
from spikelet_gui.views.widgets.slices import slices

FRAME = QSize(8, 40)  # what a window manager draws around a window, in pixels


class Window(QMainWindow):
    """The main window. It passes keys, dropped files and the clipboard to the models.

    Attributes:
        inspector: The models.
        content: Header, panels and footer. They scroll in a window that is smaller.
    """

    def __init__(self, inspector: Inspector, remember: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.inspector, self._remember = inspector, remember
        self.setWindowTitle("spikelet")
        self.setAcceptDrops(True)
        self.resize(QSize(1280, 800).boundedTo(self._space()))
        self._fit_screen()
        if inspector.settings.window:
            self.restoreGeometry(QByteArray.fromBase64(inspector.settings.window.encode()))
        self.exporter = Exporter(self, inspector, self._panel)
        self.actions_ = self._actions()
        self._collector = Collector(self)
        self._collector.start()
        self._focus = FocusReturn(
            self, lambda: self.content, lambda event: shortcuts.pressed(self.actions_, inspector, event)
        )
        self._build({})
        for name, keys, action in shortcuts.bindings(self.actions_, PANELS):
            self._bind(name, keys, action)
        inspector.opened.connect(self._opened)
        inspector.going.connect(self.show_panel)

    # construction

    def _space(self) -> QSize:
        """Return the largest size of the window on its screen."""
        return self.screen().availableSize() - FRAME

    def _fit_screen(self) -> None:
        """Set the smallest size: that of the content, or less on a small screen."""
        self.setMinimumSize(QSize(*map(theme.length, SMALLEST)).boundedTo(self._space()))

    def _build(self, choices: Choices) -> None:
        frame = Page()
        self.setCentralWidget(frame)
        self.content = Content(frame, self.actions_, self.exporter, self.inspector, choices)
        self._show_title()

    def set_theme(self, name: str) -> None:
        """Set the theme, and rebuild all views from the models, in slices."""
        self.inspector.settings.theme = name
        slices().add(self, self.content.delete_pages)
        slices().add(self, self._rebuild)

    def _rebuild(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        focused = self.focusWidget()
        name = focused.accessibleName() if focused is not None else ""
        if focused is not None:
            focused.clearFocus()  # Qt crashes if a widget with the focus is taken from its window and deleted
        self.content.delete_pages()  # panels that were opened since
        choices, frame = self.content.choices, self.takeCentralWidget()
        if frame is not None:
            shiboken6.delete(frame)  # a style sheet is applied to all widgets that exist
        style.apply(app, theme.resolve(self.inspector.settings.theme))
        self._build(choices)
        for control in self.findChildren(QWidget):  # of the bars; the panels are built later
            if name and control.accessibleName() == name:
                control.setFocus()

    def toggle_theme(self) -> None:
        """Switch between dark and light."""
        self.set_theme("light" if theme.theme().name == "dark" else "dark")

    # panels

    def _panel(self) -> Panel:
        """Return the current panel, which is built first if it is not."""
        return self.content.panels[self.content.panel]

    def show_panel(self, name: str) -> None:
        """Show a panel of the open bundle, also instead of the errors of a refused one; without one, the start page."""
        self.inspector.settings.panel = name
        if self.inspector.problem is not None and self.inspector.document is not None:
            self.inspector.leave_problem()
        else:
            self._opened()

    def _opened(self) -> None:
        self.content.show_state()
        self._show_title()

    def _show_title(self) -> None:
        """Set the title to the name of the bundle or refused file; Qt replaces a single [*] in it."""
        problem, document = self.inspector.problem, self.inspector.document
        if problem is not None:
            self._set_title(problem.path.name)
        elif document is not None:
            self._set_title(document.name)

    def _set_title(self, name: str) -> None:
        self.setWindowTitle(f"{printable(name).replace('[*]', '[*][*]')} – spikelet")

    def run_panel(self) -> None:
        """Start the task of the current panel, unless it is running: it would start anew."""
        panel = self._panel()
        if self.inspector.jobs.running(panel.task):
            self.inspector.status.emit("Running already; Esc cancels it")
        else:
            panel.run()

    def _actions(self) -> Actions:
        return Actions(
            open_bundle=self.choose_bundle,
            open_picture=lambda: self._overview().input.choose(),
            paste=self.paste,
            draw=self.draw,
            find=lambda: self._panel().focus_search() if self.inspector.shown is not None else None,
            run=self.run_panel,
            export=lambda: self.exporter.ask(),
            copy=lambda: self.exporter.copy_picture(),
            toggle_theme=self.toggle_theme,
            show_keys=lambda: shortcuts.help_dialog(self).open(),
            quit=self.close,
            show_panel=self.show_panel,
            scroll=lambda pages: self.content.scroll_panel(pages),
        )

    def _bind(self, name: str, keys: str, action: Callable[[], object]) -> None:
        command = QAction(name, self)
        command.setShortcut(QKeySequence(keys))
        command.triggered.connect(lambda: action())
        self.addAction(command)

    def _overview(self) -> OverviewPanel:
        panel = self.content.panels["overview"]
        assert isinstance(panel, OverviewPanel)
        return panel

    # opening

    def choose_bundle(self) -> None:
        """Ask for a bundle, and open it."""
        document = self.inspector.document
        start = str(document.path.parent) if document else ""
        name, _ = QFileDialog.getOpenFileName(self, "Open a bundle", start, "Bundles (*.snnb);;All files (*)")
        if name:
            self.inspector.open(Path(name))

    def draw(self) -> None:
        """Show an empty drawing pad on the Overview panel."""
        self.show_panel("overview")
        self._overview().input.draw()

    def paste(self) -> None:
        """Open the image or the file on the clipboard."""
        if not open_content(self.inspector, QGuiApplication.clipboard().mimeData()):
            self.inspector.failed.emit("The clipboard contains no image and no file")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if may_open(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        if open_content(self.inspector, event.mimeData()):
            event.acceptProposedAction()

    # events

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        super().showEvent(event)
        handle = self.windowHandle()
        if handle is not None:
            handle.screenChanged.connect(self._fit_screen, Qt.ConnectionType.UniqueConnection)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if not shortcuts.pressed(self.actions_, self.inspector, event):
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802
        """Continue after the field that was left last."""
        self._focus.resume()
        return super().focusNextPrevChild(forward)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.ThemeChange and self.inspector.settings.theme == "system":
            self.set_theme("system")
        elif event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.content.changed.check()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if not self.inspector.may_close():
            event.ignore()
            return
        self.inspector.settings.window = bytes(self.saveGeometry().toBase64().data()).decode()
        self._remember()
        self.content.release()
        if self.inspector.close():  # otherwise a remaining thread could collect garbage
            self._collector.stop()
        super().closeEvent(event)
