"""The window, driven as a person would."""

import threading
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLineEdit, QSlider, QSpinBox, QTabBar

from gui_bundles import bundle_of, plain_graph
from spikelet.bundle import write
from spikelet.graph import Graph
from spikelet.gui.models.settings import Settings
from spikelet.gui.views.accuracy import CurveCard
from spikelet.gui.views.app import make_window
from spikelet.gui.views.evidence import MarginCard
from spikelet.gui.views.graph import GraphView
from spikelet.gui.views.input_card import InputCard, PixelView
from spikelet.gui.views.neuron_table import NeuronCard
from spikelet.gui.views.profiles import ProfilePicker
from spikelet.gui.views.raster import Raster
from spikelet.gui.views.window import PANELS
from spikelet.metrics.faults import KINDS


def drop(window, file):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    event = QDropEvent(
        QPointF(200, 200), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(event)


def click_block(qtbot, window, name):
    view = window.panels["overview"].findChild(GraphView)
    item = view.items_by_name[name]
    at = view.mapFromScene(item.mapToScene(item.boundingRect().center()))
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at.x(), at.y()))


def test_it_opens_a_bundle_and_shows_what_it_does(opened):
    assert opened.windowTitle() == "small – spikelet"
    assert "2 spiking layers" in opened.header.facts.text()
    assert opened.header.badge.text().startswith("file is whole")
    assert opened.inspector.trace.steps == 4
    assert opened.stack.currentWidget() is opened.panels["overview"]


def test_a_click_on_a_layer_looks_into_it(opened, qtbot):
    click_block(qtbot, opened, "if2")
    assert opened.inspector.layer == "if2"
    qtbot.keyClick(opened, Qt.Key.Key_Up)
    assert opened.inspector.layer == "if1"
    opened.show_panel("layers")
    raster = opened.panels["layers"].findChild(Raster)
    assert raster._spikes.shape == (4, 256)


def test_neurons_that_are_selected_are_drawn(opened, qtbot):
    opened.show_panel("layers")
    card = opened.panels["layers"].findChild(NeuronCard)
    card.query.setText("rate > 0")
    shown = len(opened.inspector.rows)
    assert 0 < shown < 256
    qtbot.mouseClick(card.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(10, 8))
    first = card.table.rowAt(8)
    assert opened.inspector.picked == (int(opened.inspector.rows[first]),)
    card._sort(1)
    rates = opened.inspector.table().columns["rate"][opened.inspector.rows]
    assert (np.diff(rates) <= 0).all()
    card.query.setText("rate >")
    assert "not understood" in card.error.text()
    assert len(opened.inspector.rows) == 256


def test_keys_move_time(opened, qtbot):
    cursor = opened.inspector.cursor
    qtbot.keyClick(opened, Qt.Key.Key_Home)
    assert cursor.time == 1
    qtbot.keyClick(opened, Qt.Key.Key_Right)
    assert cursor.time == 2
    qtbot.keyClick(opened, Qt.Key.Key_BracketRight)
    qtbot.keyClick(opened, Qt.Key.Key_Space)
    assert cursor.playing
    qtbot.waitUntil(lambda: cursor.time != 2, timeout=5000)
    qtbot.keyClick(opened, Qt.Key.Key_Space)
    assert not cursor.playing


def test_the_raster_moves_the_cursor_and_picks(opened, qtbot):
    opened.show_panel("layers")
    raster = opened.panels["layers"].findChild(Raster)
    area, before = raster.area, opened.inspector.picked
    at = QPoint(int(area.left() + area.width() * 0.6), int(area.top() + area.height() * 0.5))
    qtbot.mouseClick(raster, Qt.MouseButton.LeftButton, pos=at)
    assert opened.inspector.cursor.time == 3
    assert opened.inspector.picked != before


def test_a_picture_that_is_dropped_is_fitted_and_run(opened, rest, tmp_path):
    image = pytest.importorskip("PIL.Image")
    file = tmp_path / "photo.png"
    image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(file)
    drop(opened, file)
    rest(opened)
    card = opened.panels["overview"].findChild(InputCard)
    assert opened.inspector.source.name == "photo.png"
    assert card.note.text() == "60×40 colour → middle 40×40 → resampled to 8×8"
    assert (opened.inspector.trace.image == 200).all()


@pytest.fixture
def clipboard(qapp):
    """Emptied afterwards: what Python put there would outlive the interpreter, and be freed without it."""
    yield QGuiApplication.clipboard()
    QGuiApplication.clipboard().clear()


def test_a_picture_that_is_pasted_is_fitted_and_run(clipboard, opened, rest, qtbot):
    pytest.importorskip("PIL")
    picture = QImage(60, 40, QImage.Format.Format_RGB32)
    picture.fill(QColor(200, 200, 200))
    clipboard.setImage(picture)
    qtbot.keyClick(opened, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    rest(opened)
    card = opened.panels["overview"].findChild(InputCard)
    assert opened.inspector.source.name == "pasted picture.png"
    assert card.note.text() == "60×40 colour → middle 40×40 → resampled to 8×8"
    assert (opened.inspector.trace.image == 200).all()


def test_what_is_pasted_may_be_a_file_or_of_no_use(clipboard, opened, rest, data):
    said = []
    opened.inspector.said.connect(said.append)
    clipboard.setText("only words")
    opened.paste()
    assert said == ["The clipboard holds no picture and no file"]
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(data))])
    clipboard.setMimeData(files)
    opened.paste()
    rest(opened)
    assert len(opened.inspector.source) == 60
    before, picture = opened.inspector.source, QImage(4, 4, QImage.Format.Format_RGB32)
    picture.save = lambda name: False  # as where the disk is full
    opened.inspector.open_pasted(picture)
    rest(opened)
    assert said[-1].startswith("pasted picture.png: could not be kept in ")
    assert opened.inspector.source is before


def test_a_data_set_is_measured_and_can_be_cancelled(opened, rest, data, qtbot):
    drop(opened, data)
    rest(opened)
    opened.show_panel("accuracy")
    card = opened.panels["accuracy"].findChild(CurveCard)
    qtbot.mouseClick(card.runner.start, Qt.MouseButton.LeftButton)
    assert opened.inspector.jobs.running("sweep")
    qtbot.mouseClick(card.runner.stop, Qt.MouseButton.LeftButton)
    assert not opened.inspector.jobs.running("sweep")
    assert not card.runner.stop.isVisible()
    qtbot.keyClick(opened, Qt.Key.Key_R)
    rest(opened)
    assert opened.inspector.sweep.done == 60
    assert "60 images" in card.card.note.toolTip()


def test_a_threshold_that_is_dragged_moves_everything(opened, rest, data, qtbot):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    margin = opened.panels["overview"].findChild(MarginCard)
    margin.threshold.setValue(0.0)
    margin.threshold.sigDragged.emit(margin.threshold)
    assert opened.inspector.threshold == 0
    assert "t = 1" in margin.card.note.toolTip()
    assert opened.inspector.sweep.leaving(0).steps == 1


def test_a_broken_bundle_gets_a_page_that_names_the_member(opened, rest, tmp_path, path):
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"# small")] ^= 1
    broken = tmp_path / "broken.snnb"
    broken.write_bytes(raw)
    drop(opened, broken)
    rest(opened)
    assert opened.stack.currentWidget() is opened.problem
    assert "card.md" in opened.problem.words.text()
    drop(opened, path)
    rest(opened)
    assert opened.stack.currentWidget() is opened.panels["overview"]


def test_one_can_draw_for_one_channel(window, rest, grey_path, qtbot):
    window.inspector.open(grey_path)
    rest(window)
    qtbot.keyClick(window, Qt.Key.Key_D)
    view = window.panels["overview"].findChild(PixelView)
    area = view.area
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=area.topLeft().toPoint() + QPoint(20, 40))
    qtbot.mouseMove(view, area.topLeft().toPoint() + QPoint(120, 40))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=area.topLeft().toPoint() + QPoint(120, 40))
    rest(window)
    assert window.inspector.source.name == "drawing"
    assert window.inspector.trace.image.max() == 255


def test_both_themes_build_every_panel(opened, rest):
    for name in ("light", "dark"):
        opened.set_theme(name)
        for panel in PANELS:
            opened.show_panel(panel)
            rest(opened)
            assert opened.stack.currentWidget() is opened.panels[panel]


def test_every_control_has_a_name_and_can_be_reached(opened):
    kinds = (QAbstractButton, QComboBox, QSlider, QSpinBox, QLineEdit)
    for kind in kinds:
        for widget in opened.findChildren(kind):
            if isinstance(widget.parent(), QSpinBox | QComboBox | QTabBar) or widget.objectName().startswith("qt_"):
                continue
            assert widget.accessibleName(), f"{widget} in {widget.parent()}"
            grouped = isinstance(widget, QAbstractButton) and widget.group() is not None  # arrow keys go through those
            if not isinstance(widget.parent(), QLineEdit) and not grouped:
                assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus, widget.accessibleName()


@pytest.mark.parametrize("panel", ["accuracy", "robustness"])
def test_it_closes_in_the_middle_of_a_run(window, rest, path, data, capfd, panel):
    window.inspector.open(path)
    rest(window)
    drop(window, data)
    rest(window)
    window.show_panel(panel)
    window.panels[panel].run()
    assert window.inspector.jobs.busy
    window.close()
    assert not window.inspector.jobs.busy
    assert not [each for each in window.inspector.jobs._threads if each.is_alive()]
    assert capfd.readouterr().err == ""


def test_the_same_bundle_on_two_engines_fires_the_same_spikes(opened, rest):
    opened.show_panel("compare")
    rest(opened)
    panel = opened.panels["compare"]
    found = panel.comparison
    assert [side.engine for side in found.sides] == [opened.inspector.engine, "numpy"]
    assert sum(found.differing(layer) for layer in found.layers) == 0
    assert panel.words.text().startswith("Not one of ")


def test_two_bundles_are_compared_and_the_first_divergence_is_named(opened, rest, tmp_path, data):
    other = tmp_path / "other.snnb"
    graph = plain_graph()
    changed = dict(graph.nodes)
    changed["if1"] = replace(graph.nodes["if1"], theta=graph.nodes["if1"].theta + 40)
    write(bundle_of(Graph(changed, graph.edges), "other"), other)
    opened.show_panel("compare")
    rest(opened)
    opened.inspector.beside.open(other)
    rest(opened)
    panel = opened.panels["compare"]
    assert panel.comparison.differing("if1") > 0
    assert panel.comparison.first.place.layer == "if1"
    assert "First: layer if1, neuron" in panel.words.text()
    drop(opened, data)
    rest(opened)
    panel.survey()
    rest(opened)
    assert panel.counted.images == 60
    assert panel.counted.differing["if1"] > 0


def test_two_bundles_of_different_inputs_are_refused_in_words(opened, rest, grey_path):
    opened.show_panel("compare")
    rest(opened)
    opened.inspector.beside.open(grey_path)
    rest(opened)
    assert "they cannot see one image" in opened.panels["compare"].words.text()


def test_the_proof_is_replayed(opened, rest):
    opened.show_panel("validate")
    opened.panels["validate"].replay.run()
    rest(opened)
    verified = opened.inspector.beside.checks.verified
    assert set(verified) == set(opened.inspector.document.engines)
    assert all(each.ok for each in verified.values())


def needs_brian2():
    """Found, not imported: with some versions of NumPy only spikelet's own import mends it."""
    if find_spec("brian2") is None:
        pytest.skip("Brian2 is not installed")


def test_brian2_agrees(opened, rest):
    needs_brian2()
    opened.show_panel("validate")
    opened.panels["validate"].brian.run()
    rest(opened, 120)
    report = opened.inspector.beside.checks.report
    assert report.ok
    assert report.total("spikes") > 0
    assert opened.panels["validate"].brian.words.text().startswith("ok: ")


def test_brian2_can_be_cancelled(opened, qtbot):
    needs_brian2()
    opened.show_panel("validate")
    brian = opened.panels["validate"].brian
    opened.activateWindow()
    qtbot.waitUntil(opened.isActiveWindow)
    brian.runner.start.setFocus()
    brian.run()
    assert brian.runner.stop.hasFocus()
    qtbot.mouseClick(brian.runner.stop, Qt.MouseButton.LeftButton)
    assert not opened.inspector.jobs.running("validate")
    assert brian.runner.start.hasFocus()
    assert brian.empty.words.text().endswith("Press Validate.")
    qtbot.waitUntil(lambda: not any(each.name == "spikelet-validate" for each in threading.enumerate()), timeout=30_000)


def test_float_is_held_against_spiking(opened, rest, data):
    opened.show_panel("residuals")
    panel = opened.panels["residuals"]
    assert "It takes images" in panel.empty.words.text()
    drop(opened, data)
    rest(opened)
    assert "4 levels" in panel.empty.words.text()
    panel.run()
    rest(opened)
    assert panel.layer().total == 60 * 256
    assert panel.whole.isVisible()


def test_faults_are_tried_and_can_be_cancelled(opened, rest, data, qtbot):
    opened.show_panel("robustness")
    panel = opened.panels["robustness"]
    assert "It takes images" in panel.empty.words.text()
    drop(opened, data)
    rest(opened)
    panel.devices.setCurrentIndex(panel.devices.findData(1))

    def cancel():
        if len(panel.found.points) == 3:
            assert panel.whole.isVisible()
            qtbot.mouseClick(panel.runner.stop, Qt.MouseButton.LeftButton)

    opened.inspector.beside.stressed.connect(cancel)
    qtbot.mouseClick(panel.runner.start, Qt.MouseButton.LeftButton)
    rest(opened)
    opened.inspector.beside.stressed.disconnect(cancel)
    assert len(panel.found.points) == 3
    assert not opened.inspector.jobs.running("robustness")
    assert "so far" in panel.matrix.card.note.toolTip()
    qtbot.keyClick(opened, Qt.Key.Key_R)
    rest(opened)
    assert "so far" not in panel.matrix.card.note.toolTip()
    assert panel.found.images == 50


def test_a_fault_that_is_chosen_is_drawn_at_the_cursor(opened, rest, data, qtbot, tmp_path):
    opened.show_panel("robustness")
    panel = opened.panels["robustness"]
    drop(opened, data)
    rest(opened)
    panel.devices.setCurrentIndex(panel.devices.findData(1))
    panel.run()
    rest(opened)
    table = panel.matrix.table
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.keyClick(table, Qt.Key.Key_Down)
    kind = list(KINDS)[2]
    assert panel.kind == kind
    opened.inspector.cursor.go(1)
    point = next(each for each in panel.found.points if each.fault.kind == kind)
    assert f"{point.accuracy[0]:.1%}\n{point.low[0]:.1%} – {point.high[0]:.1%}" in table.item(2, 1).text()
    opened.exporter.write(tmp_path / "faults.csv")
    lines = (tmp_path / "faults.csv").read_text().splitlines()
    assert lines[0] == "fault,level,time_step,accuracy,low_95,high_95"
    assert len(lines) == 1 + 29 * 4


def test_a_network_that_leaks_says_why_it_has_no_float_form(window, rest, leaky_path):
    window.inspector.open(leaky_path)
    rest(window)
    window.show_panel("residuals")
    assert "if3 leaks" in window.panels["residuals"].empty.words.text()
    assert not window.panels["residuals"].run_button.isVisible()


@pytest.mark.parametrize("panel", list(PANELS))
def test_every_panel_is_exported(opened, rest, tmp_path, panel, data):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    opened.show_panel(panel)
    prepare = getattr(opened.panels[panel], "prepare" if panel != "validate" else "none", None)
    if prepare is not None:
        prepare()
    rest(opened)
    for suffix in ("png", "svg"):
        opened.exporter.write(tmp_path / f"a.{suffix}")
        assert (tmp_path / f"a.{suffix}").stat().st_size > 5000
    if panel != "validate":
        opened.exporter.write(tmp_path / "a.csv")
        assert list(tmp_path.glob("a*.csv"))


@pytest.mark.parametrize("panel", ["validate", "residuals", "robustness"])
def test_numbers_that_are_not_there_yet_are_said_to_be_missing(opened, rest, panel, monkeypatch):
    """No file dialog is shown for nothing."""
    said = []
    opened.inspector.said.connect(said.append)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: pytest.fail("asked where to"))
    opened.show_panel(panel)
    rest(opened)
    opened.exporter.ask("csv")
    assert said == ["there are no numbers here to write yet: run the panel first (R)"]


def test_the_proof_is_exported(opened, rest, tmp_path):
    opened.show_panel("validate")
    opened.panels["validate"].replay.run()
    rest(opened)
    opened.exporter.write(tmp_path / "proof.csv")
    lines = (tmp_path / "proof.csv").read_text().splitlines()
    assert lines[0] == "engine,images,steps,spikes,differing_spikes,differing_logits"
    assert [line.partition(",")[0] for line in lines[1:]] == list(opened.inspector.document.engines)


def test_the_report_is_written(opened, rest, tmp_path, data):
    said = []
    opened.inspector.said.connect(said.append)
    opened.exporter.write(tmp_path / "report.html")
    assert said == ["the report holds what was measured: run the images in the Accuracy panel first"]
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    opened.show_panel("robustness")
    panel = opened.panels["robustness"]
    panel.devices.setCurrentIndex(panel.devices.findData(1))
    panel.run()
    rest(opened)
    opened.exporter.write(tmp_path / "report.html")
    rest(opened)
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert "Neurons that never fire" in page


def test_energy_follows_the_profile(opened, rest, data, tmp_path):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    opened.show_panel("energy")
    rest(opened)
    panel = opened.panels["energy"]
    first = panel.found.estimate
    opened.inspector.set_profile("loihi")
    rest(opened)
    assert panel.found.estimate.profile.name == "loihi"
    assert panel.found.estimate.levels != first.levels
    opened.inspector.set_profile("speck")
    rest(opened)
    assert panel.found is None
    mine = tmp_path / "mine.toml"
    mine.write_text('name = "mine"\ntitle = "Mine"\n[figures.ac]\nvalue = 1\nunit = "pJ"\nsource = "a test, 2026"\n')
    panel.findChild(ProfilePicker).add(mine)
    rest(opened)
    assert panel.found.estimate.profile.name == "mine"


def test_the_session_comes_back(qtbot, rest, path):
    settings = Settings(theme="light")
    first = make_window(settings)
    first.show()
    first.inspector.open(path)
    rest(first)
    first.show_panel("layers")
    first.inspector.focus("if2")
    first.inspector.set_steps(5)
    first.inspector.show_index(2)
    rest(first)
    first.close()
    second = make_window(replace(settings))
    second.show()
    second.inspector.open_first()
    rest(second)
    assert second.inspector.document.path.samefile(path)
    assert (second.panel, second.inspector.layer, second.inspector.cursor.steps) == ("layers", "if2", 5)
    assert second.inspector.index == 2
    assert second.header.menu is not None
    second.header._fill()
    assert path.name in second.header.menu.actions()[0].text()
    second.close()
