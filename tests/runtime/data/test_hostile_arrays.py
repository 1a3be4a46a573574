"""Damaged NumPy files, files with false sizes, and arrays of every type."""

import io
import random
import struct
import zipfile
from functools import partial

import numpy as np
import pytest

from counts.calls import peak_bytes
from spikelet.data import DataOptions, read
from spikelet.data.events.binning import frames
from spikelet.data.events.binning import read as read_events
from spikelet.errors import DataError, SpikeletError
from spikelet.files.numpy_file import read_numpy

GOOD = np.arange(12, dtype=np.uint8).reshape(3, 4)
BYTES = GOOD.tobytes()


def npy(descr="|u1", shape=(3, 4), content=BYTES, version=(1, 0), header=None):
    """Return the bytes of a .npy file. header: its text, instead of a dictionary of the values."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}) if header is None else header
    encoded = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\n"
    return (
        b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version[0] == 1 else "<I", len(encoded)) + encoded + content
    )


def npz(members, compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def patched(content, position, data):
    return content[:position] + data + content[position + len(data) :]


def directory(content, offset, data):
    """Change the central record of the first member."""
    return patched(content, content.index(b"PK\1\2") + offset, data)


ARCHIVE = npz({"images.npy": npy(), "labels.npy": npy("<i8", (3,), np.arange(3).tobytes())})
DAMAGED = {
    "pickled objects": npy("|O", (1,), b"\x80\x04N."),
    "texts of no length": npy("<U0", (3,), b""),
    "a header that is no dictionary": npy(header="[1]"),
    "a header without an end": npy(header="{"),
    "a call in the header": npy(header="__import__('os').system('true')"),
    "brackets in the header": npy(header="(" * 5000),
    "a long header": npy(header="{" + "'a': 1, " * 5000 + "}", version=(2, 0)),
    "an unknown version": npy(version=(9, 9)),
    "more than the file has": npy(shape=(2**40, 4)),
    "more than an index": npy(shape=(2**62, 2**62)),
    "more than an integer": npy(shape=(10**30,)),
    "a negative axis": npy(shape=(-3, -4)),
    "an axis of true": npy(shape=(True, 4)),
    "axes of fractions": npy(shape=(3.0, 4)),
    "a shape of text": npy(shape="abc"),
    "a type of text": npy(descr="abc"),
    "a type of none": npy(descr=None),
    "cut off": npy()[:-1],
    "nothing but the magic": b"\x93NUMPY",
    "an empty archive member": npz({"images.npy": npy()[:20]}),
    "a member that announces more": directory(npz({"images.npy": npy(shape=(2**31, 4))}), 24, struct.pack("<I", 2**32 - 2)),
    "damaged compression": patched(ARCHIVE, ARCHIVE.index(b"images.npy") + 12, b"\xff" * 8),
    "an unknown compression": directory(patched(ARCHIVE, 8, b"\x63\0"), 10, b"\x63\0"),
    "an encrypted member": directory(patched(ARCHIVE, 6, b"\1\0"), 8, b"\1\0"),
    "patched data": directory(patched(ARCHIVE, 6, b"\x20\0"), 8, b"\x20\0"),
    "an unknown version of ZIP": directory(ARCHIVE, 6, b"\xff\0"),
    "another name in the header": directory(ARCHIVE, 46, b"imagex"),
    "no directory": ARCHIVE[:200],
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_damaged_files_are_refused_in_a_line_before_allocations(damage, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(DAMAGED[damage])

    def refused():
        with pytest.raises(DataError, match=r"a\.np[yz]: not a complete NumPy file of plain numbers \(.+\)$") as caught:
            read(path)
        assert len(str(caught.value)) < 500
        assert "\n" not in str(caught.value)

    assert peak_bytes(refused) < 2 * 2**20


def test_valid_files_are_read_as_numpy_reads_them(tmp_path):
    values = [
        GOOD,
        np.asfortranarray(GOOD),
        np.zeros((0, 3)),
        np.array(3.5),
        np.array(["a", "bc"]),
        GOOD.astype(">f8"),
        np.array([b"a"]),
    ]
    values += [np.array([(1, 2.5)], [("t", "<i8"), ("x", ">f4")]), np.array(["2020-01-01"], "M8[D]"), GOOD > 3]
    for index, value in enumerate(values):
        np.save(tmp_path / "a.npy", value)
        loaded = read_numpy(tmp_path / "a.npy")
        assert loaded.dtype == value.dtype
        assert np.array_equal(loaded, value), index
        assert loaded.flags.f_contiguous == value.flags.f_contiguous
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **{f"v{index}": value for index, value in enumerate(values)})
        with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
            archive.writestr("README", "no array")
        loaded = read_numpy(tmp_path / "a.npz")
        assert list(loaded) == [f"v{index}" for index in range(len(values))]
        assert all(np.array_equal(loaded[f"v{index}"], value) for index, value in enumerate(values))


NUMBERS = [
    0,
    1,
    2,
    255,
    256,
    -1,
    0.5,
    np.nan,
    np.inf,
    -np.inf,
    1e300,
    -1e300,
    1e-320,
    2**31,
    2**53,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
]
TYPES = ["u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", "?", "U3", "S2", "c8", "M8[s]", "m8[s]"]
OPTIONS = [{}, {"white": 1}, {"white": 2.0**-64}, {"span": (-1, 1)}, {"span": (0, 2.0**64)}, {"layout": "NF"}]


def odd(source, shape):
    """Return a random array of any type, which has extreme values in half of the cases."""
    kind, numbers = np.dtype(source.choice(TYPES)), source.choice([NUMBERS, [0, 1, 2]])
    values = [source.choice(numbers) for _ in range(int(np.prod(shape)))]
    if kind.kind in "US":
        return np.array([source.choice("ab1") for _ in values], kind).reshape(shape)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        values = [0 if value != value else int(max(limits.min, min(limits.max, value))) for value in values]
    with np.errstate(all="ignore"):
        wide = np.array(values, object if kind.kind in "iu" else np.float64)
        return (
            wide.astype(np.int64 if kind.kind in "Mm" and not np.isfinite(wide).all() else wide.dtype)
            .astype(kind)
            .reshape(shape)
        )


@pytest.mark.parametrize("seed", range(4))
def test_arrays_of_every_type_are_images_and_labels_or_refused(seed, tmp_path):
    """Warnings are errors: no conversion to pixels or labels may overflow."""
    source, verdicts = random.Random(seed), set()
    for _ in range(60):
        shape = source.choice([(3, 2), (2, 1, 6, 6), (2, 6, 6, 3), (3, 36), (1, 1, 1, 1), (0, 2), (2,), ()])
        parts = {"images": odd(source, shape) if source.random() < 0.5 else np.zeros(shape, np.uint8)}
        if source.random() < 0.7:
            parts["labels"] = odd(source, source.choice([shape[:1], (3, 1), (3, 3), ()]))
        if source.random() < 0.3:
            parts["classes"] = odd(source, source.choice([(3,), (), (2, 2)]))
        if source.random() < 0.3:
            parts["input_range"] = odd(source, source.choice([(2,), (3,), ()]))
        np.savez(tmp_path / "a.npz", **parts)
        try:
            read(
                tmp_path / "a.npz",
                shape=source.choice([None, (2,), (1, 6, 6)]),
                options=DataOptions(**source.choice(OPTIONS)),
            )
            verdicts.add("read")
        except SpikeletError as error:
            verdicts.add(type(error).__name__)
    assert {"read", "DataError"} <= verdicts


def verdict(attempt, count):
    try:
        assert attempt().sum() == count
    except DataError:
        return "refused"
    return "read"


@pytest.mark.parametrize("seed", range(4))
def test_columns_of_every_type_are_events_or_refused(seed, tmp_path):
    source, verdicts = random.Random(seed), set()
    for _ in range(60):
        count = source.choice([0, 1, 5, 5])
        columns = {name: np.arange(count) % 2 for name in "txyp"}
        columns |= {
            name: odd(source, source.choice([(count,), (count,), (), (count, 1)]))
            for name in source.sample("txyp", source.randint(1, 2))
        }
        np.savez(tmp_path / "a.npz", **columns)
        verdicts |= {
            verdict(lambda: read_events(tmp_path / "a.npz", (2, 3, 3), 4), count),
            verdict(partial(frames, **columns, shape=(2, 3, 3), steps=4), count),
        }
        np.save(tmp_path / "a.npy", odd(source, source.choice([(4, 2, 3, 3), (0, 2, 3, 3), (), (4,)])))
        try:
            assert np.isfinite(read_events(tmp_path / "a.npy", (2, 3, 3), 4)).all()
        except DataError:
            verdicts.add("refused")
    assert verdicts == {"read", "refused"}


@pytest.mark.parametrize("label", [2**31, 2**64 - 1, 1e300, -(2.0**40)])
def test_a_label_that_is_no_index_does_not_become_another(label, tmp_path):
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 4), np.uint8), labels=np.array([0, label]))
    with pytest.raises(DataError, match="expected labels of at most 2,147,483,647, found"):
        read(tmp_path / "a.npz")
