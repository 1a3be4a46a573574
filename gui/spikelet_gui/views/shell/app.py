"""Start of the window: Qt, the hand-over between threads, and screenshots without a screen."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QApplication

from spikelet.errors import SpikeletError
from spikelet_gui.models.session import settings as stored
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.shell.window import Window
from spikelet_gui.views.widgets import theme

SWITCH = 0.001  # seconds after which a thread lets others have Python: the window must not wait for workers
PATIENCE = 600.0  # seconds for a screenshot
TURNS = 3  # of the event loop without a task: what is drawn may ask for a new layout, and that for a new picture


class Dispatcher(QObject):
    """Runs calls of other threads in the thread of the window."""

    _called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._called.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def __call__(self, call: Callable[[], None]) -> None:
        """To be called from any thread."""
        self._called.emit(call)

    def _run(self, call: Callable[[], None]) -> None:
        call()


def application() -> QApplication:
    """The one QApplication of this process."""
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("spikelet")
    sys.setswitchinterval(SWITCH)
    return app


def make_window(settings: Settings, remember: Callable[[], None] = lambda: None) -> Window:
    """A window that is not shown yet."""
    app = application()
    theme.apply(app, theme.resolve(settings.theme))
    return Window(Inspector(Dispatcher(), settings), remember)


def start(paths: list[Path], fresh: bool, theme_name: str | None) -> int:
    """Show the window until it is closed; returns the exit code."""
    place = stored.folder() / "inspector.json"
    settings = Settings() if fresh else stored.load(place)
    if theme_name is not None:
        settings.theme = theme_name
    if len(paths) > 1:
        settings.panel = "compare"
    window = make_window(settings, lambda: stored.save(settings, place))
    for each in (signal.SIGINT, signal.SIGTERM):  # the session is kept then, too
        signal.signal(each, lambda *_: window.close())
    awake = QTimer()  # lets Python see signals
    awake.start(200)
    awake.timeout.connect(lambda: None)
    window.show()
    open_all(window, paths)
    return application().exec()


def open_all(window: Window, paths: list[Path]) -> None:
    """Open what the command line names: the first bundle; a second one to be compared with it."""
    inspector = window.inspector
    if not paths:
        inspector.open_first()
        return

    def beside() -> None:
        inspector.opened.disconnect(beside)
        if inspector.document is not None:
            inspector.beside.open(paths[1])

    if len(paths) > 1:
        inspector.opened.connect(beside)
    inspector.open(paths[0])


def screenshot(
    paths: list[Path], output: Path, panel: str, size: tuple[int, int], theme_name: str, layer: str | None = None
) -> None:
    """Draw a panel with real data into a PNG file, without a screen.

    Raises:
        SpikeletError: the bundle was refused, there are no fonts, or the picture cannot be written.
    """
    settings = Settings(panel=panel, theme=theme_name, layer=layer or "")
    window = make_window(settings)
    try:
        if not QFontDatabase.families():
            raise SpikeletError("no fonts are installed; on Debian and derivatives: apt-get install fonts-dejavu-core")
        said: list[str] = []
        window.inspector.said.connect(said.append)
        window.resize(*size)
        window.show()
        open_all(window, paths)
        settle(window)
        if window.inspector.problem is not None:
            raise SpikeletError(f"{window.inspector.problem.path}: {window.inspector.problem}")
        if len(paths) > 1 and window.inspector.beside.other is None:
            raise SpikeletError(f"{paths[1]}: {said[-1]}")
        prepare = getattr(window.panels[panel], "prepare", None)
        if prepare is not None:
            prepare()
            settle(window)
        if not window.grab().save(str(output)):
            raise SpikeletError(f"{output}: could not be written; expected a file name ending in .png")
    finally:
        discard(window)


def discard(window: Window) -> None:
    """Close a window and free it now: what is left for an event loop stays for ever where none runs."""
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def settle(window: Window, seconds: float = PATIENCE) -> None:
    """Wait until nothing runs in the background and everything is drawn."""
    until = time.monotonic() + seconds
    quiet = 0
    while quiet < TURNS:
        if window.inspector.jobs.busy:
            quiet = 0
            if time.monotonic() > until:
                raise SpikeletError("the panel did not finish in time")
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
        else:
            quiet += 1
            QCoreApplication.processEvents()


__all__ = ["PANELS", "application", "discard", "make_window", "screenshot", "settle", "start"]
