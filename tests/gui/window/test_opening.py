"""Several files are opened together, and the file of the open bundle may change."""

import shutil

import numpy as np

from gui_support.driving import drop, until
from spikelet.data import layouts, pixels
from spikelet_gui.models.session.sources.data_file import remedy_of_dialog
from spikelet_gui.views.shell import changed
from spikelet_gui.views.shell.app import settle


def test_a_bundle_and_its_data_are_dropped_together(window, path, data, tmp_path):
    drop(window, data, tmp_path / "small.snnb.sig", path)
    settle(window)
    inspector = window.inspector
    assert (inspector.document.path, inspector.source.name) == (path, "images.npz")
    second = shutil.copy(data, tmp_path / "more.npz")
    messages = []
    inspector.status.connect(messages.append)
    drop(window, data, second)
    settle(window)
    assert messages[-1] == "2 files: only images.npz opened; drop their folder to open all"
    drop(window, tmp_path / "small.snnb.sig")
    assert "is a signature: open its bundle instead" in window.content.transport.text


def test_two_bundles_that_are_dropped_are_compared(window, path, leaky_path, tmp_path):
    drop(window, path, leaky_path, tmp_path / "third.snnb")
    settle(window)
    assert (window.inspector.document.path, window.inspector.results.second.path) == (path, leaky_path)
    assert window.content.panels["compare"].isVisible()
    assert window.content.transport.text == "3 files: only small.snnb and leaky.snnb opened; two can be compared"


def test_a_bundle_that_is_overwritten_is_reported_and_reloaded(window, path, grey_path, data, tmp_path, monkeypatch):
    monkeypatch.setattr(changed, "PAUSE", 0)
    inspector, line = window.inspector, window.content.changed
    file = tmp_path / "open.snnb"
    shutil.copy(path, file)
    drop(window, file, data)
    settle(window)
    inspector.show_index(7)
    inspector.set_steps(3)
    compared = []
    inspector.jobs.finished.connect(compared.append)
    file.touch()
    until(lambda: "file" in compared)
    settle(window)
    assert (inspector.bundle_file.state, line.isVisible()) == ("same", False)

    digest, content = inspector.document.bundle.digest, path.read_bytes()
    file.write_bytes(content[:1000])
    until(line.isVisible)
    assert (
        line.text.text() == "The file open.snnb has changed since it was opened. The content shown is the earlier one."
    )
    inspector.run()
    settle(window)
    line.again.click()
    settle(window)
    assert inspector.document.bundle.digest == digest
    assert window.content.transport.text.startswith("open.snnb cannot be reloaded: ")
    file.write_bytes(content)
    until(lambda: not line.isVisible())

    shutil.copy(grey_path, tmp_path / "new.snnb")
    (tmp_path / "new.snnb").replace(file)  # as `mv` and spikelet do
    until(line.isVisible)
    line.again.click()
    settle(window)
    assert (inspector.document.name, line.isVisible()) == ("grey", False)

    file.unlink()
    until(line.isVisible)
    assert line.text.text() == (
        "The file open.snnb was removed or renamed after it was opened. Its content is still shown."
    )
    assert not line.again.isVisible()
    shutil.copy(grey_path, file)  # the folder of a file that is not there is watched
    until(lambda: not line.isVisible())


def test_the_file_of_a_compared_bundle_is_watched(opened, leaky_path, grey_path, tmp_path, monkeypatch):
    monkeypatch.setattr(changed, "PAUSE", 0)
    results, line = opened.inspector.results, opened.content.changed
    file = tmp_path / "second.snnb"
    shutil.copy(leaky_path, file)
    results.open_second(file)
    settle(opened)
    shutil.copy(grey_path, file)
    until(line.isVisible)
    assert line.text.text().startswith("The file second.snnb has changed since it was opened.")
    line.again.click()
    settle(opened)
    assert (results.second.name, line.isVisible()) == ("grey", False)
    file.unlink()
    until(line.isVisible)
    results.close_second()
    assert not line.isVisible()


def test_a_reloaded_bundle_has_the_same_images_and_steps(opened, data):
    inspector = opened.inspector
    drop(opened, data)
    settle(opened)
    inspector.show_index(7)
    inspector.set_steps(3)
    before = inspector.document
    inspector.reload()
    settle(opened)
    assert inspector.document is not before
    assert (inspector.source.name, inspector.index, inspector.cursor.steps) == ("images.npz", 7, 3)


def test_a_file_that_cannot_be_read_is_compared_again(opened, monkeypatch):
    inspector, calls = opened.inspector, []
    monkeypatch.setattr(inspector.jobs, "start", lambda key, work, done, failed: calls.append(failed))
    inspector.bundle_file.begin(inspector.document)
    inspector.bundle_file.check()
    inspector.bundle_file.check()
    assert len(calls) == 1, "the file is as it was"
    calls[0]("Permission denied")
    inspector.bundle_file.check()
    assert len(calls) == 2


def test_the_comparison_of_a_file_does_not_outlast_its_bundle(opened, leaky_path, monkeypatch):
    inspector, ends = opened.inspector, []
    monkeypatch.setattr(inspector.jobs, "start", lambda key, work, done, failed: ends.append((work, done)))
    inspector.bundle_file.check()
    ((work, done),) = ends
    monkeypatch.undo()
    inspector.open(leaky_path)
    settle(opened)
    done(work(None))
    assert inspector.bundle_file.state == "same"


def test_messages_name_the_dialog_and_not_options_of_the_command_line(opened, rest, tmp_path):
    rng, messages = np.random.default_rng(0), []
    np.save(tmp_path / "floats.npy", rng.random((4, 3, 8, 8)))
    np.save(tmp_path / "axes.npy", rng.integers(0, 256, (3, 8, 8, 3, 2), dtype=np.uint8))
    np.savez(
        tmp_path / "parts.npz", x_train=rng.integers(0, 256, (4, 3, 8, 8), dtype=np.uint8), y_train=np.zeros(4, int)
    )
    opened.inspector.failed.connect(messages.append)
    for name in ("floats.npy", "axes.npy", "parts.npz"):
        drop(opened, tmp_path / name)
        rest(opened)
    opened.inspector.failed.disconnect(messages.append)
    assert not any("--" in message for message in messages)
    assert messages[0].endswith("1 for images scaled to 0…1, 65535 for 16 bits")
    assert "choose the value of white in the dialog (Ctrl+I): 1" in messages[0]
    for option in (layouts.OPTION, layouts.ROWS, pixels.OPTION):
        assert "--" in option
        assert "--" not in remedy_of_dialog(option)
        assert "in the dialog (Ctrl+I)" in remedy_of_dialog(option)
