"""Files of event cameras with known events: RAW files of Prophesee, written word by word, and HDF5."""

import importlib
import struct

import numpy as np
import pytest

from spikelet.data import events
from spikelet.data.events.recordings import columns
from spikelet.errors import DataError, MissingDependency

EVENTS = [(70, 3, 5, 1), (71, 1279, 719, 0), (4200, 0, 0, 1), (4200, 17, 0, 1), (9000, 4, 6, 0)]
FIELDS = ("t", "x", "y", "p")


def evt2(recording):
    """Encode events in EVT 2.0, with the higher bits of the time before each event."""
    words = []
    for t, x, y, p in recording:
        words += [8 << 28 | t >> 6 & 0xFFFFFFF, p << 28 | (t & 63) << 22 | x << 11 | y]
    words.append(0xA << 28 | 5)  # a trigger, which is no event
    return struct.pack(f"<{len(words)}I", *words)


def evt3(recording):
    """Encode events in EVT 3.0: higher and lower bits of the time, the row, the column and the polarity."""
    words = []
    for t, x, y, p in recording:
        words += [8 << 12 | t >> 12 & 0xFFF, 6 << 12 | t & 0xFFF, y, 2 << 12 | p << 11 | x]
    words.append(0xA << 12 | 1)
    return struct.pack(f"<{len(words)}H", *words)


def saved(path, header, body):
    path.write_bytes("".join(f"% {line}\n" for line in header).encode() + body)
    return path


HEADERS = {
    "evt": (["date 2026-01-01", "evt {}", "geometry 1280x720"], "{}.0"),
    "format": (["format EVT{};height=720;width=1280", "end"], "{}"),
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize(("version", "encode"), [(2, evt2), (3, evt3)])
def test_raw(header, version, encode, tmp_path):
    lines, form = HEADERS[header]
    path = saved(tmp_path / "a.raw", [line.format(form.format(version)) for line in lines], encode(EVENTS))
    read = columns(path)
    assert list(zip(*(read[name].tolist() for name in FIELDS), strict=True)) == EVENTS


@pytest.mark.parametrize(("version", "encode", "wrap"), [(2, evt2, 2**34), (3, evt3, 2**24)])
def test_a_clock_that_wraps(version, encode, wrap, tmp_path):
    recording = [(wrap - 5, 1, 1, 1), (wrap + 100, 2, 2, 0), (2 * wrap - 9, 2, 2, 1), (2 * wrap + 7, 3, 3, 1)]
    read = columns(saved(tmp_path / "a.raw", [f"evt {version}.0"], encode(recording)))
    assert read["t"].tolist() == [t for t, *_ in recording]


@pytest.mark.parametrize(("version", "encode", "low_bits"), [(2, evt2, 6), (3, evt3, 12)])
def test_a_clock_that_goes_back_once(version, encode, low_bits, tmp_path):
    recording = [(9 << low_bits, 1, 1, 1), (8 << low_bits, 2, 2, 0), (10 << low_bits, 2, 2, 1)]
    read = columns(saved(tmp_path / "a.raw", [f"evt {version}.0"], encode(recording)))
    assert read["t"].tolist() == [t for t, *_ in recording]


@pytest.mark.parametrize(("version", "encode", "first"), [(2, evt2, 4), (3, evt3, 2)])
def test_a_recording_that_begins_after_the_time(version, encode, first, tmp_path):
    """The words before the first time and row are those of events whose time or pixel is not known."""
    body = encode([(10**6, 4, 4, 1)])[first:] + encode(EVENTS)
    read = columns(saved(tmp_path / "a.raw", [f"evt {version}.0"], body))
    assert read["t"].tolist() == [t for t, *_ in EVENTS]


def test_vectors_of_columns(tmp_path):
    """Two vectors of 12 columns and one of 8 follow each other; repeated higher bits of the time change nothing, others continue it."""
    words = [8 << 12 | 1, 6 << 12 | 9, 7, 3 << 12 | 1 << 11 | 100]
    words += [4 << 12 | 0b100000000001, 8 << 12 | 1, 4 << 12 | 0b10, 5 << 12 | 0b10000001, 8 << 12 | 2, 2 << 12 | 50]
    read = columns(saved(tmp_path / "a.raw", ["evt 3.0"], struct.pack(f"<{len(words)}H", *words)))
    assert read["x"].tolist() == [100, 111, 113, 124, 131, 50]
    assert read["p"].tolist() == [1, 1, 1, 1, 1, 0]
    assert read["t"].tolist() == [4105] * 5 + [8192]
    assert set(read["y"].tolist()) == {7}


REFUSED = {
    "another version": (["evt 2.1"], b"", "is EVT 2.1; expected EVT 2.0 or 3.0"),
    "no version": (["date 2026"], b"", "does not name its format"),
    "no header": ([], evt3(EVENTS), "does not name its format"),
    "half a word": (["evt 2.0"], evt2(EVENTS)[:-1], "expected words of 4 bytes, found 43 bytes"),
    "no events": (["evt 3.0"], b"", "contains no events"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_raw_that_is_refused(form, tmp_path):
    header, body, message = REFUSED[form]
    with pytest.raises(DataError, match=message):
        columns(saved(tmp_path / "a.raw", header, body))


def test_frames_of_a_raw_file(tmp_path):
    path = saved(tmp_path / "a.raw", ["evt 3.0"], evt3([(0, 1, 2, 1), (5, 1, 2, 1), (10, 0, 3, 0)]))
    frames = events.read(path, (2, 4, 4), 2)
    assert frames[0].sum() == 1
    assert frames[1, 1, 2, 1] == frames[1, 0, 3, 0] == 1


class TestHdf5:
    @pytest.fixture
    def h5py(self):
        return pytest.importorskip("h5py")

    @pytest.mark.parametrize("group", ["", "events", "camera/CD"])
    def test_columns(self, h5py, group, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            parent = file.require_group(group) if group else file
            for name, values in zip(FIELDS, zip(*EVENTS, strict=True), strict=True):
                parent[name] = np.array(values)
            parent["ms_to_idx"] = np.arange(3)
        read = columns(tmp_path / "a.h5")
        assert list(zip(*(read[name].tolist() for name in FIELDS), strict=True)) == EVENTS

    def test_a_table(self, h5py, tmp_path):
        table = np.array([(x, y, p, t) for t, x, y, p in EVENTS], [("x", "u2"), ("y", "u2"), ("p", "i2"), ("t", "i8")])
        with h5py.File(tmp_path / "a.hdf5", "w") as file:
            file["CD/events"] = table
        assert columns(tmp_path / "a.hdf5")["t"].tolist() == [t for t, *_ in EVENTS]

    def test_other_content_is_refused(self, h5py, tmp_path):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["images"] = np.zeros((3, 4))
        with pytest.raises(DataError, match=r"a.h5: has no columns t, x, y, p: / contains images"):
            columns(tmp_path / "a.h5")
        (tmp_path / "b.h5").write_bytes(b"no HDF5")
        with pytest.raises(DataError, match=r"b.h5: not an HDF5 file of events that can be read"):
            columns(tmp_path / "b.h5")

    def test_without_the_package(self, tmp_path, monkeypatch):
        def absent(name, *rest):
            raise ModuleNotFoundError(name=name)

        monkeypatch.setattr(importlib, "import_module", absent)
        with pytest.raises(MissingDependency, match=r"h5py.*spikelet\[events\]"):
            columns(tmp_path / "a.h5")
