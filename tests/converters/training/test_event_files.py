"""Event files for TensorBoard: records, checksums and values, read by a parser that knows the format only."""

import struct

import pytest

from spikelet_converters.training.event_files import EventFile, crc32c, masked
from spikelet_converters.training.log import EVENTS, RunLog

ROW = {"epoch": 1, "loss": 0.5, "spiking_accuracy": 0.75, "sigma.if1": 0.125}


def fields(content):
    """Yield (number, value) of a message of protobuf."""

    def varint(position):
        value = shift = 0
        while True:
            byte = content[position]
            value |= (byte & 127) << shift
            position, shift = position + 1, shift + 7
            if byte < 128:
                return value, position

    position = 0
    while position < len(content):
        key, position = varint(position)
        if key & 7 == 0:
            value, position = varint(position)
        else:
            size = {1: 8, 5: 4}.get(key & 7)
            if size is None:
                size, position = varint(position)
            value, position = content[position : position + size], position + size
        yield key >> 3, value


def events(path):
    """Return the events of a file as dictionaries by field number, with their checksums compared."""
    content, decoded = path.read_bytes(), []
    while content:
        (size,) = struct.unpack("<Q", content[:8])
        event = content[12 : 12 + size]
        for data, stored in ((content[:8], content[8:12]), (event, content[12 + size : 16 + size])):
            assert struct.unpack("<I", stored)[0] == masked(crc32c(data))
        decoded.append(dict(fields(event)))
        content = content[16 + size :]
    return decoded


def scalars(event):
    values = [dict(fields(value)) for _, value in fields(event[5])]
    return {value[1].decode(): struct.unpack("<f", value[2])[0] for value in values}


@pytest.mark.parametrize(
    ("content", "checksum"),
    [(b"", 0), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_checksums_are_those_of_rfc_3720(content, checksum):
    assert crc32c(content) == checksum


def test_every_column_of_the_log_is_a_scalar(tmp_path):
    run = RunLog(tmp_path, 0)
    assert not list(tmp_path.iterdir()), "a run that fails before its first row leaves no file"
    run.write([ROW])
    run.write([ROW, ROW | {"epoch": 2, "loss": 0.25, "sigma.if1": None}])
    (path,) = (tmp_path / EVENTS).iterdir()
    assert "tfevents" in path.name
    version, start, *steps = events(path)
    assert version[3] == b"brain.Event:2"
    assert dict(fields(start[7])) == {1: 1}
    assert [step[2] for step in steps] == [1, 2]
    assert scalars(steps[0]) == {"epoch": 1, "loss": 0.5, "spiking_accuracy": 0.75, "sigma/if1": 0.125}
    assert scalars(steps[1]) == {"epoch": 2, "loss": 0.25, "spiking_accuracy": 0.75}
    assert 1e9 < struct.unpack("<d", steps[0][1])[0] < 1e11


def test_a_resumed_run_begins_a_file_that_replaces_its_last_row(tmp_path):
    RunLog(tmp_path, 0).write([ROW])
    RunLog(tmp_path, 300).write([ROW | {"epoch": 300}])
    paths = sorted((tmp_path / EVENTS).iterdir(), key=lambda path: len(path.name))
    assert len(paths) == 2
    _, start, step = events(paths[1])
    assert (start[2], step[2]) == (300, 300)


def test_a_name_and_a_step_of_any_length_are_written(tmp_path):
    file = EventFile(tmp_path / "a" / "b", 1)
    file.write(2**40, {"x" * 300: -1.5})
    assert events(file.path)[-1][2] == 2**40
    assert scalars(events(file.path)[-1]) == {"x" * 300: -1.5}
