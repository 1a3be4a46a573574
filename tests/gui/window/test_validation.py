"""Validation of a bundle: with its golden inputs, and with Brian2."""

import shutil
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from gui_support.driving import until
from spikelet_gui.views.panels.validate.panel import BUSY


def test_the_proof_is_replayed(opened, rest):
    opened.show_panel("validate")
    opened.content.panels["validate"].replay.run()
    rest(opened)
    verified = opened.inspector.results.checks.verified
    assert set(verified) == set(opened.inspector.document.engines)
    assert all(result.ok for result in verified.values())
    assert opened.inspector.results.checks.step_model.ok
    messages = [label.text() for label in opened.content.panels["validate"].replay.findChildren(QLabel)]
    assert any(message.startswith("computes the graph for the golden inputs") for message in messages)
    assert opened.content.panels["validate"].replay.card.data().rows[-1][0] == "step.onnx"


def needs_brian2():
    """Look for Brian2 without importing it: with some versions of NumPy only spikelet's loader can import it."""
    if find_spec("brian2") is None:
        pytest.skip("Brian2 is not installed")


def test_brian2_agrees(window, rest, qtbot, path, tmp_path):
    """Also after the file has been overwritten: the open bundle is validated."""
    needs_brian2()
    opened, file = window, Path(shutil.copy(path, tmp_path))
    opened.inspector.open(file)
    rest(opened)
    file.write_bytes(b"another file")
    opened.show_panel("validate")
    opened.content.panels["validate"].brian.run()
    rest(opened)
    report = opened.inspector.results.checks.report
    assert report.ok
    assert report.total("spikes") > 0
    brian = opened.content.panels["validate"].brian
    assert brian.message.text().startswith("ok: ")
    brian.table.setCurrentCell(1, 0)
    brian.table.setFocus()
    qtbot.keyClick(brian.table, Qt.Key.Key_Return)
    assert (opened.content.panel, opened.inspector.selection.layer) == ("layers", "if2")


def test_brian2_can_be_cancelled(opened, qtbot):
    needs_brian2()
    opened.show_panel("validate")
    brian = opened.content.panels["validate"].brian
    opened.activateWindow()
    until(opened.isActiveWindow)
    brian.runner.start.setFocus()
    brian.run()
    assert brian.runner.stop.hasFocus()
    opened.inspector.results.checks_changed.emit()  # as where the proof has been replayed meanwhile
    assert brian.empty.message.text() == BUSY
    qtbot.mouseClick(brian.runner.stop, Qt.MouseButton.LeftButton)
    assert not opened.inspector.jobs.running("validate")
    assert brian.runner.start.hasFocus()
    assert brian.empty.message.text().endswith("Click Validate.")
    until(lambda: not any(thread.name == "spikelet-validate" for thread in threading.enumerate()))
