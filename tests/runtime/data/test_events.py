"""Recordings of event cameras: columns to frames, files, and the answer of a network."""

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
        ({"t": np.full(300, np.nan)}, "a time is NaN or infinity"),
        ({"t": np.zeros(3)}, "expected columns of one length above 0, found t 3, x 300"),
        ({"y": None}, "has no y; expected columns t, x, y, p"),
    ],
)
def test_what_does_not_fit(recording, change, message, tmp_path):
    columns = {k: v for k, v in {**recording, **change}.items() if v is not None}
    np.savez(tmp_path / "a.npz", **columns)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npz", SHAPE, 4)


def test_files_that_are_none(tmp_path):
    for name, message in (
        ("a.txt", "expected events as .csv or .npz with t, x, y, p, or frames as .npy"),
        ("a.npz", "cannot be read as events"),
        ("a.npy", "not a whole NumPy file"),
        ("a.csv", "has no t, x, y, p"),
    ):
        (tmp_path / name).write_text("junk")
        with pytest.raises(DataError, match=message):
            read(tmp_path / name, SHAPE, 4)
    np.save(tmp_path / "b.npy", np.zeros((4, 3, 5, 6)))
    with pytest.raises(DataError, match=r"expected frames \(T, 3, 6, 6\), found float64 \(4, 3, 5, 6\)"):
        read(tmp_path / "b.npy", SHAPE, 4)


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
    assert "answer so far" in capsys.readouterr().out
