"""Folders of classes and splits: labels follow the classes of the network if folders are absent, empty, hidden, nested or renamed."""

import numpy as np
import pytest
from PIL import Image

from spikelet.data import read
from spikelet.data.classes import matched
from spikelet.data.names import natural_key
from spikelet.errors import DataError

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def put(root, folders):
    """Write an image into each folder: its single grey value is the number that the test expects as label, times 10."""
    for name, label in folders.items():
        folder = root / name
        folder.mkdir(parents=True)
        if label is not None:
            Image.new("L", (4, 4), label * 10).save(folder / "a.png")
    return root


def right(data):
    """Return whether every label is that of the class of its image."""
    return (data.images[:, 0, 0, 0] == data.labels * 10).all()


@pytest.mark.parametrize(
    "folders",
    [
        {name: k for k, name in enumerate(CIFAR)},
        {"airplane": 0, "bird": 2, "truck": 9},  # absent classes
        {"airplane": 0, "automobile": None, "bird": 2},  # an empty class
        {"airplane": 0, "bird": 2, "notes": None},  # an empty folder that is no class
        {"airplane": 0, "bird": 2, ".git": 5, "__MACOSX": 5, "@eaDir": 5},  # hidden folders
        {"AIRPLANE": 0, "Bird": 2},  # another capitalisation
        {"0": 0, "2": 2, "9": 9},  # indices
        {"00": 0, "02": 2},
        {"airplane/a": 0, "airplane/b": 0, "bird/c/d": 2},  # nested
    ],
    ids=["all", "absent", "empty", "unrelated", "hidden", "capitals", "indices", "zeros", "nested"],
)
def test_labels_are_those_of_the_names(tmp_path, folders):
    data = read(put(tmp_path, folders)).with_classes(CIFAR)
    assert right(data)
    assert data.classes == CIFAR
    assert len(data) == sum(label is not None for name, label in folders.items() if name[0] not in "._@")


def test_names_that_are_no_file_names(tmp_path):
    folders = {"T-shirt_top": 0, "ankle_boot": 9, "Coat": 4, "shirt": 6}
    assert right(read(put(tmp_path, folders)).with_classes(FASHION))


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ({"airplane": 0, "cow": 1}, "unknown class 'cow'; expected one of airplane, .* or name them by index, from 0"),
        ({"1": 1, "10": 10}, r"has a class 10, the network's classes are 0…9; they are numbered from 1"),
        ({"1": 1, "01": 1}, "two class folders have the same number"),
        ({"cat": 3, "Cat": 3}, "are the same class 'cat'; put its images into one folder"),
        ({"cat": 3, "7": 7}, "unknown class '7'"),
    ],
)
def test_names_without_a_class(tmp_path, folders, message):
    with pytest.raises(DataError, match=message):
        read(put(tmp_path, folders)).with_classes(CIFAR)


def test_punctuation_does_not_join_two_classes():
    assert matched(["a-b", "a_b"], ["a_b", "a-b"]) == [1, 0]
    with pytest.raises(DataError, match="unknown class 'a b'"):
        matched(["a b"], ["a_b", "a-b"])


def test_numbers_are_no_indices_of_classes_that_are_named_by_numbers():
    """The class 1 is the first one; 0 is not a name."""
    assert matched(["3", "1"], ["1", "2", "3"]) == [2, 0]
    with pytest.raises(DataError, match="unknown class '0'"):
        matched(["0", "1"], ["1", "2", "3"])


class TestNetworksWithoutNames:
    def test_numbers_are_indices_in_their_natural_order(self, tmp_path):
        data = read(put(tmp_path, {str(k): k for k in range(12)}))
        assert data.classes == tuple(str(k) for k in range(12))
        assert right(data)
        assert right(data.with_classes(None, 12))

    def test_an_absent_number_does_not_shift_the_others(self, tmp_path):
        assert right(read(put(tmp_path, {"0": 0, "2": 2, "11": 11})).with_classes(None, 12))

    def test_names_are_taken_in_order_if_there_are_as_many(self, tmp_path):
        data = read(put(tmp_path, {"ant": 0, "bee": 1, "cat": None, "dog": 3})).with_classes(None, 4)
        assert right(data)
        assert data.classes == ("ant", "bee", "2", "dog")

    @pytest.mark.parametrize("classes", [FASHION, ("dog", "ant", "cat", "bee"), ("x10", "x1", "x2", "x3")])
    def test_names_that_a_data_set_states_by_index_keep_their_order(self, classes, tmp_path):
        labels = np.arange(len(classes))
        np.savez(tmp_path / "a.npz", images=np.full((len(classes), 8, 8), 9), labels=labels, classes=classes)
        data = read(tmp_path / "a.npz").with_classes(None, len(classes))
        assert data.labels.tolist() == labels.tolist()
        assert data.classes == tuple(classes)

    @pytest.mark.parametrize(
        ("folders", "message"),
        [
            ({"ant": 0, "dog": 3}, "has 2 classes, the network has 4 without names, .* with --classes"),
            ({"ant": 0, "b": 1, "c": 2, "d": 3, "log": None}, r"has 5 classes \(without images: log\)"),
            ({"x1": 0, "x2": 1, "x10": 2, "x3": 3}, "order of the classes x1, x2, x3, x10 differs from that of their"),
            (
                {"1": 0, "2": 1, "3": 2, "4": 3},
                "has a class 4, the network's classes are 0…3; they are numbered from 1",
            ),
        ],
    )
    def test_names_that_do_not_decide(self, tmp_path, folders, message):
        with pytest.raises(DataError, match=message):
            read(put(tmp_path, folders)).with_classes(None, 4)

    def test_labels_of_arrays_must_be_indices(self, tmp_path):
        np.savez(tmp_path / "a.npz", images=np.full((2, 8, 8), 9), labels=[1, 4])
        with pytest.raises(DataError, match="has a label of 4, the network's classes are 0…3; they begin with 1"):
            read(tmp_path / "a.npz").with_classes(None, 4)
        np.savez(tmp_path / "b.npz", images=np.full((2, 8, 8), 9), labels=[1, 50])  # no index less 1 either
        with pytest.raises(DataError, match="has a label of 50, the network's classes are 0…3$"):
            read(tmp_path / "b.npz").with_classes(None, 4)


class TestSplits:
    @pytest.mark.parametrize("names", [("train", "valid", "test"), ("Training", "val", "Testing")])
    def test_every_split_is_read_when_asked_for(self, tmp_path, names):
        for k, name in enumerate(names):
            put(tmp_path / name, {"ant": k, "bee": k})
        for k, split in enumerate(("train", "valid", "test")):
            data = read(tmp_path, split)
            assert (data.images == 10 * k).all()
            assert data.name == f"{tmp_path.name} {names[k]}"
        assert (read(tmp_path).images == 20).all()

    def test_a_class_named_train_is_a_class(self, tmp_path):
        data = read(put(tmp_path, {"bus": 0, "car": 1, "train": 2}))
        assert data.classes == ("bus", "car", "train")
        assert right(data)

    @pytest.mark.parametrize(
        ("folders", "message"),
        [
            ({"train/ant": 0, "train/bee": 1}, "has no folder of test or validation images, but train: give --split"),
            (
                {"train/ant": 0, "test/ant": 0, "extra": 1},
                "folders of splits .* beside others .extra.; name one of them",
            ),
            ({"val/ant": 0, "valid/ant": 0}, "has several valid folders, val, valid; name one of them"),
            (
                {"ant/train": 0, "ant/test": 0, "bee/train": 1},
                "ant: is a folder of a class with folders of splits in it",
            ),
            ({"photos/ant": 0, "photos/bee": 1}, "contains one folder, photos, with folders of images in it; name"),
        ],
    )
    def test_folders_with_several_meanings(self, tmp_path, folders, message):
        with pytest.raises(DataError, match=message):
            read(put(tmp_path, folders))

    def test_images_beside_folders_of_classes(self, tmp_path):
        put(tmp_path, {"ant": 0, "bee": 1})
        Image.new("L", (4, 4)).save(tmp_path / "preview.png")
        with pytest.raises(DataError, match=r"has images \(preview.png\) beside folders of images \(ant, bee\)"):
            read(tmp_path)

    @pytest.mark.parametrize("inner", ["", "seg_"])
    def test_class_folders_with_names_of_splits(self, tmp_path, inner):
        """As the scenes of Kaggle have them, seg_train/seg_train/CLASS."""
        names = [f"seg_{split}/{inner}{split}/{name}" for split in ("train", "test") for name in ("ant", "bee")]
        put(tmp_path, dict.fromkeys(names, 1))
        with pytest.raises(
            DataError, match=r"folders seg_test, seg_train have the names of splits, not of classes|splits in it"
        ):
            read(tmp_path)

    def test_classes_whose_names_contain_words_of_splits(self, tmp_path):
        """Trains are a class, and folders of images alone are classes whatever their names."""
        assert read(put(tmp_path / "a", {"train_station": 0, "steam train": 1})).classes == (
            "steam train",
            "train_station",
        )
        assert read(put(tmp_path / "b", {"contest": 0, "validity/x": 1})).classes == ("contest", "validity")

    @pytest.mark.parametrize("table", ["labels.csv", "train.tsv"])
    @pytest.mark.parametrize("below", ["", "images"])
    def test_a_table_of_labels_is_not_passed_over(self, tmp_path, table, below):
        """Without its labels, all images would be of one class, or of none."""
        (tmp_path / below).mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / below / "a.png")
        joint = "\t" if table.endswith("tsv") else ","
        (tmp_path / table).write_text(f"image_id{joint}Label\na{joint}3\n")
        with pytest.raises(DataError, match=rf"{table}: has labels of the images beside it; labels in a table are not"):
            read(tmp_path)

    @pytest.mark.parametrize(
        "text", ["", "name,label\nother,3\n", "file,width\na.png,4\n", '\x00,"', "predictions: a.png"]
    )
    def test_other_tables_are_ignored(self, tmp_path, text):
        Image.new("L", (4, 4)).save(tmp_path / "a.png")
        (tmp_path / "notes.csv").write_text(text)
        (tmp_path / "more.csv").write_bytes(b"\xff\xfe label")
        assert read(tmp_path).labels is None

    def test_a_table_beside_classes_is_ignored(self, tmp_path):
        put(tmp_path, {"ant": 0, "bee": 1})
        (tmp_path / "labels.csv").write_text("file,label\na.png,ant\n")
        assert right(read(tmp_path))

    def test_a_loop_of_links(self, tmp_path):
        put(tmp_path, {"ant": 0, "bee": 1})
        (tmp_path / "ant" / "again").symlink_to(tmp_path / "ant")
        with pytest.raises(DataError, match="lies more than 8 folders below a class; is it a link"):
            read(tmp_path)

    def test_files_of_another_split(self, tmp_path):
        (tmp_path / "train-images-idx3-ubyte").write_bytes(b"")
        with pytest.raises(DataError, match="has the train files of a data set, not those of test"):
            read(tmp_path)


def test_images_are_read_in_natural_order(tmp_path):
    for k in (10, 9, 100, 1):
        Image.new("L", (4, 4), k).save(tmp_path / f"frame{k}.png")
    assert read(tmp_path).images[:, 0, 0, 0].tolist() == [1, 9, 10, 100]
    assert sorted(["a10", "a9", "A1", "b", "10", "9"], key=natural_key) == ["9", "10", "A1", "a9", "a10", "b"]
