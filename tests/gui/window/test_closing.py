"""Windows that are closed: their tasks end, nothing of them is left, and their session is restored.

No other window is open meanwhile: each widget that exists is styled again when the theme changes.
"""

import gc
from dataclasses import replace

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication

from gui_support.driving import drop, threads
from spikelet_gui.models.session import tasks
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.views.shell.app import ask_before_losses, discard, make_window


@pytest.mark.parametrize("panel", ["accuracy", "robustness"])
def test_it_closes_in_the_middle_of_a_run(window, rest, path, data, capfd, panel):
    window.inspector.open(path)
    rest(window)
    drop(window, data)
    rest(window)
    window.show_panel(panel)
    window.content.panels[panel].run()
    assert window.inspector.jobs.busy
    window.close()
    assert not window.inspector.jobs.busy
    assert threads() == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("asking", [False, True])
def test_a_signal_ends_the_session_without_a_question(window, rest, path, data, monkeypatch, asking):
    """Also while the window asks whether to quit."""
    monkeypatch.setattr(tasks, "LONG", 0.0)
    window.inspector.open(path)
    rest(window)
    drop(window, data)
    rest(window)
    window.show_panel("robustness")
    window.content.panels["robustness"].run()
    end = ask_before_losses(window)
    if asking:

        def answer():
            box = QApplication.activeModalWidget()
            if box is None:
                QTimer.singleShot(10, window, answer)
            else:
                end()

        QTimer.singleShot(10, window, answer)
        window.close()
    else:
        end()
    assert not window.isVisible()
    assert threads() == []


def test_the_session_is_restored(qtbot, rest, path):
    settings = Settings(theme="light")
    first = make_window(settings)
    first.setUpdatesEnabled(False)
    first.show()
    first.inspector.open(path)
    rest(first)
    first.show_panel("layers")
    first.inspector.selection.focus("if2")
    first.inspector.set_steps(5)
    first.inspector.show_index(2)
    rest(first)
    discard(first)
    second = make_window(replace(settings))
    second.setUpdatesEnabled(False)
    second.show()
    second.inspector.open_first()
    rest(second)
    assert second.inspector.document.path.samefile(path)
    assert (second.content.panel, second.inspector.selection.layer, second.inspector.cursor.steps) == (
        "layers",
        "if2",
        5,
    )
    assert second.inspector.index == 2
    assert second.content.header.menu is not None
    second.content.header.menu.aboutToShow.emit()
    assert path.name in second.content.header.menu.actions()[0].text()
    discard(second)


def test_no_widget_is_left_behind(qapp, rest, path):
    """Every remaining widget would be styled again for each new window, which would take longer each time."""

    def widgets():
        gc.collect()
        return len(QApplication.allWidgets())

    before = widgets()
    window = make_window(Settings(theme="dark"))
    window.setUpdatesEnabled(False)
    window.show()
    window.inspector.open(path)
    rest(window)
    one = widgets()
    window.set_theme("light")
    rest(window)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert widgets() == one > before
    discard(window)
    assert widgets() == before
