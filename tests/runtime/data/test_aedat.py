"""AEDAT recordings: an encoder written from the format's description, and a file of iniVation's library."""

import struct

import numpy as np
import pytest

from spikelet.data.events import aedat
from spikelet.data.events.recordings import columns
from spikelet.errors import DataError, MissingDependency

START = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 0: DVS128\r\n#Start-Time: 2015-11-28 16:42:22\r\n"
END = b"#!END-HEADER\r\n"
EVENTS = np.array([(5, 0, 127, 1, 1), (9, 127, 0, 0, 1), (9, 3, 4, 1, 0), (2**31 - 1, 32767, 32767, 0, 1)])


def packet(kind, events, overflow=0, source=0):
    body = b"".join(
        struct.pack("<II", int(valid) | int(p) << 1 | int(y) << 2 | int(x) << 17, int(t))
        for t, x, y, p, valid in events
    )
    valid = int(sum(event[4] for event in events))
    return struct.pack("<hhiiiiii", kind, source, 8, 4, overflow, len(events), len(events), valid) + body


@pytest.mark.parametrize("header", [START + END, START])
def test_version_3(header, tmp_path):
    other = packet(0, EVENTS[:1])  # a special event, which is no event of a pixel
    (tmp_path / "a.aedat").write_bytes(header + other + packet(1, EVENTS) + packet(1, EVENTS[:1], overflow=2))
    table = columns(tmp_path / "a.aedat")
    expected = [*EVENTS[EVENTS[:, 4] == 1, :4].tolist(), [5 + 2**32, 0, 127, 1]]
    assert np.stack([table[name] for name in "txyp"], 1).tolist() == expected


DAMAGED = {
    "nothing": (b"", r"is empty \(0 bytes\)"),
    "version 2": (b"#!AER-DAT2.0\r\n" + bytes(8), "is AEDAT 2.0, in which the numbers of pixels depend on the camera.* save its columns"),
    "no events": (START + END, "contains no polarity events"),
    "a header that does not end": (b"#!AER-DAT3.1 a", "the header does not end"),
    "half a header of a packet": (START + END + packet(1, EVENTS)[:20], "ends inside the header of a packet"),
    "half a packet": (START + END + packet(1, EVENTS)[:-4], "ends inside a packet of 4 events of 8 bytes"),
    "events of another size": (START + END + struct.pack("<hhiiiiii", 1, 0, 12, 4, 0, 1, 1, 1) + bytes(12), "has events of 12 bytes"),
    "two cameras": (START + END + packet(1, EVENTS) + packet(1, EVENTS, source=1), "has events of several sources, 0, 1; expected those of one"),
    "compressed": (START + END + packet(1 - 2**15, EVENTS), "has compressed packets; expected packets of the format RAW"),
    "a negative number": (START + END + struct.pack("<hhiiiiii", 1, 0, 8, 4, 0, -1, -1, -1), "ends inside a packet of -1"),
}  # fmt: skip


@pytest.mark.parametrize("form", DAMAGED)
def test_damaged(form, tmp_path):
    content, message = DAMAGED[form]
    (tmp_path / "a.aedat").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.aedat: {message}"):
        columns(tmp_path / "a.aedat")


DECODER = """
import os
import numpy as np
KIND = np.dtype([("t", "<u8"), ("x", "<u2"), ("y", "<u2"), (("p", "on"), "?")])
def Decoder(path):
    first = np.array([(10, 1, 2, True), (11, 3, 4, False)], KIND)
    yield {"stream_id": 1, "frame": {}}
    yield {"stream_id": 0, "events": first}
    yield {"stream_id": 0, "events": first[:1]}
"""


class TestVersion4:
    """The package `aedat` decodes in another process; its packets are structured arrays t, x, y, on."""

    @pytest.fixture
    def path(self, tmp_path, monkeypatch):
        (tmp_path / "a.aedat4").write_bytes(b"#!AER-DAT4.0\r\n")
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path / "a.aedat4"

    def test_packets(self, path):
        path.with_name("aedat.py").write_text(DECODER)
        table = columns(path)
        assert np.stack([table[name] for name in "txyp"], 1).tolist() == [[10, 1, 2, 1], [11, 3, 4, 0], [10, 1, 2, 1]]

    def test_events_before_and_after_a_filter(self, path):
        path.with_name("aedat.py").write_text(DECODER + '    yield {"stream_id": 2, "events": first}\n')
        with pytest.raises(DataError, match=r"a\.aedat4: has events of several streams, 0, 2; expected those of one"):
            columns(path)

    @pytest.mark.parametrize(
        ("failure", "message"),
        [
            ("raise BaseException('range\\nout of range')", "not an AEDAT 4 file that can be read .*out of range"),
            ("os.abort()", r"\(the package aedat ended by signal \d+, with at most 4 GiB of memory\)"),
            ("while True: pass", "not decoded by the package aedat within 0.3 s; the file may be damaged"),
        ],
    )
    def test_files_at_which_the_package_fails(self, failure, message, path, monkeypatch):
        monkeypatch.setattr(aedat, "SECONDS", 0.3 if "while" in failure else 60)
        path.with_name("aedat.py").write_text(DECODER + f"    {failure}\n")
        with pytest.raises(DataError, match=rf"a\.aedat4: .*{message}"):
            columns(path)

    def test_without_the_package(self, path, monkeypatch):
        monkeypatch.setattr(aedat.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(MissingDependency, match=r"aedat.*spikelet\[aedat\]"):
            columns(path)
