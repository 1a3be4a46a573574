"""Paths in the Python interface: texts and `os.PathLike` objects are accepted; other types are refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import spikelet
import spikelet.bundle
import spikelet.data
from spikelet import shipped, signing
from spikelet.data import ImageSet, arrays
from spikelet.errors import SpikeletError, UsageError
from spikelet.metrics import load_profile
from spikelet.signing.policy import enforce
from spikelet.signing.signature import check
from spikelet_converters.study import read_study
from spikelet_converters.training.checkpoint import load_checkpoint

IMAGES = ImageSet(np.zeros((2, 1, 4, 4), np.uint8), None, None, "two images")
READERS: dict[str, Callable[..., object]] = {
    "spikelet.load": spikelet.load,
    "bundle.read": spikelet.bundle.read,
    "data.read": spikelet.data.read,
    "arrays.read": arrays.read,
    "load_profile": load_profile,
    "load_checkpoint": load_checkpoint,
    "read_study": read_study,
    "read_private_key": signing.read_private_key,
    "read_public_key": signing.read_public_key,
    "sign": lambda path: signing.sign(path, signing.new_key()),
}
OTHERS: dict[str, Callable[..., object]] = {
    "bundle.write": lambda path: spikelet.bundle.write(spikelet.bundle.read(str(shipped.demo())), path),
    "arrays.write": lambda path: arrays.write(path, IMAGES),
    "signature_file": signing.signature_file,
    "signing.status": signing.status,
    "signing.check": lambda path: check(path, b"", ()),
    "signing.enforce": lambda path: enforce(path, b"", signing.Policy((signing.public_key(signing.new_key()),), True)),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_does_not_exist_is_named_for_text_and_for_paths(name, tmp_path):
    missing = tmp_path / "nothing.bin"
    for path in (missing, str(missing), OtherPath(missing)):
        with pytest.raises(SpikeletError, match="nothing.bin"):
            READERS[name](path)


@pytest.mark.parametrize("name", [*READERS, *OTHERS])
@pytest.mark.parametrize("value", [3, None, b"bytes.bin", "a\0b", ["a"]], ids=repr)
def test_invalid_paths_are_refused(name, value):
    with pytest.raises(UsageError, match="path: expected a path, found"):
        (READERS | OTHERS)[name](value)


def test_a_text_is_equivalent_to_a_path(tmp_path):
    bundle = spikelet.bundle.read(str(shipped.demo()))
    assert spikelet.bundle.write(bundle, str(tmp_path / "a.snnb")) == bundle.digest
    arrays.write(str(tmp_path / "a.npz"), IMAGES)
    assert spikelet.data.read(str(tmp_path / "a.npz")).digest == arrays.read(tmp_path / "a.npz").digest
    assert signing.signature_file(str(tmp_path / "a.snnb")) == tmp_path / "a.snnb.sig"


@pytest.mark.parametrize("name", ["bundle.write", "arrays.write"])
def test_a_file_that_cannot_be_written_is_named(name, tmp_path):
    with pytest.raises(SpikeletError, match=r"x\.bin: could not be written \(No such file or directory\)"):
        OTHERS[name](tmp_path / "none" / "x.bin")


@pytest.mark.parametrize("split", ["tests", "", None, 3])
def test_an_unknown_split_is_refused(split, tmp_path):
    with pytest.raises(UsageError, match='split: expected "auto" or "train" or "valid" or "test", found'):
        spikelet.data.read(tmp_path, split)


class OtherPath:
    """An `os.PathLike` that is not a `Path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)
