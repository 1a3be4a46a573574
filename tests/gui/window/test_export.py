"""Export of panels and cards as PNG, SVG and CSV, and of the report."""

from threading import Event

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QToolButton

from gui_support.driving import drawn, drop, opened_window, prepare_all, until
from spikelet_gui.models.activity.table import View
from spikelet_gui.models.analysis import reporting
from spikelet_gui.models.export import tab_separated
from spikelet_gui.views.panels.catalogue import PANELS
from spikelet_gui.views.panels.layers.feature_maps import MapCard
from spikelet_gui.views.plots.evidence import MarginCard
from spikelet_gui.views.plots.prediction import PredictionCard


@pytest.fixture(scope="module")
def filled(qapp, rest, path, data):
    """A window with results in every panel, in which the proof is replayed."""
    with opened_window(path) as window:
        drop(window, data)
        rest(window)
        window.inspector.run_sweep(window.inspector.source.data)
        rest(window)
        prepare_all(window)
        with drawn(window):
            yield window


@pytest.fixture
def unmeasured(opened):
    """A window with a bundle, without results of the tasks of panels."""
    with drawn(opened):
        yield opened


@pytest.fixture
def messages(unmeasured):
    """Errors that the window `unmeasured` shows during a test."""
    texts = []
    unmeasured.inspector.failed.connect(texts.append)
    yield texts
    unmeasured.inspector.failed.disconnect(texts.append)


@pytest.mark.parametrize("panel", list(PANELS))
def test_every_panel_is_exported(filled, rest, tmp_path, panel):
    filled.show_panel(panel)
    rest(filled)
    assert filled.content.panels[panel].isVisible()
    for suffix in ("png", "svg"):
        filled.exporter.write(tmp_path / f"a.{suffix}")
        assert (tmp_path / f"a.{suffix}").stat().st_size > 5000
    filled.exporter.write(tmp_path / "a.csv")
    assert list(tmp_path.glob("a*.csv"))


@pytest.mark.parametrize("panel", ["validate", "residuals", "robustness"])
def test_missing_numbers_are_reported(unmeasured, messages, rest, panel, monkeypatch):
    """No file dialog is shown if there is nothing to export."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: pytest.fail("asked where to"))
    unmeasured.show_panel(panel)
    rest(unmeasured)
    unmeasured.exporter.ask("csv")
    assert messages == ["no data to save yet: run the panel first (R)"]


def test_a_table_without_rows_is_named(filled, rest, monkeypatch):
    messages = []
    filled.inspector.failed.connect(messages.append)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: pytest.fail("asked where to"))
    filled.show_panel("compare")
    rest(filled)
    filled.exporter.ask("csv", filled.content.panels["compare"].difference.card)
    filled.inspector.failed.disconnect(messages.append)
    assert messages == ["nothing to save: difference-if1 without rows"]


def test_the_proof_is_exported(opened, rest, tmp_path):
    opened.show_panel("validate")
    opened.content.panels["validate"].replay.run()
    rest(opened)
    opened.exporter.write(tmp_path / "proof.csv")
    lines = (tmp_path / "proof.csv").read_text().splitlines()
    assert lines[0] == "engine,images,steps,spikes,differing_spikes,differing_logits"
    engines = [line.partition(",")[0] for line in lines[1:]]
    assert engines == [*opened.inspector.document.engines, "step.onnx"]


def test_the_report_is_written(opened, rest, tmp_path, data):
    messages = []
    opened.inspector.failed.connect(messages.append)
    opened.exporter.write(tmp_path / "report.html")
    assert messages == ["the report requires a measurement: run the images in the Accuracy panel first"]
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    opened.show_panel("robustness")
    panel = opened.content.panels["robustness"]
    panel.devices.setCurrentIndex(panel.devices.findData(1))
    panel.run()
    rest(opened)
    opened.exporter.write(tmp_path / "report.html")
    rest(opened)
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert "Neurons that never fire" in page


def test_a_report_is_written_while_another_bundle_is_opened(opened, rest, tmp_path, data, leaky_path, monkeypatch):
    drop(opened, data)
    rest(opened)
    opened.inspector.run_sweep(opened.inspector.source.data)
    rest(opened)
    name, end = opened.inspector.document.name, Event()
    verify = reporting.verify

    def verify_later(bundle, engine):
        end.wait()
        return verify(bundle, engine)

    monkeypatch.setattr(reporting, "verify", verify_later)
    opened.exporter.write(tmp_path / "report.html")
    opened.inspector.open(leaky_path)
    until(lambda: opened.inspector.document.path == leaky_path)
    end.set()
    rest(opened)
    assert f"<title>{name}" in (tmp_path / "report.html").read_text()


def test_pictures_and_data_are_copied(filled, rest, qtbot):
    clipboard, messages = QApplication.clipboard(), []
    filled.inspector.status.connect(messages.append)
    filled.show_panel("accuracy")
    filled.activateWindow()
    until(filled.isActiveWindow)
    rest(filled)
    qtbot.keyClick(filled, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert clipboard.image().size() == filled.content.panels["accuracy"].size()
    card = filled.content.panels["accuracy"].curve.card
    more = card.findChild(QToolButton, "flat")
    entry = {action.text(): action for action in more.menu().actions()}
    entry["Copy data"].trigger()
    lines = [line.split("\t") for line in clipboard.text().splitlines()]
    assert lines[0] == ["time_steps", "accuracy", "low_95", "high_95"]
    assert [line[0] for line in lines[1:]] == ["1", "2", "3", "4"]
    entry["Copy image"].trigger()
    assert clipboard.image().size() == card.size()
    assert messages == ["Copied: accuracy, as an image", "Copied: Accuracy, 4 rows", "Copied: Accuracy, as an image"]


def test_selected_rows_are_copied_with_their_headings(filled, rest, qtbot):
    filled.show_panel("layers")
    rest(filled)
    table = filled.content.panels["layers"].neurons.table
    filled.inspector.selection.pick((5,))
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    head, row = (line.split("\t") for line in QApplication.clipboard().text().splitlines())
    assert head[0].startswith("neuron")
    assert row == [table.model().index(5, column).data() for column in range(len(head))]
    results = filled.content.panels["compare"].layers.table
    filled.show_panel("compare")
    rest(filled)
    results.selectRow(1)
    qtbot.keyClick(results, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    head, row = (line.split("\t") for line in QApplication.clipboard().text().splitlines())
    assert (head[0], row[0]) == ("layer", "if2")


def test_the_data_of_the_feature_maps_are_those_that_are_shown(filled, rest):
    """The counts up to the time cursor or the spikes at it, of the neurons that match the filter."""
    filled.show_panel("layers")
    inspector, card = filled.inspector, filled.content.panels["layers"].findChild(MapCard)
    inspector.selection.set_view(View(query="channel = 1"))
    rest(filled)
    spikes = inspector.trace.spikes[inspector.selection.layer]
    try:
        for mode, values in ((0, spikes[:3].sum(axis=0)), (1, spikes[2])):
            card.mode.pick(mode)
            inspector.cursor.go(3)
            table = card.card.data()
            assert table.name == f"{('counts', 'step-3')[mode]}-if1"
            assert table.rows == [[n, values[n]] for n in range(64, 128)]
            assert card.mosaic.picture(values)[card.mosaic.position(70)] == table.rows[6][1]
    finally:
        card.mode.pick(0)
        inspector.selection.set_view(View())
        inspector.cursor.go(inspector.cursor.steps)


def test_cells_with_tabs_stay_one_cell():
    assert tab_separated([["a\tb", "c\r\nd"], [1, 2.5]]) == "a b\tc d\n1\t2.5"


def test_a_file_whose_suffix_is_added_is_replaced_only_if_the_user_agrees(unmeasured, rest, tmp_path, monkeypatch):
    """The file dialog asks about the name that was typed, which has no suffix."""
    target, asked = tmp_path / "panel.png", []
    target.write_bytes(b"kept")
    answers = iter((QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes))
    monkeypatch.setattr(QMessageBox, "question", lambda parent, title, text: asked.append(text) or next(answers))
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *arguments: (str(tmp_path / "panel"), "PNG image (*.png)")
    )
    unmeasured.show_panel("overview")
    rest(unmeasured)
    unmeasured.exporter.ask("png")
    assert target.read_bytes() == b"kept"
    unmeasured.exporter.ask("png")
    assert target.read_bytes().startswith(b"\x89PNG")
    assert asked == ["panel.png exists. Replace it?"] * 2
    target.unlink()
    unmeasured.exporter.ask("png")
    assert target.exists()
    assert len(asked) == 2, "there was no file"


def test_tables_in_several_files_are_replaced_only_if_the_user_agrees(
    unmeasured, messages, rest, tmp_path, monkeypatch
):
    asked = []
    monkeypatch.setattr(
        QMessageBox, "question", lambda *arguments: asked.append(arguments[2]) or QMessageBox.StandardButton.No
    )
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "a.csv"), "CSV tables (*.csv)"))
    unmeasured.show_panel("layers")
    rest(unmeasured)
    unmeasured.exporter.ask("csv")
    files = sorted(tmp_path.glob("a*.csv"))
    assert len(files) > 1
    assert asked == []
    for file in files:
        file.write_text("kept")
    unmeasured.exporter.ask("csv")
    assert len(asked) == 1
    assert all(file.name in asked[0] for file in files if file.name != "a.csv")
    assert {file.read_text() for file in files} == {"kept"}
    unmeasured.show_panel("robustness")
    unmeasured.exporter.ask("png")  # a name of a table is typed
    assert messages == ["no data to save yet: run the panel first (R)"]


def test_the_data_of_a_prediction_are_those_of_the_time_cursor(filled, rest):
    filled.show_panel("overview")
    filled.inspector.cursor.go(2)
    rest(filled)
    trace, overview = filled.inspector.trace, filled.content.panels["overview"]
    table = overview.findChild(PredictionCard).card.data()
    assert (table.name, table.head) == ("prediction-step-2", ["class", "softmax", "mean_logit"])
    assert [row[0] for row in table.rows] == list(filled.inspector.class_names)
    assert [row[1:] for row in table.rows] == [
        list(pair) for pair in zip(trace.probabilities[1], trace.evidence[1], strict=True)
    ]
    margins = overview.findChild(MarginCard).card.data().rows
    assert margins == [[t + 1, margin] for t, margin in enumerate(trace.margins)]
    filled.inspector.cursor.go(filled.inspector.cursor.steps)
