"""Panels that run many images: accuracy, early exit, energy, float against spiking, faults."""

import threading
from dataclasses import replace

import pyqtgraph as pg
import pytest
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtWidgets import QPushButton

from gui_support.driving import drop
from spikelet.metrics.faults import KINDS
from spikelet_gui.models.analysis import robustness as models
from spikelet_gui.views.choosers.data_dialog import DataDialog
from spikelet_gui.views.choosers.open_images import OpenImages
from spikelet_gui.views.choosers.profiles import ProfilePicker
from spikelet_gui.views.panels.accuracy.panel import CurveCard
from spikelet_gui.views.panels.residuals.cards import LARGEST
from spikelet_gui.views.plots.evidence import MarginCard
from spikelet_gui.views.shell.app import settle


def test_a_data_set_is_measured_and_can_be_cancelled(opened, rest, data, qtbot):
    drop(opened, data)
    rest(opened)
    opened.show_panel("accuracy")
    rest(opened)
    card = opened.content.panels["accuracy"].findChild(CurveCard)
    qtbot.mouseClick(card.runner.start, Qt.MouseButton.LeftButton)
    assert opened.inspector.jobs.running("sweep")
    exits = opened.content.panels["accuracy"].exits
    assert exits.empty.message.text().startswith("Measuring")
    qtbot.mouseClick(card.runner.stop, Qt.MouseButton.LeftButton)
    assert exits.empty.message.text().startswith("Not measured yet")
    assert not opened.inspector.jobs.running("sweep")
    assert not card.runner.stop.isVisible()
    assert opened.content.transport.message.toolTip() == "Cancelled: measuring accuracy"
    qtbot.keyClick(opened, Qt.Key.Key_R)
    rest(opened)
    assert opened.inspector.measured.sweep.done == 60
    assert "60 images" in card.card.note.toolTip()


def test_a_panel_that_lacks_images_opens_them_and_then_measures(opened, rest, data, qtbot):
    for name in ("energy", "plan", "robustness"):
        opened.show_panel(name)
        rest(opened)
        panel = opened.content.panels[name]
        images = panel.findChild(OpenImages)
        assert panel.empty.message.text().startswith("Requires ")
        assert images.open.isVisible(), name
        qtbot.mouseClick(images.open, Qt.MouseButton.LeftButton)
        (dialog,) = images.findChildren(DataDialog)
        dialog.reject()
    energy = opened.content.panels["energy"]
    opened.show_panel("energy")
    rest(opened)
    assert not energy.runner.isVisible()
    drop(opened, data)
    rest(opened)
    assert (energy.runner.isVisible(), energy.findChild(OpenImages).open.isVisible()) == (True, False)
    qtbot.mouseClick(energy.runner.start, Qt.MouseButton.LeftButton)
    rest(opened)
    assert opened.inspector.measured.sweep.done == 60
    assert energy.content.isVisible()


def test_the_interval_of_a_single_time_step_is_drawn(opened, rest, data):
    opened.inspector.set_steps(1)
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    opened.show_panel("accuracy")
    rest(opened)
    (point,) = opened.inspector.measured.sweep.accuracy
    curves = [
        item
        for item in opened.content.panels["accuracy"].curve.plot.plotItem.items
        if isinstance(item, pg.PlotDataItem)
    ]
    drawn = [[list(values) for values in item.getOriginalDataset()] for item in curves if item.opts["pen"].widthF() > 3]
    assert drawn == [[[1, 1], [point["low"], point["high"]]]]


def test_a_threshold_that_is_dragged_moves_everything(opened, rest, data, qtbot):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    margin = opened.content.panels["overview"].findChild(MarginCard)
    margin.threshold.setValue(0.0)
    margin.threshold.sigDragged.emit(margin.threshold)
    assert opened.inspector.measured.threshold == 0
    assert "t = 1" in margin.card.note.toolTip()
    assert opened.inspector.measured.sweep.at_exit(0).steps == 1


def test_energy_follows_the_profile(opened, rest, data, tmp_path):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    opened.show_panel("energy")
    rest(opened)
    panel = opened.content.panels["energy"]
    first = panel.state.costs.estimate
    opened.inspector.set_profile("loihi")
    rest(opened)
    assert panel.state.costs.estimate.profile.name == "loihi"
    assert panel.state.costs.estimate.levels != first.levels
    opened.inspector.set_profile("speck")
    rest(opened)
    assert panel.state.costs is None
    mine = tmp_path / "mine.toml"
    mine.write_text('name = "mine"\ntitle = "Mine"\n[figures.ac]\nvalue = 1\nunit = "pJ"\nsource = "a test, 2026"\n')
    panel.findChild(ProfilePicker).add(mine)
    rest(opened)
    assert panel.state.costs.estimate.profile.name == "mine"


def test_float_and_spiking_are_compared(opened, rest, data):
    opened.show_panel("residuals")
    settle(opened)
    panel = opened.content.panels["residuals"]
    assert "Requires images" in panel.empty.message.text()
    drop(opened, data)
    rest(opened)
    assert "4-level quantised activation" in panel.empty.message.text()
    panel.run()
    rest(opened)
    assert panel.state.layer().total == 60 * 256
    assert panel.content.isVisible()
    for size in ((800, 600), (1440, 900)):
        opened.resize(*size)
        rest(opened)
        plot = panel.scatter.plot
        inside = plot.box.sceneBoundingRect()
        for share in (0, 1):
            at_scene = plot.box.mapViewToScene(QPointF(share, share))
            dot = QRectF(at_scene - QPointF(LARGEST, LARGEST) / 2, QSizeF(LARGEST, LARGEST))
            assert inside.contains(dot), f"the largest dot at {share:.0%}, in a window of {size}"


def test_a_leaky_network_shows_why_it_has_no_float_form(window, rest, leaky_path):
    window.inspector.open(leaky_path)
    rest(window)
    window.show_panel("residuals")
    settle(window)
    assert "if3 is leaky" in window.content.panels["residuals"].empty.message.text()
    assert not window.content.panels["residuals"].runner.isVisible()


def test_faults_are_tried_and_can_be_cancelled(opened, rest, data, qtbot, monkeypatch):
    opened.show_panel("robustness")
    settle(opened)
    panel = opened.content.panels["robustness"]
    assert "Requires images" in panel.empty.message.text()
    drop(opened, data)
    rest(opened)
    panel.devices.setCurrentIndex(panel.devices.findData(1))

    shown, whole = threading.Semaphore(0), models.robustness

    def stepwise(bundle, part, steps, engine, seeds, progress, partial):
        """Let the measurement continue only after its partial result was shown, so that the window shows every part."""

        def handed(result):
            partial(result)
            while not shown.acquire(timeout=0.01):  # partial results after the click are never shown
                progress.check()

        return whole(bundle, part, steps, engine, seeds, progress, handed)

    def cancel():
        shown.release()
        if len(panel.state.measured.points) >= 3 and opened.inspector.jobs.running("robustness"):
            assert panel.content.isVisible()
            qtbot.mouseClick(panel.runner.stop, Qt.MouseButton.LeftButton)

    monkeypatch.setattr(models, "robustness", stepwise)
    opened.inspector.results.robustness_changed.connect(cancel)
    qtbot.mouseClick(panel.runner.start, Qt.MouseButton.LeftButton)
    rest(opened)
    opened.inspector.results.robustness_changed.disconnect(cancel)
    monkeypatch.undo()
    assert len(panel.state.measured.points) == 3
    assert not opened.inspector.jobs.running("robustness")
    assert "so far" in panel.matrix.card.note.toolTip()
    qtbot.keyClick(opened, Qt.Key.Key_R)
    rest(opened)
    assert "so far" not in panel.matrix.card.note.toolTip()
    assert panel.state.measured.images == 50


def test_a_fault_that_is_chosen_is_drawn_at_the_cursor(opened, rest, data, qtbot, tmp_path):
    opened.show_panel("robustness")
    settle(opened)
    panel = opened.content.panels["robustness"]
    drop(opened, data)
    rest(opened)
    panel.devices.setCurrentIndex(panel.devices.findData(1))
    panel.run()
    rest(opened)
    table = panel.matrix.table
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    kind = list(KINDS)[2]
    assert panel.state.kind == kind
    opened.inspector.cursor.go(1)
    settle(opened)
    point = next(point for point in panel.state.measured.points if point.fault.kind == kind)
    assert f"{point.accuracy[0]:.1%}\n{point.low[0]:.1%} – {point.high[0]:.1%}" in table.item(2, 1).text()
    opened.exporter.write(tmp_path / "faults.csv")
    lines = (tmp_path / "faults.csv").read_text().splitlines()
    assert lines[0] == "fault,level,time_step,accuracy,low_95,high_95"
    assert len(lines) == 1 + 29 * 4
    measured = panel.state.measured
    unlabelled = replace(measured, measure="agreement", fault_free=replace(measured.fault_free, by_seed=()))
    opened.inspector.results.set_robustness(unlabelled, "")
    settle(opened)
    for chart in (panel.levels, panel.steps):
        assert chart.plot.getAxis("left").labelText == "agreement"


@pytest.mark.parametrize("name", ["accuracy", "plan", "residuals", "robustness", "compare", "validate"])
def test_a_task_is_cancelled_in_its_panel(opened, rest, data, name, qtbot):
    drop(opened, data)
    opened.show_panel(name)
    rest(opened)
    panel = opened.content.panels[name]
    {"compare": lambda: panel.run_survey(), "validate": lambda: panel.replay.run()}.get(name, panel.run)()
    assert opened.inspector.jobs.busy
    (cancel,) = (
        control for control in panel.findChildren(QPushButton) if control.text() == "Cancel" and control.isVisible()
    )
    qtbot.mouseClick(cancel, Qt.MouseButton.LeftButton)
    assert not opened.inspector.jobs.busy
    assert not cancel.isVisible()
