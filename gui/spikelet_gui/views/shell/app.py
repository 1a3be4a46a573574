"""Start the application, dispatch calls between threads, and take screenshots without a screen."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QLocale, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication

from spikelet.errors import SpikeletError, UsageError
from spikelet_gui.models.session import settings as stored
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.shell.opening import open_files
from spikelet_gui.views.shell.pictures import write_png
from spikelet_gui.views.shell.questions import cancels_tasks
from spikelet_gui.views.shell.unexpected import show_errors
from spikelet_gui.views.shell.window import Window
from spikelet_gui.views.widgets import style, theme
from spikelet_gui.views.widgets.slices import slices

SWITCH = 0.001  # seconds of the interpreter's thread switch interval: workers must not block the window
PATIENCE = 600.0  # seconds for a screenshot
TURNS = 3  # iterations of the event loop without a task: drawing can request a layout, and a layout a drawing


class Dispatcher(QObject):
    """Runs functions of other threads in the thread of the window."""

    _called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._called.connect(self.run, Qt.ConnectionType.QueuedConnection)

    def __call__(self, call: Callable[[], object]) -> None:
        """Run `call` in the thread of the window; can be called from any thread."""
        self._called.emit(call)

    def run(self, call: Callable[[], object]) -> None:
        """Run `call`; only in the thread of the window."""
        call()


def application() -> QApplication:
    """Return the QApplication of this process, with its settings."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("spikelet")
    QLocale.setDefault(QLocale.c())  # numbers of Qt's fields like those of the other texts, which are English
    sys.setswitchinterval(SWITCH)
    return app


def make_window(settings: Settings, remember: Callable[[], object] = lambda: None, kept: Path | None = None) -> Window:
    """Build a window without showing it.

    Args:
        settings: Settings of the last session.
        remember: Called when the window is closed.
        kept: Folder of measurements that are kept between sessions; None keeps none.
    """
    app = application()
    style.apply(app, theme.resolve(settings.theme))
    return Window(Inspector(Dispatcher(), settings, kept), remember)


def start(paths: list[Path], fresh: bool, theme_name: str | None) -> int:
    """Show the window until it is closed, and return the exit code."""
    path = stored.folder() / "inspector.json"
    settings = Settings() if fresh else stored.load(path)
    if theme_name is not None:
        settings.theme = theme_name
    if len(paths) > 1:
        settings.panel = "compare"
    window = make_window(settings, lambda: stored.save(settings, path), path.parent / "results")
    show_errors(window.inspector.failed.emit, Dispatcher())
    end = ask_before_losses(window)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: end())
    wake_up = QTimer()  # Python handles signals only while it runs code
    wake_up.start(200)
    wake_up.timeout.connect(lambda: None)
    window.show()
    open_all(window, paths)
    return application().exec()


def ask_before_losses(window: Window) -> Callable[[], object]:
    """Let the window ask before long tasks are cancelled, and return a function that closes it without a question.

    The function also closes dialogs: the session is saved and the program ends, whatever is asked at the moment.
    """
    ended = threading.Event()

    def confirm(action: str, lost: Callable[[], Sequence[str]]) -> bool:
        return ended.is_set() or cancels_tasks(window, window.inspector.jobs, action, lost) or ended.is_set()

    def end() -> None:
        ended.set()
        while (dialog := QApplication.activeModalWidget()) is not None and dialog.close():
            pass
        window.close()

    window.inspector.confirm = confirm
    return end


def open_all(window: Window, paths: list[Path]) -> None:
    """Open the bundles of the command line; the second one is compared with the first."""
    if paths:
        open_files(window.inspector, paths)
    else:
        window.inspector.open_first()


def screenshot(
    paths: list[Path], output: Path, panel: str, size: tuple[int, int], theme_name: str, layer: str | None = None
) -> None:
    """Write a panel as a PNG file, without a screen.

    Args:
        paths: One bundle, or two to compare.
        output: File to write.
        panel: Name of the panel.
        size: Width and height of the window in pixels.
        theme_name: Dark or light.
        layer: Layer to select, or None.

    Raises:
        SpikeletError: A bundle is invalid, there are no fonts, or the file cannot be written.
    """
    settings = Settings(panel=panel, theme=theme_name, layer=layer or "")
    window = make_window(settings)
    try:
        if not QFontDatabase.families():
            raise SpikeletError("no fonts are installed; on Debian and derivatives: apt-get install fonts-dejavu-core")
        window.resize(*size)
        window.setUpdatesEnabled(False)  # drawn once, with its results
        window.show()
        open_all(window, paths)
        settle(window)
        if window.inspector.problem is not None:
            raise SpikeletError.at(str(window.inspector.problem.path), str(window.inspector.problem))
        if window.inspector.results.second_error:
            raise SpikeletError.at(str(paths[1]), window.inspector.results.second_error)
        document = window.inspector.document
        layers = () if document is None else document.bundle.graph.spiking
        if layer is not None and layer not in layers:
            raise UsageError(f"--layer: unknown layer {layer}; expected one of {', '.join(layers)}")
        window.content.panels[panel].prepare()
        settle(window)
        window.setUpdatesEnabled(True)
        settle(window)
        write_png(window, output)
    finally:
        discard(window)


def discard(window: Window) -> None:
    """Close a window and delete it at once, without an event loop."""
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def settle(window: Window) -> None:
    """Wait until no task runs and everything is drawn. Raises SpikeletError after PATIENCE seconds."""
    until = time.monotonic() + PATIENCE
    quiet = 0
    while quiet < TURNS:
        if window.inspector.jobs.busy or slices().busy:
            quiet = 0
            if time.monotonic() > until:
                raise SpikeletError(f"the panel did not finish within {PATIENCE:.0f} seconds")
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        else:
            quiet += 1
            QCoreApplication.processEvents()


__all__ = ["PANELS", "application", "discard", "make_window", "screenshot", "settle", "start"]
