"""Files that are no bundles: changed ones of every kind are read or refused, by Python and by the command line."""

import gzip
import logging
import os
import pickle
import struct
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pytest

from counts.calls import peak_bytes
from hostile_data import samples
from hostile_data.kinds import KINDS, changed, command, put, small_bundle
from spikelet import cli
from spikelet.data import DataOptions, events, read
from spikelet.data.log_mel import LogMel
from spikelet.errors import CostError, DataError, SpikeletError, UsageError
from spikelet.files.json_object import read_object
from spikelet.files.toml import read_toml
from spikelet.limits import MAX_MEMORY

COUNT = 5  # of each kind; `tests/stress/data_campaign.py` reads many
MB = 2**20


@pytest.mark.parametrize("name", KINDS)
def test_changed_files_are_read_or_refused(name, tmp_path):
    pytest.importorskip("h5py") if name.endswith(("h5", "hdf5")) else None
    kind, random = KINDS[name], Random(f"short {name}")
    files = kind.make()
    put(tmp_path, files)
    kind.read(tmp_path)
    for _ in range(COUNT):
        put(tmp_path, changed(kind, files, random))
        with suppress(SpikeletError):
            kind.read(tmp_path)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    put(folder, samples.arrays("images.npz"))
    return small_bundle(folder), folder / "images.npz"


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.line])
def test_the_command_line_prints_one_line_of_error(name, bundle, tmp_path, capsys):
    kind, random = KINDS[name], Random(f"line {name}")
    files = kind.make()
    put(tmp_path, changed(kind, files, random))
    code = cli.main(command(kind, tmp_path, *bundle))
    printed = capsys.readouterr()
    assert code in (0, 1, 2)
    assert printed.err.count("\n") == (code != 0)
    assert "Traceback" not in printed.err


# Declared sizes: nothing is allocated by a number that the file only states.


def gz_bomb(folder):
    """A header of three images and 16 MB of zeros behind it."""
    files = samples.idx(".gz")
    name = next(iter(files))
    put(folder, files | {name: gzip.compress(gzip.decompress(files[name]) + bytes(16 * MB))})
    return lambda: read(folder)


def gz_announces(folder):
    """A header of 2 GB and nothing behind it."""
    files = samples.idx(".gz")
    put(folder, files | {next(iter(files)): gzip.compress(struct.pack(">IIII", 0x803, 2**17, 128, 128))})
    return lambda: read(folder)


def npz_announces(folder):
    """A member whose header and whose record state 2 GB."""
    import io

    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": (2**31,)})
    path = folder / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", head.getvalue())
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        position = content.index(mark) + offset
        content[position : position + 4] = struct.pack("<I", 2**31 + 128)
    path.write_bytes(content)
    return lambda: read(path)


def pickle_of(opcodes):
    def write(folder):
        put(folder, {"test_batch": b"\x80\x02" + opcodes + b"."})
        return lambda: read(folder)

    return write


def reconstructed(folder):
    """An array of 2^40 bytes, of which none is stored."""
    put(folder, {"test_batch": b"\x80\x02cnumpy\nndarray\n(\x8a\x06\0\0\0\0\0\x01tR."})
    return lambda: read(folder)


def filled(folder):
    """A dataset of 2 GB of which nothing is stored."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "a.h5", "w") as file:
        for name in "txyp":
            file.create_dataset(name, (2**28,), "i8", chunks=(2**16,))
    return lambda: events.read(folder / "a.h5", (2, 6, 6), 3)


def elsewhere(folder):
    """A dataset whose values are in another file."""
    h5py = pytest.importorskip("h5py")
    (folder / "secret").write_bytes(bytes(800))
    with h5py.File(folder / "a.h5", "w") as file:
        for name in "txyp":
            file.create_dataset(name, (100,), "i8", external=[(str(folder / "secret"), 0, 800)])
    return lambda: events.read(folder / "a.h5", (2, 6, 6), 3)


def texts(code, dtype):
    return np.frombuffer(np.array([65, code] * 3, dtype).tobytes(), f"{dtype[0]}U2")


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800])
@pytest.mark.parametrize("dtype", ["<u4", ">u4"])
@pytest.mark.parametrize("structured", [False, True])
def test_texts_of_codes_that_are_not_characters_are_refused(code, dtype, structured, tmp_path):
    names = texts(code, dtype)
    if structured:
        names = np.zeros(3, [("n", "u1"), ("name", names.dtype)])
        names["name"] = texts(code, dtype)
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 2, 2), np.uint8), classes=names)
    with pytest.raises(DataError, match=f"a text contains {code:#x}, which is not a character"):
        read(tmp_path / "a.npz")


DECLARED = {
    "gzip that contains more": (gz_bomb, "and contains more"),
    "gzip that holds less": (gz_announces, "more than the file can contain"),
    "a member of an archive": (npz_announces, "not a complete NumPy file"),
    "bytes of a pickle": (pickle_of(b"\x8e" + b"\0\0\0\0\0\1\0\0"), "not a pickle of plain values"),
    "the memo of a pickle": (pickle_of(b"}r\xff\xff\xff\x7f"), "a memo index of 2147483647"),
    "an array of a pickle": (reconstructed, "not a pickle of plain values"),
    "a dataset of HDF5": (filled, "declares 2,147,483,648 bytes, of which 0 are stored"),
    "a dataset in another file": (elsewhere, "its values are in other files"),
}  # fmt: skip


@pytest.mark.parametrize("case", DECLARED)
def test_a_declared_size_is_compared_with_the_file_before_anything_is_allocated(case, tmp_path):
    write, message = DECLARED[case]
    attempt = write(tmp_path)

    def refused():
        with pytest.raises(DataError, match=message):
            attempt()

    assert peak_bytes(refused) < 4 * MB


def png(folder):
    from PIL import Image

    Image.new("L", (2000, 2000)).save(folder / "a.png")
    return lambda: read(folder / "a.png")


def packed_idx(folder):
    head = struct.pack(">IIII", 0x803, 2000, 100, 100)
    put(folder, samples.idx(".gz") | {"t10k-images-idx3-ubyte.gz": gzip.compress(head + bytes(20_000_000), 1)})
    return lambda: read(folder)


def packed_npz(folder):
    np.savez_compressed(folder / "a.npz", images=np.zeros((2000, 1, 100, 100), np.uint8))
    return lambda: read(folder / "a.npz")


def vectors(folder):
    """Every word of two bytes is twelve events."""
    start = struct.pack("<3H", 8 << 12, 0, 3 << 12)  # time, row, first column
    put(folder, {"a.raw": b"% evt 3.0\n% end\n" + start + struct.pack("<H", 4 << 12 | 0xFFF) * 20_000})
    return lambda: events.read(folder / "a.raw", (1, 600_000, 600_000), 1)


def document(folder):
    (folder / "a.json").write_text('{"a": [' + "[]," * 100_000 + "0]}")
    return lambda: read_object(folder / "a.json")


def endless(folder):
    return lambda: read_object(Path("/dev/zero"))


def frames(folder):
    put(folder, samples.events(".csv"))
    return lambda: events.read(folder / "a.csv", (2, 600, 600), 1000)


EXPANDED = {"png": png, "idx": packed_idx, "npz": packed_npz, "events": vectors, "json": document, "frames": frames}
if os.path.exists("/dev/zero"):
    EXPANDED["device"] = endless


@pytest.mark.parametrize("case", EXPANDED)
def test_what_a_compressed_file_becomes_is_compared_with_the_limit_of_memory(case, tmp_path, monkeypatch):
    attempt = EXPANDED[case](tmp_path)
    monkeypatch.setenv(MAX_MEMORY, "10M")

    def refused():
        with pytest.raises(CostError, match=r"needs up to .+ of memory; the limit is at most 10 MiB"):
            attempt()

    assert peak_bytes(refused) < 10 * MB


def test_a_table_of_text_takes_as_much_memory_as_its_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("t,x,y,p\n" + "1,1,1,1\n" * 5_000)
    assert peak_bytes(lambda: events.read(tmp_path / "a.csv", (2, 6, 6), 3)) < 1.75 * MB


@pytest.mark.parametrize(
    "text", ["a = " + "9" * 5000, "a." * 100 + "b = 1", "# " + "x" * 2**20, "a = [" * 2000, "a = 10:00:00+99:99"]
)
def test_toml_that_is_refused(text, tmp_path):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(
        UsageError, match=r"a\.toml: (not a TOML file|has a dotted key of 101 parts|has 1,048,578 characters)"
    ):
        read_toml(tmp_path / "a.toml")


def test_samples_that_are_signalling_nan_are_refused_without_a_warning(tmp_path):
    content = samples.wav("float")["a.wav"]
    (tmp_path / "a.wav").write_bytes(content[:-8] + struct.pack("<II", 0x7FA00000, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match="contains NaN or infinity"):
            read(tmp_path / "a.wav", options=DataOptions(features=LogMel(bands=4, frames=6, high=2000)))


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path):
    from PIL import Image

    picture = Image.fromarray(np.zeros((6, 6, 3), np.uint8)).convert("P")
    picture.save(tmp_path / "a.png", transparency=bytes((0, 128, 255)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(tmp_path / "a.png").shape == (3, 6, 6)


def test_messages_of_pillow_are_not_printed(tmp_path, capsys, monkeypatch):
    pytest.importorskip("PIL")
    put(tmp_path, samples.image("a.png"))
    read(tmp_path / "a.png")
    monkeypatch.setattr(logging.getLogger("PIL"), "propagate", False)  # pytest's own handler is at the root
    logging.getLogger("PIL.TiffImagePlugin").error("More samples per pixel than can be decoded: 16")
    assert capsys.readouterr().err == ""


BATCHES = {
    "labels beyond bytes": {b"data": np.zeros((1, 3072), np.uint8), b"labels": [2**70]},
    "labels below 0": {b"data": np.zeros((1, 3072), np.uint8), b"labels": [-1]},
    "labels of fractions": {b"data": np.zeros((1, 3072), np.uint8), b"labels": [0.5]},
    "a number of labels": {b"data": np.zeros((1, 3072), np.uint8), b"labels": 3},
    "pixels in a list": {b"data": [300], b"labels": [1]},
    "pixels of objects": {b"data": np.zeros((1, 3072), object), b"labels": [1]},
    "pixels that are missing": {b"labels": [1]},
    "a list": [1],
}


@pytest.mark.parametrize("case", BATCHES)
def test_batches_of_other_values_are_refused(case, tmp_path):
    put(tmp_path, {"test_batch": pickle.dumps(BATCHES[case], 2)})
    with pytest.raises(DataError, match=r"test_batch: not a (cifar-10 python batch|pickle of plain values) \(.+\)$"):
        read(tmp_path)


@pytest.mark.parametrize("names", [3, [3], "text", [b"a", None]])
def test_names_of_classes_of_other_values_are_refused(names, tmp_path):
    put(tmp_path, samples.cifar_python() | {"batches.meta": pickle.dumps({b"label_names": names}, 2)})
    with pytest.raises(DataError, match=r"batches.meta: expected a list of texts under 'label_names'"):
        read(tmp_path)
