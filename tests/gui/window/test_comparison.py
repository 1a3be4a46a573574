"""Comparison of a bundle with a second one, and with itself on another engine."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from gui_support.bundles import bundle_of, plain_graph
from gui_support.driving import drop
from spikelet.bundle import write
from spikelet.graph import Graph
from spikelet_gui.views.shell.exporting import tables_of


def test_the_same_bundle_on_two_engines_fires_the_same_spikes(opened, rest):
    opened.show_panel("compare")
    rest(opened)
    panel = opened.content.panels["compare"]
    comparison = panel.comparison
    assert [side.engine for side in comparison.sides] == [opened.inspector.engine, "numpy"]
    assert sum(comparison.differing(layer) for layer in comparison.layers) == 0
    assert panel.message.text().startswith("None of ")
    opened.inspector.cursor.go(2)
    assert [card.raster.time for card in (*panel.rasters, panel.difference)] == [2, 2, 2]


def test_two_bundles_are_compared_and_the_first_divergence_is_shown(opened, rest, tmp_path, data, qtbot):
    other = tmp_path / "other.snnb"
    graph = plain_graph()
    changed = dict(graph.nodes)
    changed["if1"] = replace(graph.nodes["if1"], theta=graph.nodes["if1"].theta + 40)
    write(bundle_of(Graph(changed, graph.edges), "other"), other)
    opened.show_panel("compare")
    rest(opened)
    opened.inspector.results.open_second(other)
    rest(opened)
    panel = opened.content.panels["compare"]
    assert panel.comparison.differing("if1") > 0
    assert panel.comparison.first.divergence.layer == "if1"
    assert "First: layer if1, neuron" in panel.message.text()
    drop(opened, data)
    rest(opened)
    panel.run_survey()
    rest(opened)
    assert panel.survey.images == 60
    assert panel.survey.differing["if1"] > 0
    measured = panel.survey
    card = panel.predictions
    assert [plot.isVisible() for plot in card.plots] == [False, True], "a comparison that was just made is shown"
    shares = measured.accuracy[1]
    assert card.lines[1][1].getOriginalDataset()[1] == pytest.approx(shares)
    opened.inspector.cursor.go(2)
    both = " and ".join(f"{accuracy[1]:.1%}" for accuracy in measured.accuracy.values())
    assert f"t = 2: correct on {both}, equal on {measured.agreement[1]:.1%}" in card.message.text()
    (table,) = tables_of(card)
    assert [row[table.head.index("second_accuracy")] for row in table.rows] == pytest.approx(shares)
    card.basis.pick(0)
    assert [plot.isVisible() for plot in card.plots] == [True, False]
    opened.inspector.set_steps(2)
    rest(opened)
    assert panel.survey is None, "it was computed with another T"
    opened.inspector.set_steps(4)
    panel.sides.second.activated.emit(panel.sides.second.findText("the same bundle"))
    rest(opened)
    assert (panel.survey, panel.comparison.differing("if1")) == (None, 0)
    panel.sides.second.activated.emit(panel.sides.second.findText("other.snnb"))
    rest(opened)
    assert panel.survey is measured, "a second bundle that is chosen again comes with its results"
    divergence = panel.comparison.first.divergence
    qtbot.mouseClick(panel.neuron, Qt.MouseButton.LeftButton)
    inspector, shape = opened.inspector, graph.population(divergence.layer)
    assert (opened.content.panel, inspector.selection.layer, inspector.cursor.time) == (
        "layers",
        "if1",
        divergence.time,
    )
    assert inspector.selection.picked == (int(np.ravel_multi_index(divergence.neuron, shape)),)


def test_engines_of_a_comparison_do_not_depend_on_the_order_of_opening(opened, rest, tmp_path):
    """Two bundles run on the engine of the footer, whether the panel was built before or after the second was opened.

    An engine that was picked stays selected, also with other colours.
    """
    other = tmp_path / "other.snnb"
    write(bundle_of(plain_graph(seed=5), "other"), other)
    results, engine = opened.inspector.results, opened.inspector.engine
    opened.show_panel("compare")
    rest(opened)

    def compared():
        rest(opened)
        sides = opened.content.panels["compare"].sides
        engines = tuple(side.engine for side in results.comparison.sides)
        assert engines == tuple(box.currentText() for box in sides.engines)
        return engines

    assert compared() == (engine, "numpy")
    results.open_second(other)
    assert compared() == (engine, engine)
    results.close_second()
    assert compared() == (engine, "numpy")
    results.open_second(other)
    rest(opened)
    box = opened.content.panels["compare"].sides.engines[1]
    box.setCurrentText("numpy")
    box.textActivated.emit("numpy")
    assert compared() == (engine, "numpy")
    comparison = results.comparison
    opened.set_theme("light")
    assert compared() == (engine, "numpy")
    assert results.comparison is comparison, "not computed again"
    opened.set_theme("dark")


def test_two_architectures_show_comparable_values_and_no_empty_cards(opened, rest, tmp_path):
    """Without a common layer there are no rasters and no differences to draw, but sizes, rates and predictions."""
    graph = plain_graph()
    names = {name: f"other.{name}" for name in graph.spiking}
    nodes = {names.get(name, name): node for name, node in graph.nodes.items()}
    edges = tuple((names.get(first, first), names.get(second, second)) for first, second in graph.edges)
    write(bundle_of(Graph(nodes, edges), "other"), tmp_path / "other.snnb")
    opened.show_panel("compare")
    rest(opened)
    panel = opened.content.panels["compare"]
    cards = (*panel.rasters, panel.difference, panel.layers)
    assert all(card.isVisible() for card in cards)
    opened.inspector.results.open_second(tmp_path / "other.snnb")
    rest(opened)
    assert not panel.comparison.layers
    assert not any(card.isVisible() for card in cards)
    others = panel.networks, panel.depths, panel.predictions, panel.energy
    assert all(card.isVisible() for card in others)
    rows = {name: (first, second) for name, first, second in panel.networks.card.data().rows}
    trace = opened.inspector.trace
    spikes = sum(int(trace.spikes[name].sum()) for name in graph.spiking)
    assert rows["neurons"] == ("336", "336")
    assert rows["spikes to t = 4"] == (f"{spikes:,}",) * 2
    depth, shares = panel.depths.lines[1].getOriginalDataset()
    assert depth.tolist() == [0, 1]
    assert shares.tolist() == pytest.approx([trace.rate(name, 4) for name in graph.spiking])
    opened.inspector.cursor.go(1)
    assert "spikes to t = 1" in dict(row[:2] for row in panel.networks.card.data().rows)
    opened.inspector.results.close_second()
    rest(opened)
    assert all(card.isVisible() for card in cards)
    assert not panel.networks.isVisible()
    assert (panel.predictions.isVisible(), panel.energy.isVisible()) == (True, False)


def test_tabs_of_a_comparison_keep_the_focus(opened, rest, qtbot):
    opened.show_panel("compare")
    rest(opened)
    tabs = opened.content.panels["compare"].tabs
    tabs.setFocus()
    assert opened.inspector.selection.layer == "if1"
    for pressed, layer in ((Qt.Key.Key_Right, "if2"), (Qt.Key.Key_Left, "if1")):
        qtbot.keyClick(opened.focusWidget(), pressed)
        rest(opened)
        assert opened.inspector.selection.layer == layer
        assert opened.focusWidget() is opened.content.panels["compare"].tabs is tabs
    table = opened.content.panels["compare"].layers.table
    table.setFocus()
    table.setCurrentCell(1, 0)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert opened.inspector.selection.layer == "if2"


def test_the_exported_predictions_are_those_of_each_network(opened, rest, tmp_path):
    """The second network can have other and more classes than the first."""
    write(bundle_of(plain_graph(classes=7), "other", tuple("abcdefg")), tmp_path / "other.snnb")
    opened.show_panel("compare")
    opened.inspector.results.open_second(tmp_path / "other.snnb")
    rest(opened)
    panel = opened.content.panels["compare"]
    panel.predictions.go(4)
    *_, first, _, second, _ = panel.predictions.card.data().rows[3]
    assert first in opened.inspector.class_names
    assert second in "abcdefg"
    assert f"<b>{first}</b>" in panel.predictions.message.text()
    assert f"<b>{second}</b>" in panel.predictions.message.text()


def test_two_bundles_with_different_inputs_are_refused_in_a_sentence(opened, rest, grey_path):
    opened.show_panel("compare")
    rest(opened)
    opened.inspector.results.open_second(grey_path)
    rest(opened)
    panel = opened.content.panels["compare"]
    assert not panel.content.isVisible()
    assert panel.empty.message.text() == (
        "The networks take inputs of different shapes, (3, 8, 8) and (1, 8, 8), and cannot be compared on the same "
        "image.\n\n"
        "Choose a second bundle, or another engine for the same one."
    )
    opened.inspector.results.close_second()
    rest(opened)
    assert panel.content.isVisible()


def test_a_cancelled_comparison_leaves_none_of_another_image(opened, rest, qtbot):
    opened.show_panel("compare")
    rest(opened)
    panel = opened.content.panels["compare"]
    assert panel.comparison is not None
    opened.inspector.show_index(1)
    assert opened.inspector.jobs.running("compare")
    opened.inspector.jobs.cancel("compare")
    assert panel.comparison is None
    assert panel.empty.isVisible()
    assert panel.empty.message.text().startswith("Cancelled; press R")
    rest(opened)
    qtbot.keyClick(opened, Qt.Key.Key_R)
    rest(opened)
    assert panel.comparison is not None
    assert opened.inspector.results.comparison_key.input == opened.inspector.source.key(1)
