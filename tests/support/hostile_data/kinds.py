"""Kinds of files that the runtime reads: a small valid folder, how its files are changed, and how it is read."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np

from hostile_data import samples
from hostile_data.changes import Changes
from hostile_data.samples import SHAPE, Files
from networks import Builder
from spikelet import signing
from spikelet.bundle import Bundle, Manifest, write
from spikelet.cli.data import class_names
from spikelet.data import DataOptions, events, read
from spikelet.data.log_mel import LogMel
from spikelet.errors import SpikeletError
from spikelet.files.json_object import read_object
from spikelet.metrics.hardware import load_profile
from spikelet.nodes import Flatten
from spikelet.report import fault_report, validation
from spikelet.report.sections import verification_section
from spikelet.verify import record_golden

Change = Callable[[bytes], bytes]
STEPS = 3
FEATURES = LogMel(bands=4, frames=6, window=0.016, hop=0.008, low=50, high=2000)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        make: Returns a valid folder.
        change: Name of the method of `Changes`, by suffix of the file; "" is any other file.
        read: Reads the folder by the Python interface.
        line: Command line that reads it, with FILE for the folder's first file, FOLDER, and BUNDLE for a small bundle.
    """

    make: Callable[[], Files]
    change: Mapping[str, str]
    read: Callable[[Path], object]
    line: str = ""


def _first(folder: Path) -> Path:
    return sorted(folder.iterdir())[0]


def _images(folder: Path) -> None:
    """Read images for no network, and for a network."""
    error: SpikeletError | None = None
    path = _first(folder) if len(list(folder.iterdir())) == 1 else folder
    options = DataOptions(white=255) if path.name == "f.tif" else DataOptions()
    for shape in (None, SHAPE):
        try:
            images = read(path, shape=shape, options=options)
            assert images.images.dtype == np.uint8
            assert len(images.digest) > 0
        except SpikeletError as refusal:
            error = refusal
    if error is not None:
        raise error


def _sound(folder: Path) -> None:
    assert np.isfinite(read(_first(folder), options=DataOptions(features=FEATURES)).images).all()


def _events(folder: Path, shape: tuple[int, int, int] = (2, 6, 6)) -> None:
    for by in ("time", "count"):
        assert np.isfinite(events.read(_first(folder), shape, STEPS, by)).all()


def _faults(folder: Path) -> None:
    facts = fault_report.check(read_object(_first(folder)))
    fault_report.fault_table(facts)
    fault_report.fault_figures(facts)
    fault_report.fault_section(facts, {})


def _validation(folder: Path) -> None:
    facts = validation.check("v.json", read_object(_first(folder)), {"d"})
    verification_section(["a"], [[]], [], facts)


def _labels(folder: Path) -> None:
    with suppress(argparse.ArgumentTypeError):
        class_names(str(_first(folder)))


def _signature(folder: Path, password: str | None = None) -> None:
    path, refused = folder / "net.snnb", None
    for attempt in (
        lambda: signing.status(path, [signing.read_public_key(folder / "key.pub")]),
        lambda: signing.status(path, []),
        lambda: signing.sign(path, signing.read_private_key(folder / "key.key", password)),
        lambda: signing.Policy.from_environment({signing.TRUSTED_KEYS: str(folder)}),
    ):
        try:
            attempt()
        except SpikeletError as error:
            refused = error
    if refused is not None:
        raise refused


def _refused_keys(folder: Path, password: str) -> None:
    with suppress(SpikeletError):
        _signature(folder, password)


BINARY, NUMPY = {"": "binary"}, {".npy": "binary", ".npz": "zipped", "": "binary"}
KINDS: dict[str, Kind] = {
    "idx": Kind(samples.idx, BINARY, _images, "run BUNDLE FOLDER --engine numpy --steps 2"),
    "idx gz": Kind(partial(samples.idx, ".gz"), {"": "gzipped"}, _images, "run BUNDLE FOLDER --engine numpy --steps 2"),
    "cifar-10": Kind(samples.cifar, BINARY, _images),
    "cifar-100": Kind(partial(samples.cifar, True), BINARY, _images),
    "cifar-10 python": Kind(samples.cifar_python, {"": "pickled"}, _images, "run BUNDLE FOLDER --engine numpy --steps 2"),
    "cifar-100 python": Kind(partial(samples.cifar_python, True), {"": "pickled"}, _images),
    "npy": Kind(partial(samples.arrays, "a.npy"), NUMPY, _images, "run BUNDLE FILE --engine numpy --steps 2"),
    "npz": Kind(partial(samples.arrays, "a.npz"), NUMPY, _images, "run BUNDLE FILE --engine numpy --steps 2"),
    "wav": Kind(samples.wav, BINARY, _sound, "run BUNDLE FILE --engine numpy --steps 2"),
    "wav float": Kind(partial(samples.wav, "float"), BINARY, _sound),
    "profile": Kind(lambda: {"p.toml": samples.PROFILE}, {"": "toml"}, lambda folder: load_profile(_first(folder)), "energy BUNDLE IMAGES --steps 2 --profile FILE"),
    "faults": Kind(lambda: {"f.json": samples.FAULTS}, {"": "document"}, _faults),
    "validation": Kind(lambda: {"v.json": samples.VALIDATION}, {"": "document"}, _validation),
    "labels": Kind(lambda: {"names.txt": b"cat\ndog\nfrog\n"}, {"": "text"}, _labels, "run BUNDLE IMAGES --classes FILE --engine numpy --steps 2"),
    "signature": Kind(lambda: samples.signed(b"any bytes"), {"": "text", ".pub": "pem", ".key": "pem"}, _signature, "verify FOLDER/net.snnb --engine numpy --key FOLDER/key.pub"),
}  # fmt: skip
for _name, _make in (("encrypted", samples.signed), ("other keys", samples.other_keys)):
    KINDS[f"signature, {_name}"] = Kind(
        partial(_make, b"any bytes", samples.PASSWORD), {"": "text", ".pub": "pem", ".key": "pem"},
        partial(_refused_keys if _name == "other keys" else _signature, password=samples.PASSWORD),
        "verify FOLDER/net.snnb --engine numpy --key FOLDER/key.pub",
    )  # fmt: skip
if find_spec("aedat"):
    KINDS["events .aedat4"] = Kind(samples.aedat_4, BINARY, partial(_events, shape=(2, 10, 12)))
for _suffix in (".csv", ".npz", ".npy", ".bin", ".dat", "2.raw", "3.raw", ".aedat", ".h5", ".hdf5"):
    _change = {".csv": {"": "text"}, ".npz": NUMPY}.get(_suffix, BINARY)
    KINDS[f"events {_suffix}"] = Kind(
        partial(samples.events, _suffix), _change, _events, "events BUNDLE FILE --steps 2 --engine numpy"
    )
for _name, _mode in (
    ("a.png", "RGB"), ("p.png", "P"), ("d.png", "I;16"), ("a.jpg", "RGB"), ("a.bmp", "RGB"), ("a.webp", "RGB"), ("a.tif", "RGB"), ("d.tif", "I;16"),
    ("f.tif", "F"), ("a.ppm", "RGB"), ("a.pgm", "L"),
):  # fmt: skip
    _change = {".png": "png", "": "text" if _name.endswith("m") else "binary"}
    KINDS[f"image {_name}"] = Kind(
        partial(samples.image, _name, _mode), _change, _images, "run BUNDLE FILE --engine numpy --steps 2"
    )


def changed(kind: Kind, files: Files, random: Random) -> Files:
    """A folder in which one file is changed, or a file has the content of another or none."""
    changes, name = Changes(random), random.choice(list(files))
    case = random.random()
    if case < 0.01:
        return files | {name: b""}
    if case < 0.02:
        return files | {name: random.choice(list(files.values()))}
    method = kind.change.get(Path(name).suffix, kind.change[""])
    if random.random() < 0.1:
        method = "binary"
    return files | {name: getattr(changes, method)(files[name])}


def put(folder: Path, files: Files) -> None:
    """Write the files of a folder; others in it are removed."""
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def small_bundle(folder: Path) -> Path:
    """A bundle that takes images of SHAPE, or of two channels of events."""
    net = Builder(SHAPE, np.random.default_rng(0))
    net.conv("conv", 2)
    net.neuron("if", scale=900)
    net.add("flat", Flatten())
    graph = net.graph(classes=3)
    golden = record_golden(graph, np.zeros((1, *SHAPE), np.float32), 2)
    write(
        Bundle(graph, Manifest("small", bits=8, exact_steps=100, labels=("cat", "dog", "frog")), golden, ""),
        folder / "small.snnb",
    )
    return folder / "small.snnb"


def command(kind: Kind, folder: Path, bundle: Path, images: Path) -> list[str]:
    """The command line that reads a folder."""
    names = {"FILE": str(_first(folder)), "FOLDER": str(folder), "BUNDLE": str(bundle), "IMAGES": str(images)}
    words = [
        os.path.join(folder, word[7:]) if word.startswith("FOLDER/") else names.get(word, word)
        for word in kind.line.split()
    ]
    return words
