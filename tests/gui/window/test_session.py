"""A session is continued: bundle, images, results and choices are restored, and missing files are named."""

import queue

import numpy as np
import pytest

from gui_support.bundles import quiet
from gui_support.driving import drop
from spikelet.data import ImageSet
from spikelet.data.options import DEFAULTS, DataOptions
from spikelet.metrics.faults import Fault
from spikelet.metrics.robustness import robustness
from spikelet_gui.models.analysis.residuals import reach, residuals
from spikelet_gui.models.session import settings as stored
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.models.session.sources.inputs import start_source
from spikelet_gui.views.shell.app import settle


class Sessions:
    """Successive inspectors without a window that use the same files of settings and results."""

    def __init__(self, folder):
        self.file, self.results, self.inspector, self.messages = folder / "inspector.json", folder / "results", None, []

    def start(self):
        self.stop()
        self.calls = queue.SimpleQueue()
        self.inspector = Inspector(self.calls.put, stored.load(self.file), self.results)
        self.inspector.failed.connect(self.messages.append)
        return self.inspector

    def resume(self):
        inspector = self.start()
        inspector.open_first()
        self.settle()
        return inspector

    def settle(self):
        while self.inspector.jobs.busy:
            self.calls.get()()

    def stop(self):
        if self.inspector is not None:
            assert self.inspector.close()
            stored.save(self.inspector.settings, self.file)
            self.inspector = None


@pytest.fixture
def sessions(tmp_path):
    sessions = Sessions(tmp_path)
    yield sessions
    sessions.stop()


def begin(sessions, path, data, options=DEFAULTS):
    inspector = sessions.start()
    inspector.open(path)
    sessions.settle()
    inspector.set_steps(4)
    inspector.open_data(DataFile(data, options))
    sessions.settle()
    return inspector


def test_images_and_results_are_restored(sessions, path, data):
    inspector = begin(sessions, path, data)
    inspector.run_sweep(inspector.data)
    inspector.show_index(7)
    document, images, keeper = inspector.document, inspector.data, inspector.keeper
    few = images.take(slice(0, 10))
    before = residuals(document.bundle, few, reach(4, document.most_steps), "numpy", quiet())
    faults = robustness(document.bundle, few, 4, [Fault("dropped", 0.1)], range(2))
    keeper.residuals(document.bundle, images, before)
    keeper.robustness(document.bundle, images, faults)
    sessions.settle()
    again = sessions.resume()
    assert (again.source.name, again.index, again.cursor.steps) == ("images.npz", 7, 4)
    assert (again.measured.sweep.done, again.shows_measured) == (60, True)
    assert [again.results.residuals.agreement(t) for t in (1, 8)] == [before.agreement(t) for t in (1, 8)]
    assert again.results.robustness.as_json() == faults.as_json()
    assert again.results.digests == {"residuals": images.digest, "robustness": images.digest}
    assert sessions.messages == []


def test_other_images_of_the_same_name_make_all_results_out_of_date(opened, data, tmp_path):
    drop(opened, data)
    settle(opened)
    for panel in ("residuals", "robustness"):
        opened.content.panels[panel].run()
    settle(opened)
    assert [opened.content.panels[panel].out_of_date() for panel in ("residuals", "robustness")] == ["", ""]
    arrays = dict(np.load(data))
    np.savez(tmp_path / "images.npz", **(arrays | {"images": 255 - arrays["images"]}))
    drop(opened, tmp_path / "images.npz")
    settle(opened)
    for panel in ("residuals", "robustness"):
        assert "now images.npz (" in opened.content.panels[panel].out_of_date(), panel
    assert [entry[0] for entry in opened.inspector.settings.recent_data] == [
        str(tmp_path / "images.npz"),
        str(data),
    ]
    opened.content.panels["overview"].input.back()
    opened.content.header.menu.aboutToShow.emit()
    named = [action for action in opened.content.header.menu.actions() if action.text().startswith("images.npz")]
    assert len(named) == 2
    named[1].trigger()
    settle(opened)
    assert (
        opened.inspector.data.digest
        == ImageSet(arrays["images"], arrays["labels"], opened.inspector.document.bundle.manifest.labels, "same").digest
    )


def test_options_of_the_data_are_restored(sessions, path, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "frames.npy", rng.random((5, 8, 8, 3), np.float32))
    inspector = begin(sessions, path, tmp_path / "frames.npy", DataOptions("NHWC", 1.0))
    again = sessions.resume()
    assert np.array_equal(again.source.images, inspector.source.images)
    assert DataFile.of_entry(again.settings.data).title == "frames.npy (NHWC, white 1)"


def test_missing_images_are_reported_and_the_session_continues(sessions, path, data, tmp_path):
    copy = tmp_path / "gone.npz"
    copy.write_bytes(data.read_bytes())
    begin(sessions, path, copy)
    copy.unlink()
    again = sessions.resume()
    assert again.source.name == "golden inputs"
    assert ["gone.npz" in message for message in sessions.messages] == [True]
    assert again.settings.data == []


def test_the_first_images_and_another_bundle_have_no_images_of_the_last_session(sessions, path, grey_path, data):
    inspector = begin(sessions, path, data)
    inspector.show(start_source(inspector.document.bundle))
    assert inspector.settings.data == []
    inspector = begin(sessions, path, data)
    assert inspector.settings.data != []
    inspector.open(grey_path)
    sessions.settle()
    assert inspector.settings.data == []


def compare(sessions, path, second):
    inspector = sessions.start()
    inspector.open(path)
    sessions.settle()
    inspector.results.open_second(second)
    sessions.settle()


def test_the_second_bundle_is_restored(sessions, path, leaky_path):
    compare(sessions, path, leaky_path)
    again = sessions.resume()
    assert again.results.second.path == leaky_path
    again.results.close_second()
    assert sessions.resume().results.second is None


def test_the_second_bundle_is_not_restored_beside_another_first(sessions, path, grey_path, leaky_path):
    compare(sessions, path, leaky_path)
    again = sessions.start()
    again.open(grey_path)
    sessions.settle()
    assert (again.results.second, again.settings.second) == (None, "")


def test_a_missing_second_bundle_is_reported_once(sessions, path, leaky_path, tmp_path):
    copy = tmp_path / "gone.snnb"
    copy.write_bytes(leaky_path.read_bytes())
    inspector = sessions.start()
    inspector.open(path)
    sessions.settle()
    inspector.results.open_second(copy)
    sessions.settle()
    copy.unlink()
    again = sessions.resume()
    assert (again.results.second, again.document.path) == (None, path)
    assert ["gone.snnb" in message for message in sessions.messages] == [True]
    sessions.resume()
    assert len(sessions.messages) == 1


ENTRIES = [
    3,
    [],
    ["", "auto", None, "auto"],
    ["a", "XYZ", None, "auto"],
    ["a", "auto", -1, "auto"],
    ["a", "auto", True, "auto"],
    ["a", "auto", 1e300, "auto"],
    ["a", "auto", 10**400, "auto"],
    ["a", "auto", float("inf"), "auto"],
    ["a", "auto", None, "half"],
    [1, "auto", None, "auto"],
    ["a", "auto", None, "auto", "film"],
]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_that_is_no_file_is_ignored(entry):
    assert DataFile.of_entry(entry) is None


def test_an_entry_is_read_as_it_was_written(tmp_path):
    file = DataFile(tmp_path / "a.npz", DataOptions("NHWC", 1023.0), "valid", "count")
    assert DataFile.of_entry(file.entry()) == file
    assert DataFile.of_entry(file.entry()[:4]).form == "auto", "an entry of an older version"
    settings = Settings()
    settings.remember_data(file.entry())
    stored.save(settings, tmp_path / "s.json")
    assert stored.load(tmp_path / "s.json") == settings
