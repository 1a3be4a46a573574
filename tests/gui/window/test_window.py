"""The window, operated as by a user: a bundle, its layers and neurons, time, and the session."""

import shutil
from threading import Event

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetricsF
from PySide6.QtWidgets import QDialog, QLabel, QPushButton

from gui_support.cutting import wrong
from gui_support.driving import click_block, draw, drop, opened_window, until
from spikelet_gui.models.activity.table import NeuronTable
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.panels.layers.neuron_table import NeuronCard
from spikelet_gui.views.plots.raster import Raster
from spikelet_gui.views.shell.app import settle
from spikelet_gui.views.shell.shortcuts import KEYS
from spikelet_gui.views.widgets.theme import theme


@pytest.fixture(scope="module")
def common(qapp, path):
    with opened_window(path) as window:
        yield window


@pytest.fixture
def opened(common, path):
    """The window of all tests of this module, with its bundle at the first panel and layer and the last time-step."""
    inspector = common.inspector
    if inspector.document is None or inspector.document.path != path:
        inspector.open(path)
        settle(common)
    common.show_panel("overview")
    inspector.selection.focus("if1")
    inspector.cursor.pause()
    inspector.set_steps(4)
    inspector.cursor.go(4)
    common.activateWindow()  # a dialog of another test had the focus
    until(common.isActiveWindow)
    settle(common)
    return common


def test_it_opens_a_bundle_and_shows_what_it_does(opened):
    assert opened.windowTitle() == "small – spikelet"
    assert "2 spiking layers" in opened.content.header.facts.text()
    assert opened.content.header.badge.text().startswith("Integrity OK")
    assert opened.inspector.trace.steps == 4
    assert opened.content.panels["overview"].isVisible()


def test_a_click_on_a_layer_looks_into_it(opened, qtbot):
    click_block(qtbot, opened, "if2")
    assert opened.inspector.selection.layer == "if2"
    qtbot.keyClick(opened, Qt.Key.Key_Up)
    assert opened.inspector.selection.layer == "if1"
    opened.show_panel("layers")
    settle(opened)
    raster = opened.content.panels["layers"].findChild(Raster)
    assert raster.spikes.shape == (4, 256)


def test_neurons_that_are_selected_are_drawn(opened, qtbot):
    opened.show_panel("layers")
    settle(opened)
    card = opened.content.panels["layers"].findChild(NeuronCard)
    card.query.setText("rate > 0")
    shown = len(opened.inspector.selection.rows)
    assert 0 < shown < 256
    qtbot.mouseClick(card.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(10, 8))
    first = card.table.rowAt(8)
    assert opened.inspector.selection.picked == (int(opened.inspector.selection.rows[first]),)
    header = card.table.horizontalHeader()
    middle = header.sectionViewportPosition(1) + header.sectionSize(1) // 2
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(middle, header.height() // 2))
    rates = opened.inspector.selection.table().columns["rate"][opened.inspector.selection.rows]
    assert (np.diff(rates) <= 0).all()
    card.query.setText("rate >")
    assert "is not a condition" in card.error.text()
    assert len(opened.inspector.selection.rows) == 256


@pytest.mark.parametrize("text", ["first and last 52.0%", "0,31,10 of the layer", "-1,234.5 in all"])
def test_columns_of_the_neuron_table_are_as_wide_as_their_texts(opened, monkeypatch, text):
    """Also where the last pixel of a text is a part of one."""
    opened.show_panel("layers")
    table = opened.content.panels["layers"].findChild(NeuronCard).table
    monkeypatch.setattr(NeuronTable, "widest", lambda self, column: text)
    table.measure()
    table.resize(table.minimumSizeHint())
    needed = QFontMetricsF(table.font()).horizontalAdvance(text) + table.PADDING
    assert min(table.columnWidth(column) for column in range(table.model().columnCount())) >= needed


def test_keys_move_time(opened, qtbot):
    cursor = opened.inspector.cursor
    qtbot.keyClick(opened, Qt.Key.Key_Home)
    assert cursor.time == 1
    qtbot.keyClick(opened, Qt.Key.Key_Right)
    assert cursor.time == 2
    qtbot.keyClick(opened, Qt.Key.Key_BracketRight)
    qtbot.keyClick(opened, Qt.Key.Key_Space)
    assert cursor.playing
    assert opened.content.transport.timer.interval() == round(1000 / cursor.speed)
    until(lambda: cursor.time != 2)
    qtbot.keyClick(opened, Qt.Key.Key_Space)
    assert not cursor.playing


def test_a_key_lists_all_keys(opened, qtbot):
    qtbot.keyClicks(opened, "?")
    dialog = opened.findChild(QDialog)
    until(dialog.isVisible)
    texts = [label.text() for label in dialog.findChildren(QLabel)]
    assert all(key in texts and effect in texts for _, keys in KEYS for key, effect in keys)
    assert all(button.icon().isNull() for button in dialog.findChildren(QPushButton)), "dark icons of the platform"
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_keys_change_panel_and_colours(opened, qtbot):
    """All panels are built in the light theme by `tests/gui/test_cli.py`."""
    for index, name in enumerate(PANELS):
        qtbot.keyClick(opened, Qt.Key(Qt.Key.Key_1 + index), Qt.KeyboardModifier.ControlModifier)
        settle(opened)
        assert opened.content.panels[name].isVisible()
    for look in ("light", "dark"):
        qtbot.keyClick(opened, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
        settle(opened)
        assert theme().name == look
        assert opened.content.panel == name
        assert opened.content.panels[name].isVisible()


def test_the_raster_moves_the_cursor_and_picks(opened, qtbot):
    opened.show_panel("layers")
    settle(opened)
    raster = opened.content.panels["layers"].findChild(Raster)
    area, before = raster.area, opened.inspector.selection.picked
    at = QPoint(int(area.left() + area.width() * 0.6), int(area.top() + area.height() * 0.5))
    qtbot.mouseClick(raster, Qt.MouseButton.LeftButton, pos=at)
    assert opened.inspector.cursor.time == 3
    assert opened.inspector.selection.picked != before


def test_an_invalid_bundle_has_a_page_that_names_the_member(opened, rest, tmp_path, path):
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"# small")] ^= 1
    broken = tmp_path / "broken.snnb"
    broken.write_bytes(raw)
    drop(opened, broken)
    rest(opened)
    assert opened.content.stack.currentWidget() is opened.content.problem
    assert "card.md" in opened.content.problem.message.text()
    assert opened.content.problem.grid.count() == 3 * 5
    assert not any(control.isEnabled() for control in opened.content.transport.controls)
    assert opened.content.transport.steps.value() == opened.inspector.cursor.steps
    assert not opened.content.header.export.isEnabled()
    assert opened.content.problem.back.text() == f"Back to {path.name}"
    opened.content.problem.back.click()
    rest(opened)
    assert opened.content.panels["overview"].isVisible()


def test_an_invalid_bundle_leaves_the_open_one_with_its_task_and_results(opened, rest, tmp_path, path, qtbot):
    """Also if the invalid file has replaced that of the open bundle."""
    inspector, end = opened.inspector, Event()
    drop(opened, shutil.copy(path, tmp_path))
    rest(opened)
    document, trace, sweep = inspector.document, inspector.trace, inspector.measured.sweep
    results = []
    inspector.jobs.start("plan", lambda _: end.wait(), results.append, inspector.failed.emit)
    for name in ("broken.snnb", path.name):
        (tmp_path / name).write_bytes(b"none")
        drop(opened, tmp_path / name)
        until(lambda: inspector.problem is not None)
        assert opened.content.stack.currentWidget() is opened.content.problem
        qtbot.keyClick(opened, Qt.Key.Key_N)  # keys of the hidden panels
        assert inspector.index == 0
        opened.show_panel("overview")
        assert opened.content.stack.currentWidget() is opened.content.pages["overview"]
    end.set()
    rest(opened)
    assert results == [True]
    assert (inspector.document, inspector.trace, inspector.measured.sweep) == (document, trace, sweep)


def test_pages_without_a_bundle_are_not_cut_and_show_that_one_is_being_opened(window, rest, path, tmp_path, qtbot):
    for size in ((960, 600), (1280, 800)):
        window.resize(*size)
        rest(window)
        draw(window, window.content.welcome)
        assert wrong(window.content.welcome) == []
    assert window.content.welcome.title.text() == "Open a bundle"
    window.inspector.open(path)
    assert window.content.welcome.title.text() == "Opening…"
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert window.content.transport.message.text() == "Cancelled: opening"
    window.inspector.open(path)
    assert window.content.transport.stop.isEnabled()
    until(lambda: window.inspector.document is not None)
    assert window.content.stack.currentWidget() is window.content.welcome, "until the first panel is built"
    assert window.content.welcome.title.isHidden()
    rest(window)
    (tmp_path / "empty.snnb").write_bytes(b"")
    window.inspector.open(tmp_path / "empty.snnb")
    rest(window)
    draw(window, window.content.problem)
    assert window.content.problem.isVisible()
    assert window.content.problem.grid.count() == 0, "no member was checked"
    assert wrong(window.content.problem) == []


def test_another_theme_keeps_what_is_selected_in_the_panels(opened, rest):
    def pages():
        return [opened.content.panels[name].pages.currentIndex() for name in ("layers", "accuracy")]

    for name in ("layers", "accuracy"):
        opened.show_panel(name)
        rest(opened)
        opened.content.panels[name].choice.pick(1)
    assert pages() == [1, 1]
    opened.toggle_theme()
    rest(opened)
    assert pages() == [1, 1]
    opened.content.panels["layers"].choice.pick(0)
    opened.toggle_theme()
    rest(opened)
    assert pages() == [0, 1]
