"""Sources, weights and studies that are changed are read or refused."""

import logging
from contextlib import suppress
from dataclasses import replace
from random import Random

import h5py
import numpy as np
import pytest

from counts.calls import peak_bytes
from hostile_data.kinds import changed, put
from hostile_data.sources import SOURCES, checkpoint, nir_file
from spikelet.errors import ConversionError, CostError, SpikeletError, UsageError
from spikelet.limits import MAX_MEMORY
from spikelet_converters.frontends import open as opening
from spikelet_converters.frontends.nir import read as read_nir
from spikelet_converters.study.config import read_study
from spikelet_converters.study.published import published_section
from spikelet_converters.training.checkpoint import load_checkpoint
from studies import STUDY

COUNT = 5  # of each kind; `tests/stress/data_campaign.py` reads many


@pytest.fixture(scope="module")
def valid():
    return {name: kind.make() for name, kind in SOURCES.items()}


@pytest.mark.parametrize("name", SOURCES)
def test_changed_files_are_read_or_refused(name, valid, tmp_path):
    kind, random = SOURCES[name], Random(f"short {name}")
    put(tmp_path, valid[name])
    kind.read(tmp_path)
    for _ in range(COUNT):
        put(tmp_path, changed(kind, valid[name], random))
        with suppress(SpikeletError):
            kind.read(tmp_path)


def _declared(file):
    file["node/nodes/fc"].create_dataset("extra", (2**40,), "f8", chunks=(1024,))


def _cycle(file):
    file["node/nodes/again"] = file["node"]


def _many_paths(file):
    """Each of 20 groups has two names for the next: a million paths."""
    group = file["node"]
    for _ in range(20):
        below = group.create_group("a")
        group["b"] = below
        group = below


def _link(file):
    file["node/nodes/other"] = h5py.ExternalLink("/etc/passwd", "/")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_declared, "declares 8,796,093,022,208 bytes, of which 0 are stored"),
        (_cycle, "has two names"),
        (_many_paths, "has two names"),
        (_link, "'other' is a link to another place"),
    ],
)
def test_files_of_nir_that_are_larger_than_they_are_stored(change, message, tmp_path):
    put(tmp_path, nir_file())
    with h5py.File(tmp_path / "a.nir", "r+") as file:
        change(file)

    def refused():
        with pytest.raises(ConversionError, match=message):
            read_nir(tmp_path / "a.nir")

    assert peak_bytes(refused) < 2**25


def test_compressed_arrays_of_nir_are_compared_with_the_limit(tmp_path, monkeypatch):
    put(tmp_path, nir_file())
    with h5py.File(tmp_path / "a.nir", "r+") as file:
        file["node/nodes/fc"].create_dataset("extra", data=np.zeros(2**21, "i1"), compression="gzip")
    monkeypatch.setenv(MAX_MEMORY, "1M")
    with pytest.raises(SpikeletError, match=r"a\.nir: compressed datasets: needs up to 2 MiB"):
        read_nir(tmp_path / "a.nir")


@pytest.mark.parametrize(
    ("field", "value", "needs"), [("classes", 2**40, "516 TiB"), ("shape", (1, 16_000, 16_000), r"122\.1 GiB")]
)
def test_weights_that_a_checkpoint_only_states_are_not_allocated(field, value, needs, tmp_path):
    put(tmp_path, checkpoint())
    content = load_checkpoint(tmp_path / "best.pt")
    stated = replace(content, spec=replace(content.spec, **{field: value}))
    message = rf"the weights of vgg5: needs up to {needs} of memory; the limit is at most 4 GiB"

    def refused():
        with pytest.raises(CostError, match=message):
            stated.network()

    assert peak_bytes(refused) < 2**22


def test_a_damaged_program_is_refused_without_a_log(tmp_path, monkeypatch):
    records: list[logging.LogRecord] = []
    monkeypatch.setattr(logging.getLogger("torch.export"), "handle", records.append)
    (tmp_path / "a.pt2").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(ConversionError, match=r"a\.pt2: not a torch\.export program"):
        opening.open_source(str(tmp_path / "a.pt2"))
    assert not records


def test_an_exception_of_a_library_is_wrapped_with_its_cause(monkeypatch, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"")
    failure = KeyError("-1")

    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(opening, "_opened", fail)
    with pytest.raises(ConversionError, match=r"a\.onnx: failed with KeyError: '-1'") as caught:
        opening.open_source(tmp_path / "a.onnx")
    assert caught.value.__cause__ is failure


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Bars"', "title = 3", "title: expected a string, found 3"),
        ('path = "data"', "path = 2020-01-01", "data: path: expected a string"),
        ('engine = "numpy"', "engine = []", "test: engine: expected auto or numpy or onnx or native, found"),
        ('engine = "numpy"', "bits = 1.5", r"test: bits: expected a whole number of 4…12, found 1.5"),
        ('residual = "exact"', 'residual = ["exact"]', "exact: residual: expected a string"),
        ('of = "qcfs"', "of = {}", "srp: of: expected a string"),
        ('model = ["vgg5"]', "model = [{}]", r"\[grid\] model: expected an option of network or recipe"),
        ('model = ["vgg5"]', "model = [[1]]", r"\[grid\] model: expected a list of texts"),
        ("seed = [1, 2]", f"seed = {list(range(10_001))}", r"\[grid\] has 10,001 points, expected at most 10,000"),
        (
            "[start]\nepochs = 2",
            '[start]\ncheckpoint = "{seed.x}"',
            r"\[start\] checkpoint: .+; name options as {seed}",
        ),
        ("[start]\nepochs = 2", '[start]\ncheckpoint = "{"', r"\[start\] checkpoint: .+; name options as {seed}"),
        ("[method.before]", "[[method.before]]", "before: expected a table"),
        ("time_steps = [1, 2, 6]", "time_steps = 3", "time_steps: expected whole numbers of 1 or more, found 3"),
    ],
)
def test_values_of_other_types_in_a_study(old, new, message, tmp_path):
    assert old in STUDY
    (tmp_path / "s.toml").write_text(STUDY.replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        read_study(tmp_path / "s.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'title = "Others"\n', b"", "title is missing"),
        (b'differences = ["b"]', b"differences = 3", "differences: expected a list of texts"),
        (b"float = 90.5", b'float = "a"', "float: expected a number"),
        (b"{ 1 = 80.1, 2 = 81 }", b"{ a = 80.1 }", "accuracy: expected numbers of time-steps as keys"),
        (b"{ 1 = 80.1, 2 = 81 }", b"{ 1 = [] }", "accuracy: 1: expected a number"),
        (b"{ 1 = 80.1, 2 = 81 }", b"3", "accuracy: expected a table"),
        (b'network = "n"', b"network = 10:00:00", "network: expected a string"),
    ],
)
def test_values_of_other_types_in_published_figures(old, new, message, valid, tmp_path):
    content = valid["published"]["p.toml"]
    assert old in content
    (tmp_path / "p.toml").write_bytes(content.replace(old, new, 1))
    with pytest.raises(UsageError, match=message):
        published_section(tmp_path / "p.toml")
