"""Functions that open a window and operate it as a user does."""

import sys
import threading
from contextlib import contextmanager

import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QPushButton

from spikelet_gui.models.jobs import Jobs
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.plots.network.view import GraphView
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.shell.app import discard, make_window, settle
from spikelet_gui.views.widgets.readout import Readout
from spikelet_gui.views.widgets.theme import theme

Jobs.patience = 3600.0  # seconds: closing always waits for the threads, also on a slow machine


def threads():
    """Return the names of the background tasks of all windows that have not ended."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("spikelet-")]


@contextmanager
def empty_window(drawn=False):
    """Yield a window without a bundle, and check at the end that its threads have ended.

    Args:
        drawn: Whether the window is drawn at all times. By default it is drawn once, at the end, since drawing takes a
            third of the time of a test; layouts are computed in both cases. See `draw`.
    """
    window = make_window(Settings(theme="dark", steps=4))
    window.resize(1280, 800)
    window.setUpdatesEnabled(drawn)
    window.show()
    try:
        yield window
        if not drawn:
            draw_once(window)
    finally:
        discard(window)
    assert threads() == []
    QCoreApplication.processEvents()


@contextmanager
def opened_window(path, drawn=False):
    """Yield a window with a bundle."""
    with empty_window(drawn) as window:
        window.inspector.open(path)
        settle(window)
        yield window


def start_again(window, path, look="dark"):
    """Open a bundle in a window that has been used, as in a new session. Panels that were built in this look remain."""
    inspector = window.inspector
    inspector.jobs.cancel_all()
    settle(window)
    vars(inspector.settings).update(vars(Settings(theme=look, steps=4)))
    inspector.pad = None
    inspector.results.close_second()
    if theme().name != look:
        window.set_theme(look)
    window.resize(1280, 800)
    window.show_panel("overview")
    inspector.open(path)
    settle(window)
    inspector.cursor.go(inspector.cursor.steps)
    window.activateWindow()  # a dialog of another test had the focus
    until(window.isActiveWindow)
    window.content.setFocus()


def draw_once(window):
    """Draw a window that is not drawn at all times as it is now."""
    window.setUpdatesEnabled(True)
    window.grab()
    window.setUpdatesEnabled(False)


@contextmanager
def drawn(window):
    """Draw the window at all times."""
    window.setUpdatesEnabled(True)
    try:
        yield
    finally:
        window.setUpdatesEnabled(False)


def at(plot, x, y):
    """Return the pixel at a position of a chart."""
    return QPointF(plot.mapFromScene(plot.plotItem.vb.mapViewToScene(QPointF(x, y))))


@contextmanager
def at_200_percent(window):
    """Show the window on a screen with two pixels for each unit of length."""
    at = window.pos()
    screen = next(screen for screen in QGuiApplication.screens() if screen.name() == "scaled")
    window.move(screen.geometry().topLeft())
    settle(window)
    assert window.devicePixelRatioF() == 2
    try:
        yield
    finally:
        window.move(at)
        settle(window)


def draw(window, panel, whole=True):
    """Draw a panel of a window that is not drawn at all times, and process what its drawing requests.

    A name in a chart is placed once the chart is drawn, and the name of a line once more: these are drawn twice.

    Args:
        window: The window.
        panel: The panel.
        whole: Whether all of it is drawn, or its charts only, on which its layout depends.
    """
    charts = [plot for plot in panel.findChildren(Plot) if plot.isVisible()]
    for parts in ([panel] if whole else charts, list(filter(has_names, charts))):
        window.setUpdatesEnabled(True)
        for part in parts:
            part.grab()
        window.setUpdatesEnabled(False)
        settle(window)


def has_names(plot):
    """Return whether a chart contains texts beside those of its axes."""
    return any(isinstance(item, pg.TextItem) for item in plot.scene().items())


def until(condition):
    """Process events until a condition holds, or an event raises an error.

    The condition is evaluated after every event, without a time limit.
    """
    errors, report = [], sys.excepthook

    def hook(kind, error, trace):
        errors.append(error)
        report(kind, error, trace)

    sys.excepthook = hook
    try:
        while not condition():
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            if errors:
                raise errors[0]
    finally:
        sys.excepthook = report


def prepare_all(window):
    """Run the analyses of all panels except Brian2, with one faulty device per level."""
    devices = window.content.panels["robustness"].devices
    devices.setCurrentIndex(devices.findData(1))
    for panel in [name for name in PANELS if name != "validate"]:
        window.content.panels[panel].prepare()
    window.content.panels["validate"].replay.run()
    settle(window)


def tasks(window, data):
    """Return every long task, by name."""
    panels = window.content.panels
    return {
        "run": window.inspector.run,
        "sweep": lambda: window.inspector.run_sweep(data),
        "residuals": panels["residuals"].run,
        "robustness": panels["robustness"].run,
        "plan": panels["plan"].run,
        "survey": panels["compare"].run_survey,
        "replay": panels["validate"].replay.run,
        "validate": panels["validate"].brian.run,
    }


def drop(window, *files):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file)) for file in files])
    event = QDropEvent(
        QPointF(200, 200), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(event)


def hover(widget, point):
    """Move the pointer over a widget, and return the text of the values that are shown; "" for none."""
    point = QPointF(point)
    no_button = Qt.MouseButton.NoButton
    on_screen = widget.mapToGlobal(point)
    event = QMouseEvent(QEvent.Type.MouseMove, point, on_screen, no_button, no_button, Qt.KeyboardModifier.NoModifier)
    QCoreApplication.sendEvent(widget, event)
    box = Readout.of(widget)
    return box.reading.text if box.isVisible() else ""


def click_block(qtbot, window, name):
    view = window.content.panels["overview"].findChild(GraphView)
    item = view.items_by_name[name]
    centre = view.mapFromScene(item.mapToScene(item.boundingRect().center()))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(centre.x(), centre.y()))


def option_button(segments, index):
    """Return the button of an option of `Segments`."""
    return segments.findChildren(QPushButton)[index]
