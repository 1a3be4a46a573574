"""Every reader names the content that stands in the place of a file: that of a failed download, or an archive."""

import bz2
import gzip
import io
import lzma
import os
import re
import zipfile

import numpy as np
import pytest

from spikelet import bundle, data
from spikelet.data import events
from spikelet.data.sound import samples
from spikelet.errors import BundleError, DataError


def zipped(*members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in members:
            archive.writestr(name, b"" if name.endswith("/") else b"abc" * 300)
    return stream.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
REASONS = {
    POINTER: "is a Git LFS pointer, not the file that it stands for; run `git lfs pull`",
    b"\r\n<!DOCTYPE html>\n<html>": "is a web page (HTML or XML), not the file; download the file itself",
    b'\xef\xbb\xbf<?xml version="1.0"?><Error>': "is a web page (HTML or XML), not the file; download the file itself",
    b"404: Not Found": "is the answer of a server that does not have the file; download",
    b"": "is empty (0 bytes); its download or copy was probably interrupted, get the file again",
    gzip.compress(b"abc"): "is compressed with gzip; unpack it first",
    bz2.compress(b"abc"): "is compressed with bzip2; unpack it first",
    lzma.compress(b"abc"): "is compressed with xz; unpack it first",
    zipped("folder/", "folder/model"): "is a ZIP archive; unpack it first",
}
IDX, CIFAR = "train-images-idx3-ubyte", "data_batch_1.bin"


def refuses(path, read, kind, accepted=""):
    """Assert that `read` names each content of the file `path`."""
    path.parent.mkdir(exist_ok=True)
    for content, reason in REASONS.items():
        path.write_bytes(content)
        expected = (
            re.escape(f"{path}: {reason}")
            if not accepted or accepted not in reason
            else "expected an IDX file|cannot be read"
        )
        with pytest.raises(kind, match=expected) as error:
            read()
        assert error.value.remedy in str(error.value)


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.png", f"idx/{IDX}", f"cifar/{CIFAR}", "cat/1.png"])
def test_data(name, tmp_path):
    path, split = tmp_path / name, "train" if name.startswith(("idx", "cifar")) else "auto"
    given = path if path.parent == tmp_path else path.parent
    refuses(path, lambda: data.read(given, split), DataError, "gzip" if name.endswith(IDX) else "")


def test_sound(tmp_path):
    refuses(tmp_path / "a.wav", lambda: samples(tmp_path / "a.wav"), DataError)


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".aedat4", ".h5", ".dat", ".raw", ".bin"])
def test_recordings(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    refuses(path, lambda: events.read(path, (2, 4, 4), 4), DataError)


def test_bundles(tmp_path):
    refuses(tmp_path / "a.snnb", lambda: bundle.read(tmp_path / "a.snnb"), BundleError)


@pytest.mark.parametrize("member", ["a.snnb", "A.SNNB", "model.onnx"])
def test_an_archive_of_a_bundle(member, tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped(member))
    with pytest.raises(BundleError, match=r"a\.zip: is a ZIP archive; unpack it first"):
        bundle.read(tmp_path / "a.zip")


def test_formats_that_are_archives_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.full((2, 1, 4, 5), 9, np.uint8))
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npz").read_bytes())
    for name in ("a.npz", "a.npy"):
        assert len(data.read(tmp_path / name, shape=(1, 4, 5))) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("name", ["a.npz", "a.wav", "a.aedat4"])
def test_a_pipe_does_not_block(name, tmp_path):
    os.mkfifo(tmp_path / name)
    readers = {".wav": samples, ".aedat4": lambda path: events.read(path, (2, 4, 4), 4)}
    reader = readers.get(name[1:], lambda path: data.read(path, shape=(1, 4, 4)))
    with pytest.raises(DataError, match="is a pipe or a device; expected a file; write its content to a file first"):
        reader(tmp_path / name)
