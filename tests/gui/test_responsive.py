"""No task runs in the window's thread, the work of that thread for a task is bounded, and no thread remains.

Nothing here is timed: a task is held in the middle while the window is used, and calls are counted. How long the
window's event loop waits on the clock is measured in `tests/stress`.
"""

import builtins
import io
import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QRect, Qt
from PySide6.QtGui import QColor

from gui_support.driving import opened_window, tasks, until
from spikelet.data import arrays
from spikelet.engines import Engine
from spikelet_gui.models.activity.source import SourceNetwork
from spikelet_gui.models.analysis import checks
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.models.session.sources.inputs import from_data
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.shell.app import SWITCH, Dispatcher, settle
from spikelet_gui.views.widgets import base
from spikelet_gui.views.widgets.cards import CardView
from spikelet_gui.views.widgets.slices import slices
from spikelet_gui.views.widgets.theme import theme

MOST_CALLS = 60_000  # of Python and of C, to show one result
SAFETY = 3600.0  # seconds after which a test that hangs is ended
TASKS = {  # and the panel that shows what comes of it
    "run": "layers",
    "sweep": "accuracy",
    "residuals": "residuals",
    "robustness": "robustness",
    "plan": "plan",
    "survey": "compare",
    "replay": "validate",
    "validate": "validate",
    "open": "overview",
    "image": "overview",
}
DATA_FILES = (".snnb", ".npz")


class Watch:
    """Records long operations, reads of data files and calls into the window during a task, with their threads.

    The first long operation in another thread is held until `gate` is set.
    """

    def __init__(self):
        self._forget()
        self.active = False

    def _forget(self):
        self.operations, self.files, self.calls = [], [], []
        self.held, self.gate = threading.Event(), threading.Event()

    @contextmanager
    def during(self):
        self._forget()
        self.active = True
        try:
            yield self
        finally:
            self.gate.set()
            self.active = False

    def opening(self, function):
        """Return a function that opens files; which thread opens a data file is recorded."""

        def watched(path, *values, **named):
            if self.active and str(path).endswith(DATA_FILES):
                self.files.append(threading.current_thread())
            return function(path, *values, **named)

        return watched

    def operation(self, function):
        """Return a function whose calls are recorded."""

        def watched(*values):
            if self.active:
                here = threading.current_thread()
                self.operations.append(here)
                if here is not threading.main_thread():
                    self.held.set()
                    assert self.gate.wait(SAFETY)
            return function(*values)

        return watched

    def counted(self, function):
        """Return a function whose calls of other functions are counted."""

        def counting(*values):
            count = 0

            def hook(frame, event, value):
                nonlocal count
                count += event in ("call", "c_call")

            sys.setprofile(hook if self.active else None)
            try:
                return function(*values)
            finally:
                sys.setprofile(None)
                if self.active:
                    self.calls.append(count)

        return counting


@pytest.fixture(scope="module")
def watch():
    watcher = Watch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "step", watcher.operation(Engine.step))
        patch.setattr(SourceNetwork, "activations", watcher.operation(SourceNetwork.activations))
        patch.setattr(checks, "receive", watcher.operation(checks.receive))
        patch.setattr(Dispatcher, "run", watcher.counted(Dispatcher.run))
        for module in (builtins, io, os):
            patch.setattr(module, "open", watcher.opening(module.open))
        yield watcher


@pytest.fixture(scope="module")
def used(qapp, watch, path, data):
    """A window with every panel drawn once, so that first drawings are not counted."""
    with opened_window(path, drawn=True) as window:
        window.inspector.show(from_data(arrays.read(data), data))
        for panel in PANELS:
            window.show_panel(panel)
            settle(window)
        devices = window.content.panels["robustness"].devices
        devices.setCurrentIndex(devices.findData(1))
        yield window


@pytest.fixture
def ready(used):
    """The window before a task."""
    used.show_panel("overview")
    used.inspector.results.comparison_key = None
    used.inspector.cursor.go(used.inspector.cursor.steps)
    settle(used)
    assert len(used.inspector.source) == 60
    assert used.inspector.cursor.time == 4
    assert not used.inspector.jobs.busy
    return used


@pytest.mark.parametrize("task", TASKS)
def test_a_task_leaves_the_window_free(ready, watch, prepared_validation, qtbot, path, data, task):
    if task == "validate" and checks.brian2_missing():
        pytest.skip("Brian2 is not installed")
    inspector = ready.inspector
    every = tasks(ready, inspector.data) | {
        "open": lambda: inspector.open(path),
        "image": lambda: inspector.open_data(DataFile(data)),
    }
    assert every.keys() == TASKS.keys()
    with watch.during():
        watch.counted(every[task])()
        until(watch.held.is_set)
        assert inspector.jobs.busy
        qtbot.keyClick(ready, Qt.Key.Key_Home)
        assert inspector.cursor.time == 1
        for panel in PANELS:
            ready.show_panel(panel)
            QCoreApplication.processEvents()
            assert ready.content.panels[panel].isVisible()
        ready.show_panel(TASKS[task])
        assert inspector.jobs.busy
        watch.gate.set()
        settle(ready)
    assert watch.operations
    assert threading.main_thread() not in watch.operations
    assert threading.main_thread() not in watch.files
    assert bool(watch.files) == (task in ("open", "image"))
    assert len(watch.calls) >= 2
    assert max(watch.calls) <= MOST_CALLS
    assert sys.getswitchinterval() <= SWITCH * 1.001
    if task == "open":
        inspector.show(from_data(arrays.read(data), data))


class Queue:
    """Keeps the drawings that views request, in place of the queue that performs them."""

    def __init__(self):
        self.calls = []

    def add(self, view, draw):
        self.calls.append((view, draw))

    @property
    def cards(self):
        return [view for view, _ in self.calls if isinstance(view, CardView) and view.isVisible()]


def colours_of(window, cards):
    """Return the colours of some pixels of each card on the screen."""
    screen, colours = window.screen().grabWindow(window.winId()).toImage(), []
    for card in cards:
        area = QRect(card.mapTo(window, QPoint()), card.size())
        pixels = ((x, y) for x in range(area.left(), area.right(), 7) for y in range(area.top(), area.bottom(), 7))
        colours.append({screen.pixel(x, y) for x, y in pixels})
    return colours


def test_a_card_that_is_not_drawn_yet_shows_nothing_of_the_last_panel(ready, monkeypatch):
    ready.show_panel("layers")
    settle(ready)
    ready.show_panel("overview")
    settle(ready)
    ready.inspector.cursor.go(1)  # the other panels must be drawn again
    queue = Queue()
    with monkeypatch.context() as patch:
        patch.setattr(base, "slices", lambda: queue)
        ready.show_panel("layers")
        QCoreApplication.processEvents()
        empty = colours_of(ready, queue.cards)
    assert len(queue.cards) > 2
    assert empty == [{QColor(theme().window).rgb()}] * len(queue.cards)
    for view, draw in queue.calls:
        slices().add(view, draw)
    settle(ready)
    assert all(len(colours) > 1 for colours in colours_of(ready, queue.cards))


def test_garbage_of_a_task_is_collected_in_the_thread_of_the_window(opened, rest):
    """In another thread, freeing objects connected to Qt could cause a deadlock with the window."""
    where, collected = [], threading.Event()

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            where.append(threading.current_thread())
            collected.set()

    def work(progress):
        for done in range(40):
            for _ in range(500):
                Cycle()
            progress(done, 40)
        assert collected.wait(SAFETY)

    opened.inspector.jobs.start("run", work, lambda _: None, pytest.fail)
    rest(opened)
    assert where
    assert set(where) == {threading.main_thread()}


def test_a_process_that_is_closed_during_a_task_ends_without_output(path, data):
    script = """
import sys
import threading
from pathlib import Path
from PySide6.QtCore import QMetaObject, Qt
from spikelet.data import arrays
from spikelet_gui.models.analysis import sweep
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.views.shell.app import application, make_window
window = make_window(Settings())
window.show()
inspector = window.inspector
inspector.open(Path(sys.argv[1]))
data = arrays.read(Path(sys.argv[2]))
tally = sweep.tally
def begin():
    inspector.traced.disconnect(begin)
    inspector.run_sweep(data)
def endless(graph, fan_out, images, steps, engine, threads, report):
    counted = tally(graph, fan_out, images, steps, engine, threads, report)
    QMetaObject.invokeMethod(window, "close", Qt.ConnectionType.QueuedConnection)
    while True:  # until it is cancelled
        report(0, len(images))
sweep.tally = endless
inspector.traced.connect(begin)
code = application().exec()
assert threading.active_count() == 1, threading.enumerate()
sys.exit(code)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(path), str(data)],
        capture_output=True,
        text=True,
        timeout=SAFETY,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert (done.returncode, done.stderr) == (0, "")
