"""Main window: header, panels and footer."""

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
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from spikelet.escapes import printable
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.views.panels.catalogue import PANELS, Panels
from spikelet_gui.views.panels.overview.panel import OverviewPanel
from spikelet_gui.views.shell import shortcuts
from spikelet_gui.views.shell.actions import Actions
from spikelet_gui.views.shell.changed import ChangedLine
from spikelet_gui.views.shell.exporting import Exporter
from spikelet_gui.views.shell.focus import FocusReturn
from spikelet_gui.views.shell.garbage import Collector
from spikelet_gui.views.shell.header import Header
from spikelet_gui.views.shell.opening import may_open, open_content
from spikelet_gui.views.shell.pages import ProblemPage, WelcomePage
from spikelet_gui.views.shell.rail import Rail
from spikelet_gui.views.shell.stale import StaleLine
from spikelet_gui.views.shell.transport import Transport
from spikelet_gui.views.widgets import style, theme
from spikelet_gui.views.widgets.base import Panel, release_all
from spikelet_gui.views.widgets.controls import Segments
from spikelet_gui.views.widgets.scrolling import Page
from spikelet_gui.views.widgets.slices import slices
from spikelet_gui.views.widgets.tab_order import set_tab_order

SMALLEST = 800, 500  # width and height of the content; a screen of 1920 × 1080 at 200% has 960 × 540
FRAME = QSize(8, 40)  # what a window manager draws around a window, in pixels


class Window(QMainWindow):
    """The main window. It passes keys, dropped files and the clipboard to the models.

    Attributes:
        inspector: The models.
        root: The content, which scrolls in a window that is smaller.
        panels: The panels by name.
        pages: The scroll areas of the panels, by name.
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
        self.exporter = Exporter(self, inspector, lambda: self.panels[self.panel])
        self.actions_ = self._actions()
        self._options: dict[str, dict[str, int]] = {}  # selected in panels that are rebuilt for another theme
        self._collector = Collector(self)
        self._collector.start()
        self._focus = FocusReturn(
            self, lambda: self.root, lambda event: shortcuts.pressed(self.actions_, inspector, event)
        )
        self._build()
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

    def _build(self) -> None:
        inspector = self.inspector
        frame, self.root = Page(), QWidget()
        root = self.root
        root.setObjectName("root")
        root.setMinimumSize(*map(theme.length, SMALLEST))
        self.setCentralWidget(frame)
        frame.set_content(root)  # in the window before its contents: a widget that changes its parent is styled again
        outer, right = QHBoxLayout(root), QVBoxLayout()
        for layout in (outer, right):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
        self.rail = Rail(self.show_panel)
        outer.addWidget(self.rail)
        outer.addLayout(right, 1)
        self.header = Header(self.actions_, self.exporter, inspector)
        right.addWidget(self.header)
        self.changed = ChangedLine(inspector)
        right.addWidget(self.changed)
        self.stale = StaleLine(inspector, self._shown_panel)
        right.addWidget(self.stale)
        self.stack = QStackedWidget()
        right.addWidget(self.stack, 1)
        self.transport = Transport(inspector)
        right.addWidget(self.transport)
        self.welcome, self.problem = WelcomePage(self.actions_, inspector), ProblemPage(self.actions_, inspector)
        self.stack.addWidget(self.welcome)
        self.stack.addWidget(self.problem)
        self.pages: dict[str, Page] = {}
        self.panels = Panels(inspector, self._add_page, self._complete)
        root.setFocus()  # the first button must not have the focus
        self._opened()

    def _add_page(self, name: str, panel: Panel) -> None:
        """Add a panel that is not built yet to the window."""
        panel.setObjectName(f"panel-{name}")
        self.pages[name] = Page()
        self.stack.addWidget(self.pages[name])
        self.pages[name].set_content(panel)

    def _complete(self, name: str, panel: Panel) -> None:
        self.exporter.add_menus(panel)
        set_tab_order(self.root)
        for segments in panel.findChildren(Segments):
            segments.pick(self._options.get(name, {}).pop(segments.accessibleName(), segments.chosen))

    def set_theme(self, name: str) -> None:
        """Set the theme, and rebuild all views from the models, in slices."""
        self.inspector.settings.theme = name
        slices().add(self, self._delete_pages)
        slices().add(self, self._rebuild)

    def _delete_pages(self) -> None:
        self._release()
        for name, page in self.pages.items():
            options = self.panels[name].findChildren(Segments)
            self._options[name] = {segments.accessibleName(): segments.chosen for segments in options}
            shiboken6.delete(page)
        self.panels.clear()
        self.pages.clear()

    def _rebuild(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self._release()  # panels that were opened since
        focused = self.focusWidget()
        name = focused.accessibleName() if focused is not None else ""
        if focused is not None:
            focused.clearFocus()  # Qt crashes if a widget with the focus is taken from its window and deleted
        frame = self.takeCentralWidget()
        if frame is not None:
            shiboken6.delete(frame)  # a style sheet is applied to all widgets that exist
        style.apply(app, theme.resolve(self.inspector.settings.theme))
        self._build()
        for control in self.findChildren(QWidget):  # of the bars; the panels are built later
            if name and control.accessibleName() == name:
                control.setFocus()

    def _release(self) -> None:
        self.panels.finish()
        release_all(self)

    def toggle_theme(self) -> None:
        """Switch between dark and light."""
        self.set_theme("light" if theme.theme().name == "dark" else "dark")

    # panels

    @property
    def panel(self) -> str:
        """Name of the current panel."""
        name = self.inspector.settings.panel
        return name if name in PANELS else "overview"

    def _shown_panel(self) -> Panel | None:
        """Return the current panel; None before it is built, and while no bundle is open or a refused one is shown."""
        return self.panels.get(self.panel) if self.inspector.shown is not None else None

    def show_panel(self, name: str) -> None:
        """Show a panel of the open bundle, also instead of the errors of a refused one; without one, the start page."""
        self.inspector.settings.panel = name
        if self.inspector.problem is not None and self.inspector.document is not None:
            self.inspector.leave_problem()
        else:
            self._opened()

    def _opened(self) -> None:
        inspector = self.inspector
        self.rail.mark(self.panel)
        if inspector.problem is not None:
            self.stack.setCurrentWidget(self.problem)
            self._set_title(inspector.problem.path.name)
        elif inspector.document is None:
            self.stack.setCurrentWidget(self.welcome)
        else:
            self._show_page(self.panel)
            self._set_title(inspector.document.name)
        self.stale.show_state()

    def _show_page(self, name: str) -> None:
        """Show a panel after it is built; another panel can be chosen meanwhile."""
        if self.panel != name or self.inspector.shown is None:
            return
        if self.panels.build_slice(name):
            self.stack.setCurrentWidget(self.pages[name])
            self.stale.show_state()
        else:
            slices().add(self.stack, lambda: self._show_page(name))

    def _set_title(self, name: str) -> None:
        """Set the window title; Qt replaces a single [*] in it."""
        name = printable(name)
        self.setWindowTitle(f"{name.replace('[*]', '[*][*]')} – spikelet")

    def scroll_panel(self, pages: int) -> None:
        """Scroll the current panel down by a number of pages; negative is up."""
        if self.panel in self.pages:
            self.pages[self.panel].turn(pages)

    def run_panel(self) -> None:
        """Start the task of the current panel, unless it is running: it would start anew."""
        panel = self.panels[self.panel]
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
            find=lambda: self.panels[self.panel].focus_search() if self.inspector.shown is not None else None,
            run=self.run_panel,
            export=lambda: self.exporter.ask(),
            copy=lambda: self.exporter.copy_picture(),
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

    def _overview(self) -> OverviewPanel:
        panel = self.panels["overview"]
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
            self.changed.check()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        if not self.inspector.may_close():
            event.ignore()
            return
        self.inspector.settings.window = bytes(self.saveGeometry().toBase64().data()).decode()
        self._remember()
        self._release()
        if self.inspector.close():  # otherwise a remaining thread could collect garbage
            self._collector.stop()
        super().closeEvent(event)
