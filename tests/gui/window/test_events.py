"""Recordings of event cameras: opened, binned for T, shown at the time cursor, and refused where images are needed."""

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt

from gui_support.bundles import LABELS, bundle_of, event_graph
from gui_support.driving import draw_once, drop, hover, start_again
from spikelet import load
from spikelet.bundle import write
from spikelet.data.events import frames
from spikelet_gui.models.session.sources.frames import OFF, ON, coloured
from spikelet_gui.views.choosers.data_dialog import DataDialog

SHAPE = (2, 8, 8)
REFUSED = "a recording of events is open"


def columns(seed=0, events=400):
    rng = np.random.default_rng(seed)
    return {
        "t": np.sort(rng.uniform(0, 9, events) ** 2),
        **{k: rng.integers(0, n, events) for k, n in (("x", 8), ("y", 8), ("p", 2))},
    }


def counted(recording, steps, by="time"):
    return frames(*(recording[name] for name in "txyp"), SHAPE, steps, by)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A bundle of events, recordings in several forms, and a folder of class folders."""
    folder = tmp_path_factory.mktemp("events")
    write(bundle_of(event_graph(), "events"), folder / "events.snnb")
    np.savez(folder / "wave.npz", **columns())
    rows = [f"{t!r},{x},{y},{p}" for t, x, y, p in zip(*(columns(1)[name].tolist() for name in "txyp"), strict=True)]
    (folder / "tap.csv").write_text("\n".join(["t,x,y,p", *rows]) + "\n")
    np.save(folder / "film.npy", counted(columns(), 3).astype(np.uint8))
    (folder / "far.csv").write_text("t,x,y,p\n0,3,3,1\n5,70,3,1\n")
    for index, name in enumerate(LABELS):
        (folder / "gestures" / name).mkdir(parents=True)
        np.savez(folder / "gestures" / name / "a.npz", **columns(index))
    return folder


@pytest.fixture
def events(common, files):
    start_again(common, files / "events.snnb")
    yield common
    draw_once(common)


def open_with(window, rest, path, form, white="white: by bit depth"):
    """Open a file in the dialog, read in one of the forms that it lists."""
    window.content.panels["overview"].input.choose()
    (dialog,) = window.findChildren(DataDialog)
    assert f"*{path.suffix}" in dialog.nameFilters()[0]
    dialog.form.setCurrentText(form)
    dialog.white.setCurrentText(white)
    dialog.fileSelected.emit(str(path))
    dialog.reject()
    rest(window)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def colour_at(card, row, column):
    return card.view.image.pixelColor(column, row).getRgb()[:3]


def test_a_recording_is_run_and_its_frame_at_the_cursor_is_shown(events, files, rest, qtbot):
    drop(events, files / "wave.npz")
    rest(events)
    inspector, card = events.inspector, events.content.panels["overview"].input
    expected = counted(columns(), 4)
    assert np.array_equal(inspector.trace.frames, expected)
    result = load(files / "events.snnb", "numpy").run(expected[:, None], 4)
    assert np.array_equal(inspector.trace.logits, result.logits[:, 0])
    assert inspector.trace.activations == {}
    qtbot.keyClick(events, Qt.Key.Key_Home)
    for time in (1, 2):
        assert inspector.cursor.time == time
        frame, most = expected[time - 1], expected.max()
        assert card.note.text() == (
            f"t = {time}: {frame.sum():.4g} of 400 events, in bins of equal time; polarity 0 is blue, 1 orange."
        )
        brightest = tuple(int(i) for i in np.unravel_index(frame.sum(0).argmax(), (8, 8)))
        assert colour_at(card, *brightest) == tuple(coloured(frame, most)[brightest])
        qtbot.keyClick(events, Qt.Key.Key_Right)
    inspector.cursor.go(1)
    scale = card.view.area.width() / 8
    point = card.view.area.topLeft() + QPoint(int(2.5 * scale), int(5.5 * scale))
    off, on = expected[0, :, 5, 2]
    assert hover(card.view, point) == f"row 5, column 2, t = 1\npolarity 0 {off:g}\npolarity 1 {on:g}"


def test_a_recording_that_was_removed_is_named_once_and_the_last_one_stays(events, files, rest, tmp_path):
    for name in LABELS[:2]:
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "a.npz", **columns())
    drop(events, tmp_path)
    rest(events)
    shown, second = events.inspector.trace, tmp_path / LABELS[1] / "a.npz"
    second.unlink()
    errors = []
    events.inspector.failed.connect(errors.append)
    events.inspector.show_index(1)
    rest(events)
    assert errors == [f"{second}: cannot be read (No such file or directory)"]
    assert (events.inspector.index, events.inspector.trace) == (0, shown)


def test_polarities_have_colours_and_the_largest_count_the_full_one():
    frame = np.zeros(SHAPE, np.float32)
    frame[0, 1, 2], frame[1, 3, 4] = 6, 3
    shown = coloured(frame, 6)
    assert tuple(shown[1, 2]) == OFF
    assert tuple(shown[3, 4]) == tuple(int(value / 2) for value in ON)
    assert not shown[0, 0].any()
    assert (coloured(np.full((1, 2, 2), 2, np.float32), 4) == 127).all()


def test_another_t_divides_the_events_anew(events, files, rest):
    drop(events, files / "tap.csv")
    rest(events)
    events.inspector.set_steps(7)
    rest(events)
    assert np.array_equal(events.inspector.trace.frames, counted(columns(1), 7))
    assert events.inspector.trace.steps == 7


def test_the_dialog_opens_recordings_with_either_binning_and_frames_as_a_recording(events, files, rest, qtbot):
    inspector = events.inspector
    open_with(events, rest, files / "wave.npz", "events, equal counts")
    assert np.array_equal(inspector.trace.frames, counted(columns(), 4, "count"))
    assert "bins of an equal number of events" in events.content.panels["overview"].input.note.text()
    open_with(events, rest, files / "film.npy", "events, equal time")
    assert np.array_equal(inspector.trace.frames, counted(columns(), 3))
    assert inspector.cursor.steps == 3, "a recording of frames has its own T"
    field = events.content.transport.steps
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "9")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert (field.value(), inspector.cursor.steps) == (3, 3)
    assert events.content.transport.message.text() == "film.npy has 3 frames, one for each time-step; T is at most 3"
    open_with(events, rest, files / "film.npy", "images", "white = 255 (8 bits)")
    assert (len(inspector.source), inspector.trace.constant) == (3, True)
    errors = []
    inspector.failed.connect(errors.append)
    drop(events, files / "film.npy")
    rest(events)
    assert errors.pop().endswith("in the inspector, open it in the dialog (Ctrl+I) and choose its form")


def test_a_folder_of_classes_has_labels_and_each_recording_is_read_when_it_is_selected(events, files, rest, qtbot):
    drop(events, files / "gestures")
    rest(events)
    inspector, card = events.inspector, events.content.panels["overview"].input
    assert (len(inspector.source), card.truth.text()) == (3, "ant")
    qtbot.keyClick(events, Qt.Key.Key_N)
    rest(events)
    assert card.truth.text() == "bee"
    assert np.array_equal(inspector.trace.frames, counted(columns(1), 4))


def test_a_recording_that_does_not_fit_is_refused_and_the_last_input_stays(events, files, rest, tmp_path):
    errors = []
    events.inspector.failed.connect(errors.append)
    drop(events, files / "wave.npz")
    rest(events)
    drop(events, files / "far.csv")
    rest(events)
    assert errors.pop() == "far.csv: events: x is 3…70, the network takes 0…7 (shape (2, 8, 8))"
    assert events.inspector.source.name == "wave.npz"
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "a.csv").write_bytes((files / "tap.csv").read_bytes())
    (tmp_path / "mixed" / "b.csv").write_text("t,x,y\n1,2,3\n")
    drop(events, tmp_path / "mixed")
    rest(events)
    events.inspector.show_index(1)
    rest(events)
    assert "b.csv: has no p" in errors.pop()
    assert (events.inspector.index, events.content.panels["overview"].input.number.value()) == (0, 1)
    assert np.array_equal(events.inspector.trace.frames, counted(columns(1), 4))
    assert events.content.panels["overview"].input.note.text().startswith("t = ")


def test_panels_that_need_images_say_so_and_do_not_run(events, files, rest, qtbot):
    errors = []
    events.inspector.failed.connect(errors.append)
    drop(events, files / "wave.npz")
    rest(events)
    panels = events.content.panels
    for name in ("accuracy", "plan", "residuals", "robustness", "validate"):
        events.show_panel(name)
        rest(events)
        panel = panels[name]
        card = {"accuracy": "curve", "validate": "brian"}.get(name)
        empty = panel.empty if card is None else getattr(panel, card).empty
        assert empty.isVisible(), name
        assert REFUSED in empty.message.text(), name
        errors.clear()
        qtbot.keyClick(events, Qt.Key.Key_R)
        rest(events)
        assert [REFUSED in error for error in errors] == [True], name
    buttons = [panels[name].runner.start for name in ("plan", "robustness")]
    buttons += [panels["accuracy"].curve.runner.start, panels["validate"].brian.runner.start]
    assert not any(button.isEnabled() for button in buttons)
    assert panels["residuals"].runner.isHidden()
    events.show_panel("energy")
    rest(events)
    assert panels["energy"].empty.isVisible()
    assert REFUSED in panels["energy"].empty.message.text()
    assert not panels["energy"].content.isVisible()
    accuracy = panels["accuracy"]
    events.show_panel("accuracy")
    accuracy.pages.setCurrentIndex(1)
    rest(events)
    for text in (accuracy.browser.empty.message, accuracy.exits.empty.message, accuracy.classes.empty.message):
        assert REFUSED in text.text()
    results = events.inspector.results
    assert (events.inspector.measured.sweep, results.residuals, results.robustness, results.planned) == (None,) * 4
    assert results.checks.verified, "the golden inputs are constant, and are replayed"
    events.show_panel("compare")
    rest(events)
    comparison = panels["compare"].comparison
    assert np.array_equal(comparison.traces[1].frames, counted(columns(), 4))
    assert comparison.first is None
    assert not panels["compare"].all.start.isEnabled()
    panels["compare"].run_survey()
    assert REFUSED in errors[-1]
    panels["overview"].input.back()
    events.show_panel("accuracy")
    rest(events)
    assert REFUSED not in panels["accuracy"].curve.empty.message.text()
