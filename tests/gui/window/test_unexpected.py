"""Errors of the inspector itself are shown in its window."""

import sys

from PySide6.QtCore import QTimer

from spikelet.errors import BundleError
from spikelet_gui.views.shell.app import Dispatcher
from spikelet_gui.views.shell.unexpected import show_errors


def test_an_error_is_shown_once_and_the_terminal_gets_the_traceback(window, rest, monkeypatch, capfd):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # restores it afterwards
    shown = []
    window.inspector.failed.connect(shown.append)
    show_errors(window.inspector.failed.emit, Dispatcher())

    def broken():
        raise ValueError("no pen")

    def refuse():
        raise BundleError("a.snnb: no such file")

    for _ in range(2):
        QTimer.singleShot(0, broken)
        rest(window)
    assert shown == ["Error in the inspector: ValueError: no pen; the terminal shows where. Please report it"]
    assert window.content.transport.text == shown[0]
    assert capfd.readouterr().err.count("in broken") == 2
    QTimer.singleShot(0, refuse)
    rest(window)
    assert shown[1:] == ["a.snnb: no such file"]
