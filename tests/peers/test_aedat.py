"""An AEDAT 4 file that the package dv-processing 2.0.4 wrote, of 500 random events, read with the package aedat."""

from pathlib import Path

import numpy as np
import pytest

from peers_support import need
from spikelet.data.events.recordings import columns
from spikelet.errors import DataError

FILE = Path(__file__).with_name("events.aedat4")


def test_the_events_that_were_written():
    need("aedat")
    rng, t, events = np.random.default_rng(0), 1000, []
    for _ in range(500):
        t += int(rng.integers(0, 50))
        events.append([t, *(int(rng.integers(size)) for size in (12, 10, 2))])
    table = columns(FILE)
    assert np.stack([table[name] for name in "txyp"], 1).tolist() == events


def test_a_damaged_file(tmp_path):
    need("aedat")
    (tmp_path / "a.aedat4").write_bytes(FILE.read_bytes()[:900])
    with pytest.raises(DataError, match=r"a\.aedat4: (not an AEDAT 4 file that can be read|contains no events)"):
        columns(tmp_path / "a.aedat4")
