"""Images in folders and arrays: written and read back; damaged ones are refused."""

import io

import numpy as np
import pytest
from PIL import Image

from spikelet.data import ImageSet, arrays, folder, read
from spikelet.errors import DataError

RNG = np.random.default_rng(0)


def image_set(n=6, shape=(3, 32, 32), classes=3):
    labels = np.arange(n, dtype=np.int64) % classes
    return ImageSet(RNG.integers(0, 256, (n, *shape)).astype(np.uint8), labels, tuple("abcdefghij"[:classes]), "random")


def write_folder(target, data):
    for index, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
        (target / data.classes[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(target / data.classes[label] / f"{index:04}.png")


class TestFolder:
    def test_subfolders_are_classes(self, tmp_path):
        data = image_set(shape=(3, 8, 9))
        write_folder(tmp_path, data)
        loaded = read(tmp_path)
        assert loaded.classes == ("a", "b", "c")
        assert loaded.labels.tolist() == [0, 0, 1, 1, 2, 2]
        assert np.array_equal(loaded.images[1], data.images[3])

    def test_a_flat_folder_has_no_labels(self, tmp_path):
        for name in ("b.png", "a.png", ".hidden.png", "note.txt"):
            Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / name, "png")
        loaded = read(tmp_path)
        assert loaded.labels is None
        assert loaded.classes is None
        assert len(loaded) == 2
        with pytest.raises(DataError, match="has no labels; put each class into a separate folder"):
            _ = loaded.class_count

    def test_split_folders(self, tmp_path):
        write_folder(tmp_path / "train", image_set(6, (3, 4, 4)))
        write_folder(tmp_path / "val", image_set(3, (3, 4, 4)))
        assert len(read(tmp_path, "train")) == 6
        assert len(read(tmp_path, "valid")) == 3
        assert read(tmp_path).name == f"{tmp_path.name} val", (
            "no test split: the validation split, and its name says so"
        )
        with pytest.raises(DataError, match="no folder of test images, but train, valid: give --split train"):
            read(tmp_path, "test")

    def test_images_are_fitted_to_the_contract(self, tmp_path):
        pixels = np.zeros((10, 20, 3), np.uint8)
        pixels[:, 5:15] = 200  # the middle half is what a square crop sees
        Image.fromarray(pixels).save(tmp_path / "wide.png")
        loaded = read(tmp_path / "wide.png", shape=(3, 5, 5))
        assert loaded.images.shape == (1, 3, 5, 5)
        assert (abs(loaded.images.astype(int) - 200) <= 15).all(), "nothing of the dark borders"
        assert read(tmp_path / "wide.png", shape=(1, 5, 5)).images.shape == (1, 1, 5, 5)
        same = read(tmp_path / "wide.png", shape=(3, 10, 20))
        assert np.array_equal(same.images[0].transpose(1, 2, 0), pixels), "an image that fits is not touched"

    def test_grey_and_transparent_images(self, tmp_path):
        Image.new("L", (4, 4), 7).save(tmp_path / "grey.png")
        Image.new("RGBA", (4, 4), (1, 2, 3, 4)).save(tmp_path / "clear.png")
        assert read(tmp_path / "grey.png").images.shape == (1, 1, 4, 4)
        assert read(tmp_path / "grey.png", shape=(3, 4, 4)).images.max() == 7
        assert read(tmp_path / "clear.png").images.shape == (1, 3, 4, 4)

    def test_a_broken_file_is_named(self, tmp_path):
        write_folder(tmp_path, image_set(shape=(3, 4, 4)))
        (tmp_path / "b" / "broken.png").write_bytes(b"no image")
        with pytest.raises(DataError, match=r"b/broken\.png: not a complete image"):
            read(tmp_path)

    def test_a_cut_off_jpeg_is_named(self, tmp_path):
        buffer = io.BytesIO()
        Image.fromarray(RNG.integers(0, 256, (64, 64, 3)).astype(np.uint8)).save(buffer, "jpeg")
        (tmp_path / "half.jpg").write_bytes(buffer.getvalue()[:1500])
        with pytest.raises(DataError, match=r"half\.jpg: not a complete image"):
            read(tmp_path)

    def test_a_bomb_is_refused(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        Image.new("RGB", (4, 4)).save(tmp_path / "bomb.png")
        with pytest.raises(DataError, match=r"bomb\.png: not a complete image"):
            read(tmp_path)

    def test_several_sizes_need_a_shape(self, tmp_path):
        Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
        Image.new("RGB", (5, 4)).save(tmp_path / "b.png")
        with pytest.raises(DataError, match=r"b\.png: is of shape \(3, 4, 5\), a\.png of \(3, 4, 4\)"):
            read(tmp_path)
        assert read(tmp_path, shape=(3, 4, 4)).shape == (3, 4, 4)

    def test_an_empty_folder(self, tmp_path):
        with pytest.raises(DataError, match="no images in it, nor in folders of classes"):
            folder.read(tmp_path)

    def test_a_folder_with_a_table_of_pixels_names_it_and_the_way_to_read_it(self, tmp_path):
        (tmp_path / "train.csv").write_text("label,pixel0\n1,0\n")
        (tmp_path / "notes.txt").write_text("MNIST")
        message = r"no images in it, .*; found notes\.txt, train\.csv; load train\.csv with pandas and save it with numpy\.savez"
        with pytest.raises(DataError, match=message):
            read(tmp_path)

    def test_a_network_of_two_channels_takes_no_files(self, tmp_path):
        Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
        with pytest.raises(DataError, match="an image file has 1 or 3 channels, the network takes 2"):
            read(tmp_path / "a.png", shape=(2, 4, 4))


class TestArrays:
    def test_round_trip(self, tmp_path):
        data = image_set(shape=(1, 5, 4))
        arrays.write(tmp_path / "a.npz", data)
        loaded = read(tmp_path / "a.npz")
        assert loaded.digest == data.digest
        assert loaded.classes == data.classes
        assert loaded.name == "random"

    def test_plain_arrays_in_both_layouts(self, tmp_path):
        data = image_set(shape=(3, 8, 9))
        for name, value in (
            ("first", data.images),
            ("last", data.images.transpose(0, 2, 3, 1)),
            ("float", data.images.astype(np.float64)),
        ):
            np.save(tmp_path / f"{name}.npy", value)
            assert np.array_equal(read(tmp_path / f"{name}.npy").images, data.images)
        np.save(tmp_path / "one.npy", data.images[0])
        assert len(read(tmp_path / "one.npy", shape=(3, 8, 9))) == 1

    def test_keys_that_others_use(self, tmp_path):
        data = image_set(shape=(1, 7, 8))
        np.savez(tmp_path / "keras.npz", x_test=data.images, y_test=data.labels[:, None])
        loaded = read(tmp_path / "keras.npz")
        assert np.array_equal(loaded.labels, data.labels)

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (np.full((1, 3, 8, 8), 0.5), r"expected whole pixel values 0…255, found 0.5…0.5 \(float64\)"),
            (np.full((1, 3, 8, 8), 300), "expected whole pixel values 0…255, found 300…300"),
            (np.full((1, 3, 8, 8), np.nan), "contains NaN or infinity"),
            (np.zeros((0, 3, 4, 4), np.uint8), r"found shape \(0, 3, 4, 4\)"),
            (np.zeros((2, 3, 4, 5, 6), np.uint8), r"found shape \(2, 3, 4, 5, 6\); `spikelet events` runs a recording"),
            (np.full((1, 3, 4, 4), "x"), "expected numbers, found an array of <U1"),
            (np.array([{}], object), "not a complete NumPy file of plain numbers"),
        ],
    )
    def test_values_that_are_no_pixels(self, tmp_path, value, message):
        np.save(tmp_path / "a.npy", value, allow_pickle=True)
        with pytest.raises(DataError, match=message):
            read(tmp_path / "a.npy")

    def test_broken_files(self, tmp_path):
        np.savez(tmp_path / "a.npz", images=np.zeros((1, 3, 4, 4), np.uint8))
        whole = (tmp_path / "a.npz").read_bytes()
        for content in (b"", b"junk", whole[:50], whole[: len(whole) // 2]):
            (tmp_path / "a.npz").write_bytes(content)
            with pytest.raises(DataError, match="not a complete NumPy file" if content else "is empty"):
                read(tmp_path / "a.npz")

    def test_no_images_or_labels_that_do_not_fit(self, tmp_path):
        np.savez(tmp_path / "a.npz", spikes=np.zeros(3))
        with pytest.raises(DataError, match="expected an array images, .* or x_train and x_test, found spikes"):
            read(tmp_path / "a.npz")
        pixels = np.zeros((2, 3, 8, 8), np.uint8)
        for labels, message in (
            ([0], "expected one label for each of 2 images, found 1"),
            ([0, -1], "labels must be 0 or more, found -1"),
            ([0.5, 1.0], "expected whole numbers as labels, found float64 with fractions"),
        ):
            np.savez(tmp_path / "a.npz", images=pixels, labels=labels)
            with pytest.raises(DataError, match=message):
                read(tmp_path / "a.npz")
