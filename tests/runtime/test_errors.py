"""Errors have a text for people and attributes for programs."""

import copy
import pickle
import subprocess
import sys

import pytest

from spikelet import errors
from spikelet.errors import BundleError, Cancelled, DataError, MissingDependency, SpikeletError

TEXTS = ("message", "where", "reason", "expected", "found", "remedy")


def test_the_text_is_the_object_and_the_reason():
    error = DataError.at("images.npz", "3 images", expected="4", found="3", remedy="add one")
    assert str(error) == "images.npz: 3 images"
    assert [getattr(error, name) for name in TEXTS] == [
        "images.npz: 3 images",
        "images.npz",
        "3 images",
        "4",
        "3",
        "add one",
    ]


def test_an_error_with_only_a_text_has_empty_attributes():
    error = SpikeletError("too bright")
    assert (error.message, error.reason, error.where, error.expected) == ("too bright", "too bright", "", "")


def test_a_located_error_keeps_its_type_and_attributes():
    error = BundleError.at("card.md", "is too long").within("card.md")
    assert error.locate("a.snnb") is error
    assert (str(error), error.message, error.member) == (
        "a.snnb: card.md: is too long",
        "card.md: is too long",
        "card.md",
    )


def test_a_long_error_is_cut():
    error = BundleError.at("w" * 30, "r" * 30, found="f").within("card.md").shorten(20)
    assert str(error) == error.message == "w" * 20 + "…: " + "r" * 20 + "…"
    assert (error.where, error.reason, error.found, error.member) == ("w" * 20 + "…", "r" * 20 + "…", "f", "card.md")
    assert str(BundleError("m" * 30).shorten(20)) == "m" * 20 + "…"


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SpikeletError) and "__init__" not in vars(kind)
    ],
)
def test_every_plain_error_passes_between_processes(kind):
    sent = kind.at("a", "b", expected="c", found="d", remedy="e").locate("file")
    assert kind.__new__(kind, "a").args == ("a",)  # as tblib creates it, which Dask uses
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is kind
    assert str(received) == "file: a: b"
    assert [getattr(received, name) for name in TEXTS] == [getattr(sent, name) for name in TEXTS]


@pytest.mark.parametrize("error", [Cancelled("training"), MissingDependency("Brian2", "brian2")])
def test_an_error_with_a_constructor_of_its_own_passes_between_processes(error):
    for received in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(received) is type(error)
        assert (str(received), vars(received)) == (str(error), vars(error))


def test_a_missing_package_is_an_import_error_with_its_attributes():
    error = MissingDependency("Brian2", "brian2")
    assert isinstance(error, ImportError)
    assert (str(error), error.message) == ('Brian2 is not installed: pip install "spikelet[brian2]"', error.reason)


def test_short_memory_is_an_assumption_that_does_not_hide_the_error(monkeypatch):
    monkeypatch.setattr(errors, "_memory_is_short", lambda: True)
    assumed = str(errors.translated(ValueError("broken chunk"), "a.png"))
    assert assumed.startswith("a.png: out of memory; use fewer images")
    assert assumed.endswith(" (less than 64 MiB available; ValueError: broken chunk)")
    stated = errors.translated(MemoryError(), "a.png")
    assert "64 MiB" not in str(stated)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the data segment are Linux's")
def test_a_limit_of_the_data_segment_makes_memory_short():
    script = (
        "import resource\n"
        "from spikelet import errors\n"
        "assert not errors._memory_is_short()\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (1 << 25, -1))\n"
        "assert errors._memory_is_short()\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("text", ["a.npz: has no labels", "folder/a.npz: has no labels", "has no labels"])
def test_a_file_is_named_once(text):
    assert str(DataError(text).locate("folder/a.npz")) == "folder/a.npz: has no labels"
