"""Readers of images: every layout is written and read back; damaged files are refused."""

import gzip
import os
import pickle

import numpy as np
import pytest

from spikelet import shipped
from spikelet.data import ImageSet, arrays, read
from spikelet.data.formats import cifar, idx
from spikelet.errors import DataError

RNG = np.random.default_rng(0)
TEN = ("cat", "dog", "bird", "frog", "deer", "horse", "ship", "truck", "car", "plane")


def image_set(n=6, shape=(3, 32, 32), classes=3):
    labels = np.arange(n, dtype=np.int64) % classes
    return ImageSet(RNG.integers(0, 256, (n, *shape)).astype(np.uint8), labels, tuple("abcdefghij"[:classes]), "random")


def write_cifar10(target, data, python=False):
    target.mkdir(parents=True, exist_ok=True)
    flat = data.images.reshape(len(data), -1)
    for name in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
        if python:
            (target / name).write_bytes(pickle.dumps({b"data": flat, b"labels": data.labels.tolist()}, protocol=2))
        else:
            (target / f"{name}.bin").write_bytes(np.hstack([data.labels[:, None].astype(np.uint8), flat]).tobytes())


def write_idx(target, data, suffix=""):
    target.mkdir(parents=True, exist_ok=True)
    n, _, height, width = data.images.shape
    head = b"".join(int(v).to_bytes(4, "big") for v in (0x803, n, height, width))
    pack = gzip.compress if suffix else bytes
    for prefix in ("train", "t10k"):
        (target / f"{prefix}-images-idx3-ubyte{suffix}").write_bytes(pack(head + data.images.tobytes()))
        labels = (0x801).to_bytes(4, "big") + n.to_bytes(4, "big") + data.labels.astype(np.uint8).tobytes()
        (target / f"{prefix}-labels-idx1-ubyte{suffix}").write_bytes(pack(labels))


class TestCifar:
    @pytest.mark.parametrize("python", [False, True])
    @pytest.mark.parametrize("inside", [False, True])
    def test_round_trip(self, tmp_path, python, inside):
        data = image_set(classes=10)
        target = tmp_path / f"cifar-10-batches-{'py' if python else 'bin'}" if inside else tmp_path
        write_cifar10(target, data, python)
        if python:
            (target / "batches.meta").write_bytes(pickle.dumps({b"label_names": [name.encode() for name in TEN]}))
        else:
            (target / "batches.meta.txt").write_text("\n".join(TEN) + "\n\n")
        test, train = read(tmp_path, "test"), read(tmp_path, "train")
        assert np.array_equal(test.images, data.images)
        assert np.array_equal(test.labels, data.labels)
        assert test.classes == TEN
        assert len(train) == 5 * len(data)
        assert test.name == "cifar-10 test"

    @pytest.mark.parametrize("python", [False, True])
    def test_cifar_100_takes_the_fine_labels(self, tmp_path, python):
        data = image_set(classes=3)
        flat, fine = data.images.reshape(len(data), -1), data.labels + 90
        for split in ("train", "test"):
            if python:
                content = {b"data": flat, b"fine_labels": fine.tolist(), b"coarse_labels": [0] * len(data)}
                (tmp_path / split).write_bytes(pickle.dumps(content))
            else:
                coarse = np.zeros((len(data), 1), np.uint8)
                rows = np.hstack([coarse, fine[:, None].astype(np.uint8), flat])
                (tmp_path / f"{split}.bin").write_bytes(rows.tobytes())
        loaded = read(tmp_path)
        assert np.array_equal(loaded.labels, fine)
        assert np.array_equal(loaded.images, data.images)
        assert loaded.name == "cifar-100 test"

    def test_pickles_of_numpy_1_are_read(self, tmp_path):
        data = image_set(classes=10)
        write_cifar10(tmp_path, data, python=True)
        content = (tmp_path / "test_batch").read_bytes()
        (tmp_path / "test_batch").write_bytes(content.replace(b"numpy._core", b"numpy.core"))
        assert np.array_equal(read(tmp_path).images, data.images)

    def test_a_pickle_with_a_call_is_refused_and_not_executed(self, tmp_path):
        class Evil:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "called"),)

        write_cifar10(tmp_path, image_set(classes=10), python=True)
        (tmp_path / "test_batch").write_bytes(pickle.dumps(Evil()))
        with pytest.raises(DataError, match=r"test_batch: not a pickle of plain values \(it refers to posix.mkdir\)"):
            read(tmp_path)
        assert not (tmp_path / "called").exists()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                lambda p: p.write_bytes(p.read_bytes()[:-1]),
                "expected records of 3073 bytes, found .* is the file complete",
            ),
            (lambda p: p.write_bytes(b"a"), "expected records of 3073 bytes, found 1 bytes"),
            (lambda p: p.write_bytes(b"\x0a" + p.read_bytes()[1:]), "cifar-10 labels are 0…9, found 10"),
        ],
    )
    def test_damage(self, tmp_path, change, message):
        write_cifar10(tmp_path, image_set(classes=10))
        change(tmp_path / "test_batch.bin")
        with pytest.raises(DataError, match=message):
            read(tmp_path)

    def test_a_missing_batch(self, tmp_path):
        write_cifar10(tmp_path, image_set(classes=10))
        (tmp_path / "data_batch_3.bin").unlink()
        with pytest.raises(DataError, match="data_batch_3.bin: missing; the cifar-10 train split needs it"):
            read(tmp_path, "train")

    def test_broken_python_batches(self, tmp_path):
        write_cifar10(tmp_path, image_set(classes=10), python=True)
        for content in (b"", b"junk", pickle.dumps([1]), pickle.dumps({b"labels": [1]})):
            (tmp_path / "test_batch").write_bytes(content)
            with pytest.raises(DataError, match="test_batch: "):
                read(tmp_path)

    def test_the_error_lists_the_expected_files(self, tmp_path):
        with pytest.raises(DataError, match="expected the test files of CIFAR-10 or CIFAR-100, found none of them"):
            cifar.read(tmp_path, "test")


class TestIdx:
    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_round_trip(self, tmp_path, suffix):
        data = image_set(shape=(1, 28, 28), classes=10)
        write_idx(tmp_path / "fashion-mnist", data, suffix)
        loaded = read(tmp_path / "fashion-mnist")
        assert np.array_equal(loaded.images, data.images)
        assert np.array_equal(loaded.labels, data.labels)
        assert loaded.classes[9] == "Ankle boot"
        assert loaded.name == "Fashion-MNIST test"

    @pytest.mark.parametrize(("written", "renamed"), [("", ".gz"), (".gz", "")])
    def test_compression_is_recognised_by_content(self, tmp_path, written, renamed):
        data = image_set(shape=(1, 28, 28), classes=10)
        write_idx(tmp_path, data, written)
        for path in list(tmp_path.iterdir()):
            path.rename(path.with_name(path.name.removesuffix(".gz") + renamed))
        assert np.array_equal(read(tmp_path).images, data.images)

    @pytest.mark.parametrize("packed", ["images", "labels"])
    def test_one_of_two_files_unpacked(self, tmp_path, packed):
        data = image_set(shape=(1, 28, 28), classes=10)
        write_idx(tmp_path, data)
        path = next(path for path in tmp_path.iterdir() if packed in path.name)
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        assert np.array_equal(read(tmp_path).labels, data.labels)

    @pytest.mark.parametrize("below", ["raw", "FashionMNIST/raw"])
    def test_where_torchvision_stores_it(self, tmp_path, below):
        data = image_set(shape=(1, 28, 28), classes=10)
        write_idx(tmp_path / "data" / below, data)
        loaded = read(tmp_path / "data")
        assert np.array_equal(loaded.images, data.images)
        assert np.array_equal(loaded.labels, data.labels)
        assert (loaded.classes is not None) == ("Fashion" in below)

    def test_several_data_sets_below(self, tmp_path):
        for name in ("MNIST", "FashionMNIST"):
            write_idx(tmp_path / name / "raw", image_set(shape=(1, 28, 28)))
        with pytest.raises(
            DataError, match=r"has several data sets, in FashionMNIST/raw, MNIST/raw; name the folder of"
        ):
            read(tmp_path)

    def test_other_folders_have_no_class_names(self, tmp_path):
        write_idx(tmp_path / "digits", image_set(shape=(1, 28, 28)))
        loaded = read(tmp_path / "digits", "train")
        assert (loaded.classes, loaded.name) == (None, "IDX train")
        assert loaded.class_count == 3

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\0", "expected an IDX file of bytes with 3 axes"),
            (b"\0\0\x08\x01" + bytes(12), "expected an IDX file of bytes with 3 axes"),
            (b"\0\0\x08\x03" + b"\xff" * 12, r"declares \(4294967295, 4294967295, 4294967295\)"),
            (b"\0\0\x08\x03" + b"\0\0\0\1" * 3 + b"ab", "that is 1 bytes, and contains 2"),
        ],
    )
    def test_damage(self, tmp_path, content, message):
        write_idx(tmp_path, image_set(shape=(1, 28, 28)))
        (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content)
        with pytest.raises(DataError, match=message):
            read(tmp_path)

    def test_cut_off_gzip(self, tmp_path):
        write_idx(tmp_path, image_set(shape=(1, 28, 28)), ".gz")
        path = tmp_path / "t10k-images-idx3-ubyte.gz"
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(DataError, match="cannot be read"):
            read(tmp_path)

    def test_labels_that_are_missing_or_too_few(self, tmp_path):
        write_idx(tmp_path, image_set(shape=(1, 28, 28)))
        labels = tmp_path / "t10k-labels-idx1-ubyte"
        labels.write_bytes((0x801).to_bytes(4, "big") + (1).to_bytes(4, "big") + b"\0")
        with pytest.raises(DataError, match="6 images, but 1 labels beside them"):
            read(tmp_path)
        labels.unlink()
        with pytest.raises(DataError, match="t10k-labels-idx1-ubyte: missing"):
            idx.read(tmp_path, "test")

    @pytest.mark.parametrize("place", [".", "EMNIST/raw"])
    def test_emnist_is_refused_by_name(self, place, tmp_path):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "emnist-letters-test-images-idx3-ubyte.gz").write_bytes(b"")
        with pytest.raises(DataError, match=r"ubyte\.gz: EMNIST stores images with rows and columns exchanged"):
            read(tmp_path)


def test_unknown_names_are_refused_with_the_known_ones(tmp_path):
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(DataError, match=r"a\.xyz: a file of an unknown type; expected an image .* or IDX files"):
        read(tmp_path / "a.xyz")
    with pytest.raises(DataError, match="none: no such file or folder"):
        read(tmp_path / "none")


def test_a_sample_has_equally_many_of_each_class_and_is_repeatable():
    data = image_set(60, (1, 2, 2))
    sample = data.sample(7, seed=3)
    assert np.bincount(sample.labels).tolist() == [7, 7, 7]
    assert sample.digest == data.sample(7, seed=3).digest
    assert sample.digest != data.sample(7, seed=4).digest
    assert sample.labels.tolist() != sorted(sample.labels.tolist())


def test_the_digest_distinguishes_data():
    data = image_set()
    assert data.digest == data.renamed("other").digest
    assert data.digest != data.take(slice(0, 5)).digest
    assert data.digest != ImageSet(data.images, None, None, "x").digest


@pytest.mark.parametrize("dtype", ["u1", "<i4", ">i8", "u8"])
def test_equal_labels_of_any_integer_type_have_equal_digests(dtype):
    pixels, labels = np.zeros((3, 1, 2, 2), np.uint8), np.arange(3)
    images = ImageSet(pixels, labels.astype(dtype), None, "x")
    assert images.labels.dtype == np.int64
    assert images.digest == ImageSet(pixels, labels, None, "x").digest
    with pytest.raises(DataError, match="x: labels must be at most 2,147,483,647, found 9223372036854775808"):
        ImageSet(pixels, np.full(3, 2**63, np.uint64), None, "x")


@pytest.mark.parametrize("index", [np.array([2]), [2], np.array([False, False, True]), slice(2, None)])
def test_images_are_taken_by_index_mask_or_slice(index):
    images = ImageSet(np.zeros((3, 4), np.uint8), np.arange(3), None, "x", ("a", "b", "c"))
    taken = images.take(index)
    assert (taken.labels.tolist(), taken.files, taken.images.shape) == ([2], ("c",), (1, 4))


@pytest.mark.parametrize(
    "name", ["t10k-images-idx3-ubyte", "train-labels.idx1-ubyte.gz", "data_batch_1", "test_batch.bin"]
)
def test_one_file_of_a_published_data_set_names_its_folder(tmp_path, name):
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(DataError, match=f"{name}: one file of a data set, expected the folder .*, {tmp_path}$"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("train.csv", "load it with pandas and save it with numpy.savez"),
        ("training.pt", "load it with torch and save it with numpy.savez"),
        ("digits.mat", "load it with SciPy and save it with numpy.savez"),
        ("images.tar.gz", "unpack it first"),
        ("images.xyz", "or IDX files"),
    ],
)
def test_a_file_of_another_type_names_the_way_to_one_that_is_read(tmp_path, name, advice):
    (tmp_path / name).write_bytes(b"junk")
    with pytest.raises(DataError, match=rf"{name}: a file of an unknown type; expected .*{advice}"):
        read(tmp_path / name)


def test_shipped_images_that_do_not_fit_are_read_once_and_again_when_they_change(tmp_path, monkeypatch):
    path, read_file, paths = tmp_path / "small.npz", arrays.read, []
    arrays.write(path, image_set(shape=(1, 4, 4)))
    monkeypatch.setattr(shipped, "files", lambda: [path])
    monkeypatch.setattr(arrays, "read", lambda file: (paths.append(file), read_file(file))[1])
    for _ in range(2):
        assert shipped.images_for((3, 4, 4), None) is None
    assert len(paths) == 1
    arrays.write(path, image_set(n=9, shape=(3, 4, 4)))
    assert len(shipped.images_for((3, 4, 4), ("a", "b", "c"))) == 9
    assert shipped.images_for((3, 4, 4), ("a", "b", "x")) is None
