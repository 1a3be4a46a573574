"""The panel Plan: measurement, selection by a limit, and a setting shown in all panels."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from gui_support.driving import at, drop, opened_window
from spikelet.data import arrays
from spikelet.metrics.hardware import find_profile
from spikelet_converters.planning.plan import plan
from spikelet_converters.planning.settings import Setting
from spikelet_gui.models.analysis.planning import COSTS
from spikelet_gui.models.session.settings_view import show_setting
from spikelet_gui.views.shell.app import settle


@pytest.fixture(scope="module")
def first(qapp, rest, path, data):
    """A window after a measurement on the engine that needs no compiler, with what was open and the result."""
    with opened_window(path) as window:
        inspector = window.inspector
        drop(window, data)
        inspector.set_engine("numpy")
        rest(window)
        window.show_panel("plan")
        window.run_panel()
        rest(window)
        yield window, inspector.document, inspector.source, inspector.results.planned


@pytest.fixture
def panel(first, rest):
    """The panel of `first` with its result."""
    window, document, source, planned = first
    inspector = window.inspector
    if inspector.document is not document or inspector.results.planned is not planned:
        inspector.show_document(document)
        inspector.set_engine("numpy")
        inspector.show(source)
        inspector.results.set_planned(planned, source.data.digest)
        rest(window)
    window.show_panel("plan")
    return window.content.panels["plan"]


@pytest.fixture
def opened(panel):
    """The window of the panel."""
    return panel.window()


def test_the_settings_are_those_of_the_command(panel, opened, data):
    bundle, profile = opened.inspector.document.bundle, find_profile("cmos45-int8")
    images = arrays.read(data).with_classes(bundle.manifest.labels, bundle.graph.classes)
    expected = plan(bundle, images, profile=profile, engine="numpy")
    measured = panel.state.planned.plan
    assert [point.setting for point in measured.points] == [point.setting for point in expected.points]
    assert [point.accuracy for point in measured.points] == [point.accuracy for point in expected.points]
    assert [point.energy for point in measured.points] == [point.energy for point in expected.points]
    assert all(point.time > 0 for point in measured.points)
    assert panel.state.chosen == expected.chosen or panel.state.chosen.accuracy == expected.chosen.accuracy
    assert panel.table.table.rowCount() == len(panel.state.front)
    assert "settings on 60 images of images.npz" in panel.setting.message.text()
    head, rows = panel.chart.card.data().head, panel.chart.card.data().rows
    assert len(rows) == len(measured.points)
    assert len(head) == len(rows[0])


def test_the_axis_of_costs_has_a_label(panel):
    axis = panel.chart.plot.getAxis("bottom")
    for cost, text in (("neurons", "neurons"), ("steps", "time-steps of an image (mean)")):
        panel.cost.activated.emit(panel.cost.findData(cost))
        window = panel.window()
        for size in ((1300, 860), (1280, 850)):  # the label stays when the chart is resized
            window.resize(*size)
            settle(window)
            assert axis.label.isVisible()
        assert axis.labelText == text


def test_a_limit_chooses_and_a_setting_can_be_selected(panel, qtbot):
    state, marker = panel.state, panel.chart.marker
    panel.cost.setCurrentIndex(panel.cost.findData("neurons"))
    panel.cost.activated.emit(panel.cost.currentIndex())
    settle(panel.window())
    assert state.cost == "neurons"
    least = min(point.neurons for point in state.planned.plan.points)
    marker.setValue(least + 1.0)
    marker.sigDragged.emit(marker)
    assert state.limit == least + 1.0
    assert {state.chosen.setting.copies, state.selected.setting.copies} == {1}
    assert f"With at most {state.limit:,.4g} neurons, recommended: k = 1" in panel.message.text()
    marker.setValue(1.0)
    marker.sigDragged.emit(marker)
    assert state.chosen is None
    assert "recommended: no setting" in panel.message.text()
    settle(panel.window())
    assert not panel.setting.look.isEnabled()
    panel.table.table.setCurrentCell(0, 0)
    assert state.selected == state.front[0]
    settle(panel.window())
    assert panel.setting.look.isEnabled()
    panel.cost.activated.emit(panel.cost.findData("steps"))
    assert (state.cost, state.limit) == ("steps", None)
    settle(panel.window())
    others = [point for point in state.planned.plan.points if point not in state.front]
    other = max(others, key=lambda point: point.steps)
    plot = panel.chart.plot
    qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=at(plot, other.steps, other.accuracy).toPoint())
    assert (state.selected.steps, state.selected.accuracy) == (other.steps, other.accuracy)
    (row,) = panel.setting.card.data().rows
    assert row in panel.chart.card.data().rows
    assert other.accuracy in row


def test_a_setting_is_looked_into_in_all_panels(panel, opened, rest, qtbot, path, leaky_path):
    inspector = opened.inspector
    inspector.show_index(3)
    rest(opened)
    origin = inspector.document
    point = next(p for p in panel.state.planned.plan.points if p.setting.copies == 4 and p.setting.margin is not None)
    panel.state.select(point)
    measured = panel.state.planned
    qtbot.mouseClick(panel.setting.look, Qt.MouseButton.LeftButton)
    rest(opened)
    assert inspector.document.name == "small-x4"
    assert inspector.document.bundle.graph.neuron("if1").copies == 4
    assert inspector.cursor.steps == point.setting.steps
    assert inspector.measured.threshold == point.setting.margin
    assert inspector.source.name == "images.npz"
    assert inspector.index == 3
    assert inspector.trace.spikes["if1"].shape == (point.setting.steps, 4 * origin.bundle.graph.neurons("if1"))
    assert inspector.settings.bundle == str(path.resolve()), "the next session opens the file, not the network"
    assert panel.state.planned is measured
    assert panel.state.selected == point
    opened.show_panel("layers")
    rest(opened)
    opened.show_panel("plan")
    panel.run()
    rest(opened)
    assert {p.setting.copies for p in panel.state.planned.plan.points} == {1, 2, 4, 8}, (
        "of the file, not of the network"
    )
    show_setting(inspector, Setting(1, 2))
    rest(opened)
    assert inspector.document.bundle.digest == origin.bundle.digest
    assert inspector.cursor.steps == 2
    errors = []
    inspector.failed.connect(errors.append)
    inspector.results.planned = replace(measured, path=leaky_path)
    show_setting(inspector, Setting(1, 4))
    rest(opened)
    assert errors == [f"{leaky_path}: has been changed since its settings were measured; open it again"]
    assert (inspector.document.bundle.digest, inspector.cursor.steps) == (origin.bundle.digest, 2)
    inspector.open(path)
    rest(opened)
    assert panel.state.planned is None
    assert panel.empty.isVisible()


def test_neurons_that_leak_are_planned_without_copies(window, rest, leaky_path, folder):
    window.inspector.open(leaky_path)
    window.inspector.set_engine("numpy")
    rest(window)
    window.show_panel("plan")
    settle(window)
    panel = window.content.panels["plan"]
    assert "Requires images with labels" in panel.empty.message.text()
    panel.run()
    assert (
        window.content.transport.message.toolTip() == "Requires images with labels: open a folder or a file of images."
    )
    shape = window.inspector.document.bundle.graph.input.shape
    rng = np.random.default_rng(0)
    np.savez(folder / "leaky.npz", images=rng.integers(0, 256, (20, *shape), dtype=np.uint8), labels=np.arange(20) % 3)
    drop(window, folder / "leaky.npz")
    rest(window)
    assert "Click Measure settings" in panel.empty.message.text()
    panel.run()
    rest(window)
    assert {point.setting.copies for point in panel.state.planned.plan.points} == {1}
    assert "Not possible: k = 2, k = 4, k = 8: if3: LIF neurons leak" in panel.setting.message.text()
    assert panel.cost.count() == len(COSTS)
