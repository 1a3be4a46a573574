"""Recordings of event cameras: columns to frames, files, and the prediction of a network."""

import json

import numpy as np
import pytest

from networks import small_graph
from spikelet import cli, load
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.data.events import frames, read
from spikelet.errors import DataError
from spikelet.verify import record_golden

SHAPE = (3, 6, 6)


@pytest.fixture
def recording():
    rng = np.random.default_rng(0)
    return {"t": rng.uniform(5, 25, 300), **{k: rng.integers(0, n, 300) for k, n in (("x", 6), ("y", 6), ("p", 3))}}


def test_events_are_counted_where_and_when_they_fall():
    counts = frames(
        *np.array([[0, 10, 10, 99, 100], [1, 2, 2, 0, 3], [0, 1, 1, 3, 2], [0, 1, 1, -1, 1]]), (2, 4, 4), 10
    )
    assert counts.shape == (10, 2, 4, 4)
    assert counts.sum() == 5
    assert counts[0, 0, 0, 1] == 1, "channel p, row y, column x"
    assert counts[1, 1, 1, 2] == 2, "t = 10 of 0…100 begins the second of ten bins"
    assert counts[9, 0, 3, 0] == 1, "polarity -1 is channel 0"
    assert counts[9, 1, 2, 3] == 1, "the last event falls into the last bin"
    grey = frames(np.zeros(3), [0, 1, 1], [0, 0, 0], [1, 0, -1], (1, 2, 2), 4)
    assert grey[0, 0, 0].tolist() == [1, 2], "one channel: polarity is left aside; one moment: the first bin"


@pytest.mark.parametrize("by", ["time", "count"])
@pytest.mark.parametrize(
    "t",
    [
        1_700_000_000_000_000_000 + np.array([0, 99, 100, 199]),  # nanoseconds since 1970
        2**64 - 200 + np.array([0, 99, 100, 199], np.uint64),
        np.array([-(2**63), -(2**53), 2**53, 2**63 - 1]),
        np.array([-128, -1, 0, 127], np.int8),
        np.array([0, 99, 100, 199], ">u4"),
    ],
    ids=str,
)
def test_times_of_whole_numbers_are_not_rounded(t, by):
    counts = frames(t, [0, 1, 2, 3], np.zeros(4, int), np.zeros(4, int), (1, 1, 4), 2, by)
    assert counts[:, 0, 0].tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_files(recording, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    if suffix == ".npz":
        np.savez(path, **recording)
    else:
        rows = zip(*(recording[k] for k in "pyxt"), strict=True)
        path.write_text(
            "p, y, x, t\n" + "".join(f"{p},{y},{x},{t!r}\n" for p, y, x, t in (map(float, r) for r in rows))
        )
    assert np.array_equal(read(path, SHAPE, 7), frames(*(recording[k] for k in "txyp"), SHAPE, 7))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.full(300, 6)}, r"x is 6…6, the network takes 0…5 \(shape \(3, 6, 6\)\)"),
        ({"p": np.full(300, 4)}, "p is 4…4, the network takes 0…2"),
        ({"t": np.full(300, np.nan)}, "t: a value is NaN, infinite or beyond 2"),
        ({"t": np.zeros(3)}, r"expected columns \(E,\) of one length above 0, found t \(3,\), x \(300,\)"),
        ({"y": None}, "has no y; expected columns t, x, y, p"),
    ],
)
def test_recordings_that_do_not_fit_are_refused(recording, change, message, tmp_path):
    columns = {k: v for k, v in {**recording, **change}.items() if v is not None}
    np.savez(tmp_path / "a.npz", **columns)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npz", SHAPE, 4)


def test_files_without_events_are_refused(tmp_path):
    for name, message in (
        (
            "a.txt",
            "expected events as .csv, .npz, .npy, .bin, .dat, .aedat, .aedat4, .raw, .h5, .hdf5 with t, x, y, p, or frames",
        ),
        ("a.npz", r"a\.npz: not a complete NumPy file"),
        ("a.npy", r"a\.npy: not a complete NumPy file"),
        ("a.csv", "has no t, x, y, p"),
    ):
        (tmp_path / name).write_text("junk")
        with pytest.raises(DataError, match=message):
            read(tmp_path / name, SHAPE, 4)
    np.save(tmp_path / "b.npy", np.zeros((4, 3, 5, 6)))
    with pytest.raises(DataError, match=r"expected frames \(T, 3, 6, 6\), found float64 \(4, 3, 5, 6\)"):
        read(tmp_path / "b.npy", SHAPE, 4)
    np.save(tmp_path / "c.npy", np.zeros((50, 4)))
    with pytest.raises(DataError, match=r"found float64 \(50, 4\); name the columns of events: numpy.savez\("):
        read(tmp_path / "c.npy", SHAPE, 4)


def test_the_command(recording, tmp_path, capsys):
    graph = small_graph()
    manifest = Manifest("small", bits=8, exact_steps=exact_steps(graph))
    golden = record_golden(graph, np.zeros((1, *SHAPE), np.float32), 4)
    write(Bundle(graph, manifest, golden, ""), tmp_path / "a.snnb")
    np.savez(tmp_path / "a.npz", **recording)
    call = ["events", str(tmp_path / "a.snnb"), str(tmp_path / "a.npz"), "--steps", "6", "--engine", "numpy"]
    assert cli.main([*call, "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["events"] == 300
    sequence = frames(*(recording[k] for k in "txyp"), SHAPE, 6)
    expected = load(tmp_path / "a.snnb", "numpy").run(sequence[:, None], 6)
    assert np.allclose(counts["logits"], expected.logits[-1, 0])
    assert len(counts["answers"]) == 6
    assert cli.main(call) == 0
    assert "prediction so far" in capsys.readouterr().out


def n_mnist(events):
    """Encode events as the 40-bit events of N-MNIST."""
    words = [x << 32 | y << 24 | p << 23 | t for t, x, y, p in events]
    return b"".join(word.to_bytes(5, "big") for word in words)


def prophesee(events):
    """Encode events with Prophesee's header as 64-bit events."""
    words = b"".join(t.to_bytes(4, "little") + (p << 28 | y << 14 | x).to_bytes(4, "little") for t, x, y, p in events)
    return b"% Data file\n% Height 6\n% Width 6\n" + bytes([0, 8]) + words


EVENTS = [(5, 1, 2, 0), (6, 1, 2, 1), (40, 5, 0, 1), (70, 3, 3, 0), (100, 0, 5, 1)]
COLUMNS = dict(zip("txyp", np.array(EVENTS).T, strict=True))


def structured(path):
    np.save(
        path, np.array([(x, y, t, bool(p)) for t, x, y, p in EVENTS], [("x", int), ("y", int), ("t", int), ("p", bool)])
    )


RECORDINGS = {
    "a.bin": lambda path: path.write_bytes(n_mnist(EVENTS)),
    "a.dat": lambda path: path.write_bytes(prophesee(EVENTS)),
    "tonic.npy": structured,
    "spikingjelly.npz": lambda path: np.savez(path, **COLUMNS),
    "names.npz": lambda path: np.savez(
        path, timestamp=COLUMNS["t"], X=COLUMNS["x"], Y=COLUMNS["y"], polarity=COLUMNS["p"]
    ),
    "names.csv": lambda path: path.write_text(
        "Timestamp,col,row,pol\n" + "".join(f"{t},{x},{y},{p}\n" for t, x, y, p in EVENTS), "utf-8-sig"
    ),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_formats_of_cameras_and_frameworks(tmp_path, name):
    RECORDINGS[name](tmp_path / name)
    sequence = read(tmp_path / name, (2, 6, 6), 4)
    expected = np.zeros((4, 2, 6, 6))
    for t, x, y, p in EVENTS:
        expected[min((t - 5) * 4 // 95, 3), p, y, x] += 1
    assert np.array_equal(sequence, expected)


def test_the_clock_of_n_mnist_wraps(tmp_path):
    (tmp_path / "a.bin").write_bytes(n_mnist([(8000, 1, 1, 0), (0, 0, 240, 0), (10, 2, 2, 1)]))
    sequence = read(tmp_path / "a.bin", (2, 6, 6), 3)
    assert sequence.sum() == 2, "the row of the wrap is no event"
    assert sequence[0, 0, 1, 1] == sequence[2, 1, 2, 2] == 1, "8192 + 10 is after 8000"


def test_bins_of_equal_counts():
    t = np.array([0, 1, 2, 1000, 3, 4])
    zeros = np.zeros(6, int)
    columns = frames(t, np.arange(6), zeros, zeros, (1, 1, 6), 3, "count")[:, 0, 0]
    assert [np.flatnonzero(bin).tolist() for bin in columns] == [[0, 1], [2, 4], [3, 5]], "in the order of the times"
    counts = frames(t, zeros, zeros, zeros, (1, 1, 1), 3, "count")
    assert counts.ravel().tolist() == [2, 2, 2]
    assert frames(t, zeros, zeros, zeros, (1, 1, 1), 3, "time").ravel().tolist() == [5, 0, 1]
    assert frames(t, zeros, zeros, zeros, (1, 1, 1), 4, "count").sum() == 6


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bin", bytes(7), "expected events of 5 bytes, found 7 bytes; is the file complete"),
        ("a.bin", b"a", "expected events of 5 bytes, found 1 bytes"),
        ("a.dat", b"% no end", "the header does not end"),
        ("a.dat", b"% h\n\0\x04" + bytes(8), "expected events of 8 bytes after the header"),
        ("a.dat", b"% h\n\0\x08" + bytes(9), "expected events of 8 bytes, found 9 bytes"),
        ("a.dat", b"% Data\n% Version 1\n\0\x08" + bytes(8), "is DAT version 1, .*; expected version 2"),
        ("a.dat", b"% Version 2\n\x0e\x08" + bytes(8), "contains triggers, not events of pixels"),
        ("a.aedat4", b"a", "does not begin with #!AER-DAT and a version"),
        ("a.csv", b't,x,y,p\n"' + b"1" * 200_000, "cannot be read as events .field larger than field limit"),
        ("a.txt", b"", "expected events as .csv, .*, or frames"),
    ],
)
def test_damaged_recordings(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name, (2, 6, 6), 4)


def test_columns_that_do_not_decide(tmp_path):
    np.savez(tmp_path / "a.npz", **COLUMNS, ts=COLUMNS["t"])
    with pytest.raises(DataError, match="has several columns for t: t, ts"):
        read(tmp_path / "a.npz", (2, 6, 6), 4)
    np.savez(tmp_path / "b.npz", **{**COLUMNS, "x": COLUMNS["x"] + 0.5})
    with pytest.raises(DataError, match="x has values that are not whole numbers"):
        read(tmp_path / "b.npz", (2, 6, 6), 4)


def test_accuracy_over_a_folder_of_recordings(recording, tmp_path, capsys):
    graph = small_graph()
    manifest = Manifest("small", ("ant", "bee", "cat"), bits=8, exact_steps=exact_steps(graph))
    golden = record_golden(graph, np.zeros((1, *SHAPE), np.float32), 4)
    write(Bundle(graph, manifest, golden, ""), tmp_path / "a.snnb")
    model = load(tmp_path / "a.snnb", "numpy")
    right = np.zeros(5)
    for index, name in enumerate(["Cat", "ant", "ant"]):
        events = {key: np.roll(value, 7 * index) for key, value in recording.items()}
        events["p"] = (events["p"] + index) % 3
        (tmp_path / "data" / "test" / name).mkdir(parents=True, exist_ok=True)
        np.savez(tmp_path / "data" / "test" / name / f"{index}.npz", **events)
        sequence = frames(*(events[k] for k in "txyp"), SHAPE, 5)
        right += model.run(sequence[:, None], 5).predictions[:, 0] == {"Cat": 2, "ant": 0}[name]
    call = ["events", str(tmp_path / "a.snnb"), str(tmp_path / "data"), "--steps", "5", "--engine", "numpy"]
    assert cli.main([*call, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["recordings"] == 3
    assert facts["accuracy"] == pytest.approx((right / 3).tolist())
    assert cli.main(call) == 0
    assert "data test, 3 recordings" in capsys.readouterr().out
    (tmp_path / "none").mkdir()
    assert cli.main(["events", str(tmp_path / "a.snnb"), str(tmp_path / "none")]) == 1
    assert "no recordings in folders of classes; known: .csv, .npz" in capsys.readouterr().err
