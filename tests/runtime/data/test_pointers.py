"""Git LFS pointers, which a clone without Git LFS contains, are named as such by every reader."""

import pytest

from spikelet import bundle, data
from spikelet.data import events
from spikelet.data.sound import samples
from spikelet.errors import BundleError, DataError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
MESSAGE = "{}: is a Git LFS pointer, not the file that it stands for; run `git lfs pull`"
IDX, CIFAR = "train-images-idx3-ubyte", "data_batch_1.bin"


@pytest.mark.parametrize("name", ["a.npz", "a.npy", "a.png", f"idx/{IDX}", f"cifar/{CIFAR}", "cat/1.png"])
def test_data(name, tmp_path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(POINTER)
    with pytest.raises(DataError, match=MESSAGE.format(path)):
        data.read(
            path if path.parent == tmp_path else path.parent, "train" if name.startswith(("idx", "cifar")) else "auto"
        )


def test_sound(tmp_path):
    (tmp_path / "a.wav").write_bytes(POINTER)
    with pytest.raises(DataError, match=MESSAGE.format(tmp_path / "a.wav")):
        samples(tmp_path / "a.wav")


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".aedat4", ".h5", ".dat", ".raw"])
def test_recordings(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(POINTER)
    with pytest.raises(DataError, match=MESSAGE.format(path)):
        events.read(path, (2, 4, 4), 4)


def test_bundles(tmp_path):
    (tmp_path / "a.snnb").write_bytes(POINTER)
    with pytest.raises(BundleError, match=MESSAGE.format(tmp_path / "a.snnb")) as refused:
        bundle.read(tmp_path / "a.snnb")
    assert "git lfs pull" in refused.value.remedy
