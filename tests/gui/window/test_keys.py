"""Keys work after a field or a list was used; fields accept usual forms; the status line is read and cleared."""

import sys

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from gui_support.driving import drawn, drop, opened_window, until
from spikelet_gui.views.panels.layers.neuron_table import NeuronCard
from spikelet_gui.views.plots.plots import Plot
from spikelet_gui.views.shell.focus import FocusReturn
from spikelet_gui.views.widgets.theme import theme


@pytest.fixture(scope="module")
def shared(qapp, path):
    """One window for all tests; `opened` resets the effects of keys and clicks."""
    with opened_window(path) as window:
        yield window


@pytest.fixture
def opened(shared, rest):
    shared.show_panel("overview")
    root(shared).setFocus()
    shared.activateWindow()
    yield shared
    shared.content.panels["layers"].findChild(NeuronCard).query.clear()
    shared.content.transport.steps.setRange(1, shared.inspector.document.most_steps)
    shared.inspector.set_steps(4)
    shared.inspector.show_index(0)
    rest(shared)


@pytest.fixture
def card(opened):
    opened.show_panel("layers")
    opened.activateWindow()
    return opened.content.panels["layers"].findChild(NeuronCard)


def focus(window):
    return window.focusWidget()


def key(qtbot, window, name):
    """Press a key in the widget that has the focus."""
    qtbot.keyClick(focus(window) or window, name)
    QCoreApplication.processEvents()


def root(window):
    return window.content


@pytest.mark.parametrize("leave", [Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_a_text_field_is_left_by_a_key_and_shortcuts_never_type(opened, card, qtbot, leave):
    qtbot.mouseClick(card.query, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(card.query, "rate > 0")
    assert focus(opened) is card.query
    key(qtbot, opened, Qt.Key.Key_Space)
    assert card.query.text() == "rate > 0 "
    key(qtbot, opened, leave)
    assert focus(opened) is root(opened)
    key(qtbot, opened, Qt.Key.Key_Space)
    assert opened.inspector.cursor.playing
    assert card.query.text() == "rate > 0 "
    key(qtbot, opened, Qt.Key.Key_Space)


@pytest.fixture
def calls():
    """A list that grows with every call of the event filter."""
    counted, code = [], FocusReturn.eventFilter.__code__
    sys.setprofile(lambda frame, event, _: counted.append(1) if event == "call" and frame.f_code is code else None)
    yield counted
    sys.setprofile(None)


def test_events_are_filtered_only_while_a_field_has_the_focus(opened, card, qtbot, calls):
    for panel in ("accuracy", "layers"):
        opened.show_panel(panel)
        with drawn(opened):
            opened.grab()
    assert calls == []
    qtbot.mouseClick(card.query, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(card.query, "x")
    assert calls
    key(qtbot, opened, Qt.Key.Key_Escape)
    assert focus(opened) is root(opened)
    calls.clear()
    with drawn(opened):
        opened.grab()
    key(qtbot, opened, Qt.Key.Key_End)
    assert calls == []


def test_escape_in_a_field_cancels_no_task(opened, card, qtbot):
    cancelled = []
    opened.inspector.jobs.cancelled.connect(cancelled.append)
    qtbot.mouseClick(card.query, Qt.MouseButton.LeftButton)
    key(qtbot, opened, Qt.Key.Key_Escape)
    assert cancelled == []
    assert focus(opened) is root(opened)


def test_a_click_beside_a_field_leaves_it(opened, card, qtbot):
    qtbot.mouseClick(card.query, Qt.MouseButton.LeftButton)
    assert focus(opened) is card.query
    qtbot.mouseClick(opened.content.header, Qt.MouseButton.LeftButton, pos=QPoint(4, 4))
    assert focus(opened) is root(opened)
    qtbot.mouseClick(card.query, Qt.MouseButton.LeftButton)
    assert focus(opened) is card.query, "a click into a field stays there"


@pytest.mark.parametrize("name", ["engine", "speed", "table", "steps"])
def test_letters_in_lists_and_numbers_are_keys_of_the_window(opened, card, qtbot, name):
    widget = card.table if name == "table" else getattr(opened.content.transport, name)
    widget.setFocus()
    assert focus(opened) is not root(opened)
    engine, index, speed = opened.inspector.engine, opened.inspector.index, opened.inspector.cursor.speed
    assert len(opened.inspector.source) > 1
    key(qtbot, opened, Qt.Key.Key_N)
    assert opened.inspector.index == index + 1
    key(qtbot, opened, Qt.Key.Key_P)
    assert opened.inspector.index == index
    assert (opened.inspector.engine, opened.inspector.cursor.speed) == (engine, speed)


def test_space_in_a_number_plays_and_does_not_replace_it(opened, qtbot):
    steps = opened.content.transport.steps
    steps.setFocus()
    steps.selectAll()
    key(qtbot, opened, Qt.Key.Key_Space)
    assert steps.text() == "T = 4"
    assert opened.inspector.cursor.playing
    opened.inspector.cursor.pause()


def test_a_list_that_closes_gives_the_focus_back(opened, qtbot):
    engine = opened.content.transport.engine
    engine.setFocus()
    engine.showPopup()
    until(engine.view().isVisible)
    engine.hidePopup()
    assert QApplication.activePopupWidget() is None
    assert focus(opened) is root(opened)


def test_the_theme_changes_while_a_control_has_the_focus(opened, rest, qtbot):
    """The bars are built again; a control of the same name has the focus then."""
    for name, pressed in (("Dark or light theme", Qt.Key.Key_Space), ("time-step", Qt.Key.Key_T)):
        control = next(widget for widget in opened.findChildren(QWidget) if widget.accessibleName() == name)
        control.setFocus()
        before = theme().name
        modifier = Qt.KeyboardModifier.ControlModifier if pressed == Qt.Key.Key_T else Qt.KeyboardModifier.NoModifier
        qtbot.keyClick(control, pressed, modifier)
        rest(opened)
        assert theme().name != before
        assert focus(opened).accessibleName() == name
        assert not isValid(control)


@pytest.mark.parametrize("name", ["engine", "speed", "steps"])
def test_tab_continues_after_a_field_that_was_left(opened, qtbot, name):
    field = getattr(opened.content.transport, name)
    field.setFocus()
    key(qtbot, opened, Qt.Key.Key_Tab)
    following = focus(opened)
    field.setFocus()
    key(qtbot, opened, Qt.Key.Key_Escape)
    assert focus(opened) is root(opened)
    key(qtbot, opened, Qt.Key.Key_Tab)
    assert focus(opened) is following
    field.setFocus()
    key(qtbot, opened, Qt.Key.Key_Escape)
    opened.content.transport.hide()
    key(qtbot, opened, Qt.Key.Key_Tab)
    opened.content.transport.show()
    assert focus(opened) is opened.content.rail.buttons["overview"], "the field is hidden"


def test_arrow_keys_move_the_threshold_of_early_exit(opened, qtbot):
    plot = next(
        plot for plot in opened.content.panels["overview"].findChildren(Plot) if plot.accessibleName().startswith("mar")
    )
    measured = opened.inspector.measured
    low, high = plot.box.viewRange()[1]
    measured.set_threshold((low + high) / 2)
    plot.setFocus()
    key(qtbot, opened, Qt.Key.Key_Up)
    assert measured.threshold == pytest.approx((low + high) / 2 + (high - low) / 50)
    assert f"Line at {measured.threshold:.3g}"[:11] in plot.accessibleDescription()
    for _ in range(60):
        key(qtbot, opened, Qt.Key.Key_Down)
    assert measured.threshold == low
    opened.inspector.cursor.go(3)
    key(qtbot, opened, Qt.Key.Key_Left)
    assert (measured.threshold, opened.inspector.cursor.time) == (low, 2), "not the direction of the line"


def test_neurons_are_ordered_by_keys(opened, card, rest, qtbot):
    rest(opened)
    selection = opened.inspector.selection
    card.table.setFocus()
    key(qtbot, opened, Qt.Key.Key_S)
    assert (selection.view.order, selection.view.descending) == ("rate", True)
    qtbot.keyClick(card.table, Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert (selection.view.order, selection.view.descending) == ("rate", False)
    while selection.view.order != "neuron":
        key(qtbot, opened, Qt.Key.Key_S)
    assert not selection.view.descending


@pytest.mark.parametrize(("typed", "shown"), [("60", 43), ("999999", 43), ("7", 7), ("0", 1)])
def test_t_over_the_limit_is_the_limit(opened, rest, qtbot, typed, shown):
    opened.inspector.status.emit("")
    steps = opened.content.transport.steps
    steps.setRange(1, 43)
    steps.setFocus()
    steps.selectAll()
    qtbot.keyClicks(steps, typed)
    qtbot.keyClick(steps, Qt.Key.Key_Return)
    QCoreApplication.processEvents()
    assert steps.value() == shown
    rest(opened)
    assert opened.content.transport.message.text().startswith("T is at most ") == (int(typed) > 43), (
        "the reason is stated"
    )
    assert focus(opened) is root(opened)


def test_the_status_line_is_cleared_and_errors_stand_out_and_stay_longer(opened, rest, tmp_path):
    foot = opened.content.transport
    opened.inspector.status.emit("saved")
    assert (foot.message.text(), foot.message.objectName()) == ("saved", "caption")
    foot.read_timer.stop()
    foot.read_timer.timeout.emit()
    assert foot.message.text() == ""
    (tmp_path / "bad.docx").write_text("words")
    drop(opened, tmp_path / "bad.docx")
    rest(opened)
    assert (foot.message.text(), foot.message.objectName()) == ("", "caption"), "no empty box beside the error"
    assert foot.below.objectName() == "error"
    assert foot.below.contentsRect().left() >= 8, "the text does not cover the line on its left"
    assert foot.below.palette().windowText().color().name() == theme().bad
    foot.read_timer.stop()
    foot.read_timer.timeout.emit()
    assert foot.message.text() != ""
    assert foot.message.objectName() == "error"
    assert foot.message.contentsRect().left() >= 8
    assert foot.read_timer.isActive()
    foot.read_timer.stop()
    foot.read_timer.timeout.emit()
    assert (foot.message.text(), foot.message.objectName()) == ("", "caption"), "an error goes as well"
    assert foot.message.contentsRect().left() == 0
    opened.inspector.status.emit("saved")
    assert (foot.message.text(), foot.message.objectName()) == ("saved", "caption")


@pytest.mark.parametrize("name", ["steps", "engine", "speed"])
def test_the_wheel_over_a_control_changes_nothing(opened, name):
    widget = getattr(opened.content.transport, name)
    before = opened.inspector.cursor.steps, opened.inspector.engine, opened.inspector.cursor.speed
    at = QPointF(widget.rect().center())
    no = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False
    event = QWheelEvent(at, widget.mapToGlobal(at), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton, *no)
    QCoreApplication.sendEvent(widget, event)
    assert (opened.inspector.cursor.steps, opened.inspector.engine, opened.inspector.cursor.speed) == before
    assert not event.isAccepted()
