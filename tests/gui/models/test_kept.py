"""Measurements are kept between sessions, and belong to one bundle, one data set and one T."""

import os
from dataclasses import replace

import numpy as np
import pytest

from gui_support.bundles import bundle_of, plain_graph, quiet
from spikelet_gui.models.analysis.sweep import sweep
from spikelet_gui.models.session.inspector import Inspector
from spikelet_gui.models.session.kept import accuracy as kept
from spikelet_gui.models.session.kept import store
from spikelet_gui.models.session.settings import Settings
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.views.shell.app import discard, make_window


@pytest.fixture(scope="module")
def bundle():
    """A bundle with a digest, as one that was read from a file."""
    return replace(bundle_of(plain_graph()), digest="1" * 64)


@pytest.fixture(scope="module")
def measured(bundle, images):
    return sweep(bundle, images, 4, "numpy", quiet())


def test_a_measurement_is_restored_unchanged(tmp_path, bundle, images, measured):
    assert kept.restore(tmp_path, bundle, images, 4, "numpy") is None
    kept.store(tmp_path / "new", bundle, images, measured)
    result = kept.restore(tmp_path / "new", bundle, images, 4, "numpy")
    assert result.measured.as_json() == measured.measured.as_json()
    assert (result.accuracy, result.exits, result.done) == (measured.accuracy, measured.exits, 50)
    assert np.array_equal(result.source, measured.source)
    for layer in bundle.graph.spiking:
        assert np.array_equal(result.rates(layer), measured.rates(layer))


def test_another_bundle_other_images_and_another_t_have_their_own(tmp_path, bundle, images, measured):
    kept.store(tmp_path, bundle, images, measured)
    other = replace(bundle_of(plain_graph(seed=1)), digest="2" * 64)
    alike = replace(bundle, digest=bundle.digest[:20] + "2" * 44)
    assert kept.restore(tmp_path, alike, images, 4, "numpy") is None, "the name of its file is the same"
    assert kept.restore(tmp_path, other, images, 4, "numpy") is None
    assert kept.restore(tmp_path, bundle, images, 5, "numpy") is None
    relabelled = replace(images, labels=(images.labels + 1) % 3)
    assert kept.restore(tmp_path, bundle, relabelled, 4, "numpy") is None
    renamed = images.renamed("another name")
    assert kept.restore(tmp_path, bundle, renamed, 4, "numpy").done == 50, "the content counts"


def test_a_measurement_of_fewer_images_replaces_none_of_more(tmp_path, bundle, images, measured):
    few = sweep(bundle, images.take(slice(0, 10)), 4, "numpy", quiet())
    kept.store(tmp_path, bundle, images, few)
    assert kept.restore(tmp_path, bundle, images, 4, "numpy").done == 10
    kept.store(tmp_path, bundle, images, measured)
    kept.store(tmp_path, bundle, images, few)
    assert kept.restore(tmp_path, bundle, images, 4, "numpy").done == 50


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("events"),
        lambda arrays: arrays.update(predictions=arrays["predictions"] + 3),
        lambda arrays: arrays.update(margins=arrays["margins"][:2]),
        lambda arrays: arrays.update({"spikes/0": arrays["spikes/0"][:1]}),
        lambda arrays: arrays.update({"raster/1": arrays["raster/1"].astype(np.float32)}),
        lambda arrays: arrays.update(source=arrays["source"][:3]),
        lambda arrays: arrays.update(digests=np.array(["a", "b"])),
    ],
)
def test_a_file_that_does_not_fit_is_ignored(tmp_path, bundle, images, measured, change):
    kept.store(tmp_path, bundle, images, measured)
    path = kept.path_of(tmp_path, bundle, images, 4)
    arrays = dict(np.load(path))
    change(arrays)
    np.savez(path, **arrays)
    assert kept.restore(tmp_path, bundle, images, 4, "numpy") is None


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"words"])
def test_a_damaged_file_is_ignored(tmp_path, bundle, images, content):
    kept.path_of(tmp_path, bundle, images, 4).write_bytes(content)
    assert kept.restore(tmp_path, bundle, images, 4, "numpy") is None


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path, bundle, images, measured):
    (tmp_path / "file").write_text("")
    kept.store(tmp_path / "file", bundle, images, measured)
    assert kept.restore(tmp_path / "file", bundle, images, 4, "numpy") is None


def test_the_oldest_files_are_removed(tmp_path, bundle, images, measured, monkeypatch):
    monkeypatch.setattr(store, "KEPT", 2)
    for index in range(3):
        (tmp_path / f"{index}.npz").write_bytes(b"")
        os.utime(tmp_path / f"{index}.npz", (index, index))
    kept.store(tmp_path, bundle, images, measured)
    assert len(list(tmp_path.glob("*.npz"))) == 2
    assert kept.path_of(tmp_path, bundle, images, 4).exists()


def test_results_are_shown_when_the_same_images_are_opened_in_another_session(qapp, rest, tmp_path, path, data):
    def session():
        window = make_window(Settings(theme="dark", steps=4), kept=tmp_path)
        window.inspector.open(path)
        rest(window)
        window.inspector.open_data(DataFile(data))
        rest(window)
        return window

    first = session()
    first.inspector.run_sweep(first.inspector.data)
    rest(first)
    before = first.inspector.measured.sweep.accuracy
    discard(first)
    second = session()
    inspector: Inspector = second.inspector
    assert inspector.measured.sweep.accuracy == before
    assert (inspector.measured.sweep.done, inspector.shows_measured) == (60, True)
    discard(second)
