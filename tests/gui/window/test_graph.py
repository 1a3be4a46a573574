"""The drawing of the network: it is readable at once, pans, zooms and searches, and its badges lead to neurons."""

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from gui_support.bundles import bundle_of, plain_graph, residual_graph
from gui_support.driving import drop, hover, opened_window
from spikelet.bundle import write
from spikelet_gui.models.network.blocks import blocks, title
from spikelet_gui.models.network.branches import Branch, branches, trunk
from spikelet_gui.models.network.search import matches
from spikelet_gui.views.panels.layers.neuron_table import NeuronCard
from spikelet_gui.views.plots.network.block import Badge
from spikelet_gui.views.plots.network.form import COMPACT, MIN_SCALE, MIN_WIDTH, READABLE, ROOMY, form_for


@pytest.fixture(scope="module")
def residual(qapp, rest, tmp_path_factory):
    """A window with 19 spiking layers in residual units."""
    path = tmp_path_factory.mktemp("graph") / "residual.snnb"
    write(bundle_of(residual_graph(), "residual"), path)
    with opened_window(path) as window:
        yield window


@pytest.fixture
def card(residual, rest):
    """The network card of the window, reset to the same state before each test."""
    residual.resize(1280, 800)
    residual.show_panel("overview")
    residual.inspector.selection.focus("if1")
    card = residual.content.panels["overview"].network
    card.search.clear()
    card.graph.fit()
    rest(residual)
    return card


def test_shortcuts_are_branches_with_their_own_nodes():
    graph = residual_graph()
    drawn = blocks(graph)
    passing = branches(graph, drawn)
    assert passing[0] == Branch("if1", "stages.0.0.if2", ("stages.0.0.scale",), 0)
    assert [branch.members[0] for branch in passing[3:4]] == ["stages.1.0.shortcut"]
    assert len(passing) == 9
    assert {branch.lane for branch in passing} == {0}, "one ends where the next begins"
    last = next(block for block in drawn if block.name == "stages.1.0.if2")
    assert title(graph, last) == "conv 1×1 · conv 3×3 · add"
    assert title(graph, last, trunk(graph, last, passing)) == "conv 3×3"
    assert title(graph, last, passing[3].members) == "conv 1×1"
    assert branches(plain_graph(), blocks(plain_graph())) == ()


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900)])
def test_all_of_nineteen_layers_are_readable_at_once(residual, card, rest, size):
    residual.resize(*size)
    rest(residual)
    view = card.graph
    assert len(view.items_by_name) == 21
    assert (view.verticalScrollBar().maximum(), view.horizontalScrollBar().maximum()) == (0, 0)
    assert view.transform().m11() >= READABLE
    for name, item in view.items_by_name.items():
        area = view.mapFromScene(item.sceneBoundingRect()).boundingRect()
        assert view.viewport().rect().adjusted(-4, -4, 4, 4).contains(area), name
    assert len(view.branch_items) == 9
    assert {item.text for item in view.branch_items} == {"scale", "conv 1×1"}
    blocks_area = [item.sceneBoundingRect().adjusted(3, 3, -3, -3) for item in view.items_by_name.values()]
    for item in view.branch_items:
        assert not any(item.chip.intersects(area) for area in blocks_area)


@pytest.mark.parametrize(
    ("rows", "form"),
    [(4, ROOMY), (11, ROOMY), (21, COMPACT), (60, COMPACT)],
)
def test_a_block_has_two_lines_where_these_are_readable(rows, form):
    chosen = form_for((370, 560), rows, 1, 68)
    assert chosen.lines == form.lines
    assert chosen.scale >= READABLE
    assert chosen.scale * (68 + chosen.width) <= 370
    assert form_for((370, 560), rows, 9, 0).scale == MIN_SCALE, "many columns scroll"
    assert form_for((370, 560), rows, 1, 0).width > MIN_WIDTH


def wheel(view, point, turn):
    event = QWheelEvent(
        QPointF(point),
        view.mapToGlobal(QPointF(point)),
        QPoint(),
        QPoint(0, turn),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QCoreApplication.sendEvent(view.viewport(), event)


def test_it_zooms_and_pans_with_the_mouse_and_with_keys(residual, card, rest, qtbot):
    view = card.graph
    before, layer = view.transform().m11(), residual.inspector.selection.block
    wheel(view, view.viewport().rect().center(), 120)
    wheel(view, view.viewport().rect().center(), 120)
    assert view.transform().m11() > 1.3 * before
    bar = view.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    start, value = view.viewport().rect().center(), bar.value()
    qtbot.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(view.viewport(), start - QPoint(0, 2 * QApplication.startDragDistance()))
    qtbot.mouseMove(view.viewport(), start - QPoint(0, 60))
    qtbot.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=start - QPoint(0, 60))
    assert bar.value() == value + 60
    assert residual.inspector.selection.block == layer, "dragging selects nothing"
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_0)
    assert view.transform().m11() == pytest.approx(before)
    assert bar.maximum() == 0
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.transform().m11() > before
    qtbot.keyClick(view, Qt.Key.Key_Minus)
    assert view.transform().m11() == pytest.approx(before)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    assert residual.inspector.selection.layer == "stages.0.0.if1"
    qtbot.keyClick(view, Qt.Key.Key_Return)
    assert residual.content.panel == "layers"


def test_a_search_fades_other_blocks_and_enter_visits_the_matches(residual, card, rest, qtbot):
    qtbot.keyClick(residual, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert residual.focusWidget() is card.search
    qtbot.keyClicks(card.search, "stages.1 if2")
    assert card.matches.text() == "3 of 21"
    faded = {name for name, item in card.graph.items_by_name.items() if item.faded}
    assert len(faded) == 18
    assert not residual.inspector.cursor.playing
    selected = []
    for _ in range(4):
        qtbot.keyClick(card.search, Qt.Key.Key_Return)
        selected.append(residual.inspector.selection.layer)
    assert selected == ["stages.1.0.if2", "stages.1.1.if2", "stages.1.2.if2", "stages.1.0.if2"]
    card.search.setText("1×1")
    assert card.matches.text() == "2 of 21", "a shortcut is found by its node"
    card.search.setText("shortcut")
    assert card.matches.text() == "2 of 21"
    qtbot.keyClick(card.search, Qt.Key.Key_Escape)
    assert residual.focusWidget().objectName() == "root"


@pytest.mark.parametrize(
    ("text", "matched"), [("", True), ("IF2", True), ("conv dead", True), ("linear", False), ("conv linear", False)]
)
def test_every_word_of_a_search_must_occur(text, matched):
    assert matches(text, "stages.0.if2", "conv 3×3", "2 dead") is matched


def test_a_badge_lists_its_neurons_and_describes_its_number(opened, rest, data, qtbot):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.data)
    rest(opened)
    card = opened.content.panels["overview"].network
    rates = {rate.layer: rate for rate in opened.inspector.measured.sweep.measured.rates}
    name = next(layer for layer, rate in rates.items() if rate.dead)
    item = card.graph.items_by_name[name]
    assert item.look.badges[0] == Badge(rates[name].dead, "dead")
    area, *_ = item.chips()[0]
    at = card.graph.mapFromScene(item.mapToScene(area.center()))
    text = hover(card.graph.viewport(), at)
    assert text == f"{rates[name].dead:,} dead\nfired for no image\nClick to list these neurons"
    qtbot.mouseClick(card.graph.viewport(), Qt.MouseButton.LeftButton, pos=at)
    selection = opened.inspector.selection
    assert opened.content.panel == "layers"
    assert (selection.layer, selection.view.preset) == (name, "dead")
    assert len(selection.rows) == rates[name].dead
    assert (selection.table().columns["all"][selection.rows] == 0).all()
    assert selection.picked == tuple(selection.rows[:3])
    rest(opened)
    table = opened.content.panels["layers"].findChild(NeuronCard)
    assert (table.preset.currentText(), table.model.rowCount()) == ("dead", rates[name].dead)


def test_the_layer_card_lists_silent_neurons_by_keyboard(opened, rest, qtbot):
    opened.inspector.selection.focus("if2")
    card = opened.content.panels["overview"].layer
    silent = int((opened.inspector.trace.counts("if2", 4) == 0).sum())
    assert card.buttons["silent"].text() == f"{silent:,} silent"
    assert not card.buttons["dead"].isVisible(), "nothing is measured over many images"
    card.buttons["silent"].setFocus()
    qtbot.keyClick(card.buttons["silent"], Qt.Key.Key_Space)
    assert opened.content.panel == "layers"
    assert np.array_equal(opened.inspector.selection.rows, np.flatnonzero(opened.inspector.trace.counts("if2", 4) == 0))
