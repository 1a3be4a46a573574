"""Input images: dropped, pasted or drawn images."""

import wave
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QGuiApplication, QImage

from gui_support.bundles import sound_bundle
from gui_support.driving import drop, opened_window
from spikelet.bundle import write
from spikelet.data.log_mel import LogMel
from spikelet_gui.views.choosers.data_dialog import DataDialog
from spikelet_gui.views.images.pixels import PixelView
from spikelet_gui.views.panels.overview.input_card import InputCard
from spikelet_gui.views.shell.opening import may_open
from spikelet_gui.views.widgets.theme import ramp


def test_an_image_that_is_dropped_is_fitted_and_run(opened, rest, tmp_path):
    image = pytest.importorskip("PIL.Image")
    file = tmp_path / "photo.png"
    image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(file)
    drop(opened, file)
    rest(opened)
    card = opened.content.panels["overview"].findChild(InputCard)
    assert opened.inspector.source.name == "photo.png"
    assert card.note.text() == "60×40 colour → centre 40×40 → resampled to 8×8"
    assert (opened.inspector.trace.frame(1) == 200).all()


@pytest.fixture
def clipboard(qapp):
    """The clipboard, emptied afterwards: Python data in it would be freed after the end of the interpreter."""
    yield QGuiApplication.clipboard()
    QGuiApplication.clipboard().clear()


def test_an_image_that_is_pasted_is_fitted_and_run(clipboard, opened, rest, qtbot):
    pytest.importorskip("PIL")
    picture = QImage(60, 40, QImage.Format.Format_RGB32)
    picture.fill(QColor(200, 200, 200))
    clipboard.setImage(picture)
    qtbot.keyClick(opened, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    rest(opened)
    card = opened.content.panels["overview"].findChild(InputCard)
    assert opened.inspector.source.name == "pasted image.png"
    assert card.note.text() == "60×40 colour → centre 40×40 → resampled to 8×8"
    assert (opened.inspector.trace.frame(1) == 200).all()


def test_files_and_images_can_be_dropped_and_addresses_cannot(qapp):
    content = QMimeData()
    assert not may_open(content)
    content.setUrls([QUrl("https://example.org/a.snnb")])
    assert not may_open(content)
    content.setUrls([QUrl("https://example.org/a.snnb"), QUrl.fromLocalFile("/a.snnb")])
    assert may_open(content)
    picture = QMimeData()
    picture.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    assert may_open(picture)


def test_a_pasted_object_may_be_a_file_or_have_no_image(clipboard, opened, rest, data):
    messages = []
    opened.inspector.status.connect(messages.append)
    opened.inspector.failed.connect(messages.append)
    clipboard.setText("only words")
    opened.paste()
    assert messages == ["The clipboard contains no image and no file"]
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
    assert messages[-1].startswith("pasted image.png: cannot be written to ")
    assert opened.inspector.source is before


def test_a_message_that_does_not_fit_in_the_footer_gets_a_separate_line(opened, rest, tmp_path):
    foot = opened.content.transport
    (tmp_path / "notes.docx").write_text("words")
    drop(opened, tmp_path / "notes.docx")
    rest(opened)
    assert foot.below.isVisible()
    assert foot.below.text().endswith("layout) or IDX files")
    foot.read_timer.stop()
    foot.read_timer.timeout.emit()
    assert not foot.below.isVisible()
    assert foot.message.text().endswith("…")
    opened.inspector.status.emit("short")
    assert (foot.message.text(), foot.below.isVisible()) == ("short", False)


def test_one_can_draw_for_one_channel(window, rest, grey_path, qtbot):
    window.inspector.open(grey_path)
    rest(window)
    qtbot.keyClick(window, Qt.Key.Key_D)
    view = window.content.panels["overview"].findChild(PixelView)
    area = view.area
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=area.topLeft().toPoint() + QPoint(20, 40))
    qtbot.mouseMove(view, area.topLeft().toPoint() + QPoint(120, 40))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=area.topLeft().toPoint() + QPoint(120, 40))
    rest(window)
    assert window.inspector.source.name == "drawing"
    assert window.inspector.trace.frame(1).max() == 255
    window.toggle_theme()
    rest(window)
    view = window.content.panels["overview"].findChild(PixelView)
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    rest(window)
    assert not window.inspector.trace.frame(1).any(), "another theme keeps the pad and its strokes"


def test_one_can_draw_with_keys_and_time_has_them_again_afterwards(window, rest, grey_path, qtbot):
    def key(*keys):
        for name in keys:
            qtbot.keyClick(window.focusWidget() or window, name)
        rest(window)

    window.inspector.open(grey_path)
    rest(window)
    cursor, view = window.inspector.cursor, window.content.panels["overview"].findChild(PixelView)
    time = cursor.time
    key(Qt.Key.Key_D, Qt.Key.Key_Left, Qt.Key.Key_Up)
    assert view.hasFocus()
    assert "Space" in view.accessibleDescription()
    assert window.inspector.source.name != "drawing"
    key(Qt.Key.Key_Space, Qt.Key.Key_Right, Qt.Key.Key_Right)
    assert window.inspector.source.name == "drawing"
    assert view.hasFocus()
    assert (window.inspector.trace.frame(1)[0, 3, 3:6] == 255).all()
    assert (cursor.time, cursor.playing) == (time, False)
    drawn = window.inspector.trace.frame(1)
    key(Qt.Key.Key_Delete)
    assert not window.inspector.trace.frame(1).any()
    qtbot.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    rest(window)
    assert np.array_equal(window.inspector.trace.frame(1), drawn), "what was cleared comes back"
    qtbot.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    rest(window)
    assert not window.inspector.trace.frame(1).any(), "the stroke is undone"
    qtbot.keyClick(view, Qt.Key.Key_Space)
    key(Qt.Key.Key_Space, Qt.Key.Key_Escape)
    drawn = window.inspector.trace.frame(1)
    window.content.panels["overview"].input.back()
    rest(window)
    qtbot.keyClick(window, Qt.Key.Key_D)
    qtbot.keyClick(view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    rest(window)
    assert np.array_equal(window.inspector.trace.frame(1), drawn), "a drawing that another image replaced comes back"
    key(Qt.Key.Key_Delete)
    key(Qt.Key.Key_Escape, Qt.Key.Key_Left)
    assert cursor.time == time - 1


@pytest.mark.parametrize("panel", ["overview", "accuracy"])
def test_one_dialog_opens_images_data_sets_and_folders(opened, rest, tmp_path, data, panel):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "photos").mkdir()
    for value in (10, 200):
        image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(tmp_path / "photos" / f"{value}.png")
    opened.show_panel(panel)
    ask = {
        "overview": lambda: opened.content.panels["overview"].input.choose(),
        "accuracy": lambda: opened.content.panels["accuracy"].curve.choose.click(),
    }[panel]

    def dialog():
        ask()
        (dialog,) = opened.findChildren(DataDialog)
        assert dialog.isVisible()
        return dialog

    chosen = dialog()
    chosen.setDirectory(str(tmp_path / "photos"))
    chosen.folder.click()
    rest(opened)
    assert opened.inspector.source.name == "photos"
    assert len(opened.inspector.source) == 2
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    chosen = dialog()
    chosen.fileSelected.emit(str(data))
    chosen.reject()
    rest(opened)
    assert len(opened.inspector.source) == 60
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    chosen = dialog()
    for name in ("a.png", "a.jpg", "a.npz", "a.npy"):
        assert f"*{Path(name).suffix}" in chosen.nameFilters()[0]
    chosen.reject()
    rest(opened)
    assert len(opened.inspector.source) == 60


def test_the_dialog_has_the_options_of_the_readers(opened, rest, tmp_path):
    """Arrays whose axes and whose white value could be several are read as the dialog says."""
    pixels = np.random.default_rng(0).integers(0, 4096, (5, 8, 8, 3)).astype(np.uint16)
    np.savez(tmp_path / "camera.npz", images=pixels)
    opened.content.panels["overview"].input.choose()
    (dialog,) = opened.findChildren(DataDialog)
    dialog.axes.setCurrentText("NHWC")
    dialog.white.setCurrentText("white = 4095 (12 bits)")
    dialog.fileSelected.emit(str(tmp_path / "camera.npz"))
    dialog.reject()
    rest(opened)
    assert opened.inspector.source.name == "camera.npz"
    expected = pixels[0].transpose(2, 0, 1) * (255 / 4095)
    assert np.abs(opened.inspector.trace.frame(1) - expected).max() <= 1


@pytest.fixture(scope="module")
def sound_path(tmp_path_factory):
    """A bundle of a network of sound."""
    path = tmp_path_factory.mktemp("sound") / "sound.snnb"
    write(sound_bundle(), path)
    return path


def test_a_recording_of_sound_is_shown_as_a_spectrogram(sound_path, qapp, rest, tmp_path):
    rate, frames = 8000, np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000) * 9000
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(frames.astype("<i2").tobytes())
    with opened_window(sound_path) as window:
        rest(window)
        drop(window, tmp_path / "tone.wav")
        rest(window)
        card = window.content.panels["overview"].findChild(InputCard)
        view = card.findChild(PixelView)
        assert window.inspector.source.name == "tone.wav"
        assert window.content.transport.message.toolTip() == "tone.wav: 1 spectrogram of 32 × 48 values."
        assert (view.image.height(), view.image.width()) == (32, 48)
        assert (
            card.note.text()
            == "Spectrogram: 0.77 s from left to right, 93 to 3,746 Hz from the bottom up, −60 to 0 dB."
        )
        colours = ramp()[:, :3].astype(int)
        loudest = np.abs(window.inspector.trace.frame(1)[:, 0, 24] - 255).argmin()
        row = 31 - int(loudest)
        pixel = view.image.pixelColor(24, row).getRgb()[:3]
        assert pixel == tuple(colours[255])
        reading = card.view.pixel(row, 24)
        assert reading.title == f"{LogMel().centres[loudest]:,.0f} Hz, 0.384 s"
        assert abs(LogMel().centres[loudest] - 1000) < 60
        assert reading.values[0].text == "0.0 dB"


def test_an_input_of_numbers_is_high_enough_to_be_seen(qtbot):
    """An input without rows has one row of pixels; the values under the pointer are those that are drawn there."""
    view, asked = PixelView("input image"), []
    qtbot.addWidget(view)
    view.resize(200, 200)
    view.pixel = lambda row, column: asked.append((row, column))
    view.show_pixels(np.zeros((1, 784, 3), np.uint8))
    assert view.area.getRect() == (0, 76, 200, 48)
    for x, y in ((0, 77), (100, 123), (199, 100)):
        view.reading(QPointF(x, y))
    view.reading(QPointF(100, 125))
    assert asked == [(0, 0), (0, 392), (0, 780)]
    view.show_pixels(np.zeros((28, 28, 3), np.uint8))
    assert view.area.getRect() == (0, 0, 200, 200)
