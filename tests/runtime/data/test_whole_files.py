"""Files that are decoded as a whole are measured before they are read."""

import numpy as np
import pytest

from networks import small_graph
from spikelet import cli
from spikelet.data.events.recordings import columns
from spikelet.errors import CostError
from spikelet.files.plain_pickle import read_pickle
from spikelet.limits import in_environment

HEADS = {".aedat": b"#!AER-DAT3.1\r\n"}
SIZE = 2**40


def large(path):
    """Make a file of many zeros, which takes no space on the disk."""
    with path.open("wb") as file:
        file.write(HEADS.get(path.suffix, b"\x08\x07"))
        file.truncate(SIZE)
    return path


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("a.raw", columns),
        ("a.dat", columns),
        ("a.bin", columns),
        ("a.aedat", columns),
        ("data_batch_1", read_pickle),
    ],
)
def test_a_file_that_is_larger_than_the_limit_of_memory(tmp_path, name, read):
    path = large(tmp_path / name)
    with (
        in_environment(2**30, None),
        pytest.raises(CostError, match=f"{name}: needs up to 1 TiB of memory; the limit is"),
    ):
        read(path)


def test_names_of_classes(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.zeros((1, *small_graph().input.shape), np.uint8))
    assert cli.main(["run", "vgg9-cifar10", str(tmp_path / "a.npy"), "--classes", str(large(tmp_path / "a.txt"))]) == 2
    message = capsys.readouterr().err
    assert "argument --classes: " in message
    assert "a.txt: needs up to" in message
