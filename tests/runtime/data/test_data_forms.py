"""Forms of images and labels: every form is read and compared with known pixel values, or refused by name.

A formula gives every pixel, and every file is written with NumPy or Pillow alone.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spikelet.data import DataOptions, read
from spikelet.errors import DataError

N, H, W = 5, 6, 7
GREY = (np.arange(N)[:, None, None] * 50 + np.arange(H)[:, None] * 7 + np.arange(W)).astype(np.uint8)
COLOUR = np.stack([GREY, 255 - GREY, GREY // 2], 1)  # (N, C, H, W)
LABELS = np.array([3, 0, 2, 1, 2])
ONE_HOT = np.eye(4, dtype=np.int64)[LABELS]
NAMES = ("ant", "bee", "cat", "dog")


def saved(tmp_path, **arrays):
    np.savez(tmp_path / "data.npz", **arrays)
    return tmp_path / "data.npz"


ARRAYS = {
    "(N, H, W)": (GREY, (1, H, W), {}),
    "(N, 1, H, W)": (GREY[:, None], (1, H, W), {}),
    "(N, H, W, 1)": (GREY[..., None], (1, H, W), {}),
    "(N, C, H, W)": (COLOUR, (3, H, W), {}),
    "(N, H, W, C)": (COLOUR.transpose(0, 2, 3, 1), (3, H, W), {}),
    "(N, H, W), network not known": (GREY, None, {}),
    "(N, C, H, W), network not known": (COLOUR, None, {}),
    "(N, H, W, C), network not known": (COLOUR.transpose(0, 2, 3, 1), None, {}),
    "(N, C, H, W), Fortran memory order": (np.asfortranarray(COLOUR), (3, H, W), {}),
    "big-endian 32-bit integers": (GREY.astype(">i4"), (1, H, W), {}),
    "float64 with whole values": (GREY.astype(np.float64), (1, H, W), {}),
    "float16 with whole values": (GREY.astype(np.float16), (1, H, W), {}),
    "values 0…1 and `--white 1`": ((GREY / 255).astype(np.float32), (1, H, W), {"white": 1}),
    "16-bit values and `--white 65535`": (GREY.astype(np.uint16) * 257, (1, H, W), {"white": 65535}),
    "12-bit values and `--white 4095`": (np.rint(GREY * (4095 / 255)).astype(np.uint16), (1, H, W), {"white": 4095}),
    "(N, H, W, C) and `--layout NHWC`": (np.repeat(GREY[:, :3, :3, None], 3, 3), (3, 3, 3), {"layout": "NHWC"}),
}


@pytest.mark.parametrize("form", ARRAYS)
def test_arrays_of_images(tmp_path, form):
    value, shape, options = ARRAYS[form]
    np.save(tmp_path / "a.npy", value)
    expected = COLOUR if 3 in (value.shape[1], value.shape[-1]) else GREY[:, None]
    if "--layout" in form:
        expected = np.repeat(GREY[:, None, :3, :3], 3, 1)
    loaded = read(tmp_path / "a.npy", shape=shape, options=DataOptions(**options))
    assert np.array_equal(loaded.images, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(GREY[1], GREY[1:2, None]), (COLOUR[1], COLOUR[1:2]), (COLOUR[1].transpose(1, 2, 0), COLOUR[1:2])],
    ids=["(H, W)", "(C, H, W)", "(H, W, C)"],
)
def test_one_image_without_an_axis_of_images(tmp_path, value, expected):
    np.save(tmp_path / "a.npy", value)
    assert np.array_equal(read(tmp_path / "a.npy", shape=expected.shape[1:]).images, expected)


@pytest.mark.parametrize(
    "value", [GREY, GREY[:, None], GREY.reshape(N, -1)], ids=["(N, H, W)", "(N, 1, H, W)", "(N, F)"]
)
def test_samples_of_a_network_without_channels(tmp_path, value):
    np.save(tmp_path / "a.npy", value)
    loaded = read(tmp_path / "a.npy", shape=(H * W,))
    assert loaded.shape == (H * W,)
    assert np.array_equal(loaded.images, GREY.reshape(N, H * W))


REFUSED_ARRAYS = {
    "(3, H, W), network not known": (
        np.zeros((3, 8, 9), np.uint8),
        None,
        r"can be read as NHW or CHW; give its axes with --layout",
    ),
    "(N, 3, H, 3), network not known": (np.zeros((5, 3, 8, 3), np.uint8), None, "--layout"),
    "(3, 3, 3)": (GREY[:3, :3, :3], (3, 3, 3), r"can be read as CHW or HWC; give its axes with --layout"),
    "(N, 3, 3, 3)": (np.zeros((2, 3, 3, 3), np.uint8), (3, 3, 3), "can be read as NCHW or NHWC"),
    "(T, 2, H, W)": (
        np.zeros((20, 2, 34, 34), np.uint8),
        (2, 34, 34),
        "20 images of two channels, or the frames of one recording .* --layout NCHW reads images, and `spikelet events`",
    ),
    "images of another size": (
        GREY,
        (1, H, W + 1),
        r"expected an array of images of the network's \(1, 6, 8\), found shape .*; give data of this shape",
    ),
    "values 0…1": (GREY / 255, (1, H, W), "expected whole pixel values 0…255, found 0….*--white: 1 for images"),
    "16-bit values": (GREY.astype(np.uint16) * 257, (1, H, W), "found 0….*65535 for 16 bits"),
    "only the values 0 and 1": (
        GREY % 2,
        (1, H, W),
        "all values are 0 or 1, where white is 255; give the value of white",
    ),
    "boolean values": (
        GREY > 9,
        (1, H, W),
        "expected numbers, found an array of bool; give the value of white with --white 1",
    ),
    "negative values": (GREY.astype(int) - 100, (1, H, W), "0…255, found -100.* before their mean is subtracted$"),
    "complex values": (GREY.astype(np.complex64), (1, H, W), "expected numbers, found an array of complex64"),
    "lines of pixels": (GREY.reshape(N, -1), (1, H, W), rf"row by row, save images.reshape\(-1, 1, {H}, {W}\)"),
    "structured arrays": (
        np.zeros(9, [("t", int), ("x", int)]),
        (1, H, W),
        "found records of t, x; `spikelet events` runs",
    ),
    "(N, C, H, W), network takes (F,)": (COLOUR, (3 * H * W,), "expected an array of images of the network's"),
}


@pytest.mark.parametrize("form", REFUSED_ARRAYS)
def test_arrays_with_several_meanings_or_none(tmp_path, form):
    value, shape, message = REFUSED_ARRAYS[form]
    np.save(tmp_path / "a.npy", value)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npy", shape=shape)


def test_an_option_decides_where_an_array_has_several_meanings(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    first = read(tmp_path / "a.npy", shape=(3, 3, 3), options=DataOptions(layout="CHW")).images[0]
    last = read(tmp_path / "a.npy", shape=(3, 3, 3), options=DataOptions(layout="HWC")).images[0]
    assert first[1, 0, 2] == 9 + 2
    assert last[1, 0, 2] == 2 * 3 + 1
    with pytest.raises(DataError, match=r"--layout NCHW has 4 axes, found shape \(3, 3, 3\)"):
        read(tmp_path / "a.npy", shape=(3, 3, 3), options=DataOptions(layout="NCHW"))
    np.save(tmp_path / "b.npy", GREY % 2)
    black = read(tmp_path / "b.npy", shape=(1, H, W), options=DataOptions(white=255)).images
    white = read(tmp_path / "b.npy", shape=(1, H, W), options=DataOptions(white=1)).images
    assert (black.max(), white.max()) == (1, 255)
    with pytest.raises(
        DataError, match=r"the value of white: expected a number above 0, up to 255 \(uint8\), found 256"
    ):
        read(tmp_path / "b.npy", shape=(1, H, W), options=DataOptions(white=256))
    np.save(tmp_path / "c.npy", np.zeros((4, 2, 5, 6), np.uint8))
    assert len(read(tmp_path / "c.npy", shape=(2, 5, 6), options=DataOptions(layout="NCHW"))) == 4


LABEL_FORMS = {
    "integers (N,)": LABELS,
    "integers (N, 1)": LABELS[:, None],
    "uint8 (N,)": LABELS.astype(np.uint8),
    "floats with whole values (N,)": LABELS.astype(np.float32),
    "one-hot integers (N, K)": ONE_HOT,
    "one-hot floats (N, K)": ONE_HOT.astype(np.float32),
    "one-hot booleans (N, K)": ONE_HOT.astype(bool),
    "text (N,)": np.array([NAMES[k] for k in LABELS]),
    "bytes (N,)": np.array([NAMES[k].encode() for k in LABELS]),
    "text (N, 1)": np.array([[NAMES[k]] for k in LABELS]),
}


@pytest.mark.parametrize("form", LABEL_FORMS)
def test_labels(tmp_path, form):
    loaded = read(saved(tmp_path, images=GREY, labels=LABEL_FORMS[form]), shape=(1, H, W))
    assert loaded.labels.tolist() == [3, 0, 2, 1, 2]
    assert loaded.classes == (NAMES if LABEL_FORMS[form].dtype.kind in "US" else None)


def test_one_hot_labels_state_the_number_of_classes(tmp_path):
    images = read(saved(tmp_path, images=GREY, labels=np.pad(ONE_HOT, ((0, 0), (0, 2)))), shape=(1, H, W))
    assert images.class_count == 6
    assert images.with_classes(None, 6) is images
    for count, names in ((4, None), (10, None), (None, ("ant", "bee", "cat", "dog"))):
        network = count or len(names)
        with pytest.raises(
            DataError, match=rf"one-hot labels of 6 classes, the network has {network}; save labels.arg"
        ):
            images.with_classes(names, count)
    assert images.take(slice(2)).class_count == 6


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full((N, 4), 0.25), "class probabilities are not labels: save their argmax"),
        (1 - ONE_HOT, r"found int64 \(5, 4\) that is not one-hot"),
        (np.zeros((N, 4), int), "not one-hot"),
        (ONE_HOT.T, "not one-hot"),
        (LABELS[:3], "expected one label for each of 5 images, found 3 labels"),
        (LABELS - 1, "labels must be 0 or more, found -1"),
        (LABELS + 0.5, "expected whole numbers as labels, found float64 with fractions"),
        (LABELS == 3, r"expected class indices as labels, found booleans; .* save labels.astype\(int\)"),
        (np.full(N, np.nan), "expected whole numbers as labels"),
        (LABELS.astype(complex), "expected labels as whole numbers or names, found complex128"),
        (np.zeros((N, 2, 2), int), r"expected labels as whole numbers or names, found int64 \(5, 2, 2\)"),
    ],
)
def test_invalid_labels_are_refused(tmp_path, labels, message):
    with pytest.raises(DataError, match=message):
        read(saved(tmp_path, images=GREY, labels=labels), shape=(1, H, W))


def test_labels_beside_names_of_classes(tmp_path):
    path = saved(tmp_path, images=GREY, labels=np.array(["cat", "ant", "cat", "bee", "bee"]), classes=np.array(NAMES))
    assert read(path, shape=(1, H, W)).labels.tolist() == [2, 0, 2, 1, 1]
    with pytest.raises(DataError, match="label 'cow' is not one of the classes ant, bee, cat, dog"):
        read(saved(tmp_path, images=GREY, labels=np.array(["cow"] * N), classes=np.array(NAMES)), shape=(1, H, W))
    with pytest.raises(DataError, match="has a label of 3, but 2 names of classes"):
        read(saved(tmp_path, images=GREY, labels=LABELS, classes=np.array(NAMES[:2])), shape=(1, H, W))
    with pytest.raises(DataError, match="one-hot labels of 4 classes, but 2 names"):
        read(saved(tmp_path, images=GREY, labels=ONE_HOT, classes=np.array(NAMES[:2])), shape=(1, H, W))


KEYS = {
    "Keras": ("x_train", "y_train", "x_test", "y_test"),
    "upper case": ("X_train", "Y_train", "X_test", "Y_test"),
    "prefix": ("train_images", "train_labels", "test_images", "test_labels"),
    "suffix": ("images_train", "labels_train", "images_test", "labels_test"),
}


@pytest.mark.parametrize("form", KEYS)
def test_files_of_two_splits(tmp_path, form):
    names = KEYS[form]
    path = saved(tmp_path, **dict(zip(names, (GREY[:3], LABELS[:3], GREY[3:], LABELS[3:]), strict=True)))
    test, train = read(path, shape=(1, H, W)), read(path, "train", (1, H, W))
    assert np.array_equal(test.images[:, 0], GREY[3:])
    assert test.labels.tolist() == [1, 2]
    assert np.array_equal(train.images[:, 0], GREY[:3])
    assert train.labels.tolist() == [3, 0, 2]
    assert (test.name, train.name) == ("data.npz test", "data.npz train")
    with pytest.raises(DataError, match="has no valid images, but train, test: give --split train"):
        read(path, "valid")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x_train": GREY}, "has no test or validation images, but train: give --split train"),
        ({"x": GREY, "data": GREY}, "has several arrays of images, x, data"),
        ({"images": GREY, "labels": LABELS, "y": LABELS}, "has several arrays of labels, labels, y"),
        ({"images": GREY, "x_test": GREY}, "expected one array of images, or one for each split"),
        ({"t": LABELS, "x": LABELS, "y": LABELS, "p": LABELS}, "is a recording of an event camera"),
        ({"weights": GREY}, "expected an array images, .*, or x_train and x_test, found weights"),
    ],
)
def test_files_whose_arrays_are_not_clear(tmp_path, arrays, message):
    with pytest.raises(DataError, match=message):
        read(saved(tmp_path, **arrays), shape=(1, H, W))


def test_arrays_saved_without_names(tmp_path):
    np.savez(tmp_path / "a.npz", GREY, LABELS)
    loaded = read(tmp_path / "a.npz", shape=(1, H, W))
    assert np.array_equal(loaded.images[:, 0], GREY)
    assert loaded.labels.tolist() == LABELS.tolist()


def write_pgm(path, values, largest):
    head = f"P5 {values.shape[1]} {values.shape[0]} {largest}\n".encode()
    path.write_bytes(head + values.astype(">u2" if largest > 255 else np.uint8).tobytes())


def write_tiff(path, values, bits, sample_format=1, photometric=1):
    """Write an uncompressed little-endian TIFF of one strip, by hand."""
    height, width = values.shape
    data = values.astype(f"<{'uif'[sample_format - 1]}{bits // 8}").tobytes()
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1), (278, height)]
    tags += [(279, len(data)), (339, sample_format)]
    start = 8 + len(data) + len(data) % 2
    head = b"II*\0" + start.to_bytes(4, "little")
    entries = b"".join(
        tag.to_bytes(2, "little") + (4).to_bytes(2, "little") + (1).to_bytes(4, "little") + value.to_bytes(4, "little")
        for tag, value in tags
    )
    table = len(tags).to_bytes(2, "little") + entries + bytes(4)
    path.write_bytes(head + data + bytes(len(data) % 2) + table)


PICTURE = GREY[2]
DEPTHS = {
    "8-bit PNG": lambda p: Image.fromarray(PICTURE).save(p / "a.png"),
    "16-bit PNG": lambda p: Image.fromarray(PICTURE.astype(np.uint16) * 257).save(p / "a.png"),
    "16-bit TIFF": lambda p: write_tiff(p / "a.tif", PICTURE.astype(int) * 257, 16),
    "16-bit TIFF, WhiteIsZero": lambda p: write_tiff(p / "a.tif", 65535 - PICTURE.astype(int) * 257, 16, photometric=0),
    "16-bit PGM": lambda p: write_pgm(p / "a.pgm", PICTURE.astype(int) * 257, 65535),
    "12-bit PGM": lambda p: write_pgm(p / "a.pgm", np.rint(PICTURE * (4095 / 255)), 4095),
    "PNG with a palette": lambda p: Image.fromarray(PICTURE).convert("P").save(p / "a.png"),
    "PNG with an opaque alpha channel": lambda p: Image.fromarray(PICTURE).convert("LA").save(p / "a.png"),
    "colour BMP, network of one channel": lambda p: Image.fromarray(PICTURE).convert("RGB").save(p / "a.bmp"),
}


@pytest.mark.parametrize("form", DEPTHS)
def test_bit_depths_of_image_files(tmp_path, form):
    DEPTHS[form](tmp_path)
    (path,) = tmp_path.iterdir()
    assert np.array_equal(read(path, shape=(1, H, W)).images[0, 0], PICTURE)
    assert np.array_equal(read(path, shape=(3, H, W)).images[0], np.repeat(PICTURE[None], 3, 0))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_fewer_bits(tmp_path, bits):
    """A PNG of 1, 2 or 4 bits, written by hand: 0 is black and the largest value white."""
    import zlib

    levels = (np.arange(H * 8).reshape(H, 8) % 2**bits).astype(np.uint8)
    rows = np.packbits(np.unpackbits(levels[..., None], axis=2)[:, :, 8 - bits :].reshape(H, -1), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = (8).to_bytes(4, "big") + H.to_bytes(4, "big") + bytes([bits, 0, 0, 0, 0])
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    expected = levels.astype(int) * 255 // (2**bits - 1)
    assert np.array_equal(read(tmp_path / "a.png", shape=(1, H, 8)).images[0, 0], expected)


@pytest.mark.parametrize(("bits", "sample_format"), [(32, 3), (32, 2), (16, 2)], ids=["float", "int32", "int16"])
def test_depths_without_a_white_need_the_option(tmp_path, bits, sample_format):
    scale = 1 / 255 if sample_format == 3 else 1
    write_tiff(tmp_path / "a.tif", PICTURE * scale, bits, sample_format)
    with pytest.raises(DataError, match=r"a\.tif: contains .* give the value of white with --white"):
        read(tmp_path / "a.tif", shape=(1, H, W))
    white = DataOptions(white=1 if sample_format == 3 else 255)
    assert np.array_equal(read(tmp_path / "a.tif", shape=(1, H, W), options=white).images[0, 0], PICTURE)
    with pytest.raises(DataError, match=r"a\.tif: expected values 0…0.25 \(the value of white\), found "):
        read(tmp_path / "a.tif", shape=(1, H, W), options=DataOptions(white=0.25))


def test_files_of_several_images_are_refused(tmp_path):
    pages = [Image.fromarray(image) for image in GREY]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(DataError, match=r"a\.tif: has 5 images; save each of them as a separate file"):
        read(tmp_path / "a.tif", shape=(1, H, W))


def test_transparent_pixels_keep_their_colours(tmp_path):
    pixels = np.zeros((H, W, 4), np.uint8)
    pixels[..., :3] = COLOUR[1].transpose(1, 2, 0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png", shape=(3, H, W)).images[0], COLOUR[1])


def test_the_tables_of_the_page_are_the_cases_of_these_tests():
    page = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "data.md").read_text("utf-8")
    tables: dict[str, list[str]] = {}
    head = None
    for line in page.splitlines():
        if not line.startswith("|"):
            head = None
            continue
        first = line.split("|")[1].strip()
        if head is None:
            head = first
        elif not first.startswith("---"):
            tables.setdefault(head, []).append(first)
    cases = {"array": ARRAYS, "refused array": REFUSED_ARRAYS, "names": KEYS, "labels": LABEL_FORMS, "file": DEPTHS}
    for name, forms in cases.items():
        assert tables[name] == list(forms)


def test_images_of_other_formats_are_refused_not_left_out(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for suffix in ("jfif", "gif", "PNG"):
            Image.fromarray(np.full((4, 5, 3), 9, np.uint8)).save(
                tmp_path / name / f"a.{suffix}", "jpeg" if suffix == "jfif" else None
            )
        for other in ("Thumbs.db", "desktop.ini", ".DS_Store", "notes.txt"):
            (tmp_path / name / other).write_bytes(b"x")
    assert len(read(tmp_path)) == 6
    (tmp_path / "dog" / "IMG_0001.HEIC").write_bytes(b"x")
    with pytest.raises(
        DataError, match=r"IMG_0001\.HEIC: is an image of a format that is not read; save it as \.png or"
    ):
        read(tmp_path)


def test_rows_without_a_network(tmp_path):
    rows = np.zeros((N, 30), np.uint8)
    with pytest.raises(
        DataError, match=r"for each of 1 image, found 5 labels; if each row is a sample: give --layout NL .*reshape\(-1"
    ):
        read(saved(tmp_path, images=rows, labels=LABELS))
    assert read(saved(tmp_path, images=rows, labels=LABELS), options=DataOptions("NL")).shape == (1, 1, 30)
