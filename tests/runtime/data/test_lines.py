"""Lines (N, C, L) and measured values: each form is read with known values, or refused by name."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from spikelet import cli
from spikelet.data import DataOptions, read, stated_span
from spikelet.data.pixels import quantised
from spikelet.errors import DataError, UsageError
from spikelet.graph import Graph
from spikelet.inputs import as_sequence
from spikelet.nodes import IF, Conv2d, Flatten, Input, Linear, Output

N, C, L = 5, 3, 7
LINES = (np.arange(N)[:, None, None] * 40 + np.arange(C)[:, None] * 11 + np.arange(L)).astype(np.uint8)
SPAN = (-2.0, 2.0)
MEASURED = SPAN[0] + LINES * (4 / 255) + 0.001  # less than half a step above the whole number
MEASURED[0, 0, 0], MEASURED[-1, -1, -1] = -9, 9  # beyond the range
WHOLE = LINES.copy()
WHOLE[0, 0, 0], WHOLE[-1, -1, -1] = 0, 255

FORMS = {
    "(N, C, L)": (LINES, LINES, {}),
    "(N, L, C)": (LINES.transpose(0, 2, 1), LINES, {}),
    "(C, L)": (LINES[2], LINES[2:3], {}),
    "(N, C, 1, L)": (LINES[:, :, None], LINES, {}),
    "measured lines": (MEASURED, WHOLE, {"span": SPAN}),
    "(N, L)": (LINES[:, 0], LINES[:, :1], {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_lines(form, tmp_path):
    value, expected, options = FORMS[form]
    np.save(tmp_path / "a.npy", value)
    loaded = read(tmp_path / "a.npy", shape=(expected.shape[1], 1, L), options=DataOptions(**options))
    assert loaded.images.dtype == np.uint8
    assert np.array_equal(loaded.images, expected[:, :, None])


def test_measured_features(tmp_path):
    np.savez(tmp_path / "a.npz", x=MEASURED.reshape(N, -1).astype(np.float32), y=np.arange(N))
    loaded = read(tmp_path / "a.npz", shape=(C * L,), options=DataOptions(span=SPAN))
    assert np.array_equal(loaded.images, WHOLE.reshape(N, -1))
    assert np.array_equal(loaded.labels, np.arange(N))


REFUSED = {
    "as many channels as values": (np.zeros((N, 7, 7), np.uint8), (7, 1, 7), {}, "can be read as NCL or NLC; give its axes with --layout"),
    "NaN among measured values": (np.where(LINES == 0, np.nan, LINES), (C, 1, L), {"span": SPAN}, "contains NaN or infinity"),
    "another length": (LINES, (C, 1, L + 1), {}, r"images of the network's \(3, 1, 8\), found shape \(5, 3, 7\)"),
    "names": (np.array(["a"] * 21).reshape(1, 3, 7), (C, 1, L), {"span": SPAN}, "expected numbers"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_refused(form, tmp_path):
    value, shape, options, message = REFUSED[form]
    np.save(tmp_path / "a.npy", value)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.npy", shape=shape, options=DataOptions(**options))


def test_lines_as_arrays_of_python():
    """A network of lines accepts arrays (C, L) and (N, C, L)."""
    nodes = {
        "x": Input((C, 1, L), np.zeros(C, np.int16)),
        "conv": Conv2d(np.ones((2, C, 1, 3), np.int8), np.zeros(2, np.int32)),
        "if": IF(np.array([9, 9], np.int32), np.zeros(2, np.int32)),
        "flat": Flatten(),
        "fc": Linear(np.ones((2, 10), np.int8), np.zeros(2, np.int32)),
        "y": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, tuple(pairwise(names)))
    assert np.array_equal(as_sequence(graph, LINES), LINES[None, :, :, None])
    assert np.array_equal(as_sequence(graph, LINES[1]), LINES[None, 1:2, :, None])


@pytest.mark.parametrize("stated", [[-1, 2.5], [0, 2**64], (-(2.0**64), 0), [0, 2.0**-64]])
def test_the_range_that_a_bundle_states(stated):
    assert stated_span({"input_range": stated}) == tuple(map(float, stated))
    assert stated_span({}) is None


@pytest.mark.parametrize(
    "span",
    [None, [1, 1], [2, 1], [1], [1, 2, 3], ["a", 2], [True, 2], "ab", {"low": 0, "high": 1}, [0, 2.0**-65], [0, 1e-320],
     [0, 2**64 + 1], [-1e308, 1e308], [2**60, 2**60 + 1], [0, math.inf], [math.nan, 1], [None, 1], [10**400, 10**401]],
    ids=str,
)  # fmt: skip
def test_invalid_ranges_are_refused_wherever_they_are_stated(span):
    with pytest.raises(UsageError, match=r"provenance\.input_range: expected two numbers LOW < HIGH.*, found"):
        stated_span({"input_range": span})
    if span is not None:
        with pytest.raises(UsageError, match="range: expected two numbers LOW < HIGH"):
            DataOptions(span=span)


def test_values_at_the_borders_of_a_range_do_not_overflow():
    """Warnings are errors: neither the width of a range nor the distance from it may overflow."""
    values = np.array([[-1.7e308, -1e-300, 0.0, 1e-300, 2.0**-65, 2.0**-64, 1.7e308]])
    for low, high in ((0.0, 2.0**-64), (-(2.0**64), 2.0**64), (2.0**64 - 2**11, 2.0**64)):
        pixels = quantised(values, low, high)[0]
        assert pixels[0] == 0
        assert pixels[-1] == 255
        assert (np.diff(pixels.astype(int)) >= 0).all()
    assert quantised(values, 0.0, 2.0**-64)[0].tolist() == [0, 0, 0, 0, 128, 255, 255]


@pytest.mark.parametrize(
    ("options", "message"),
    [("--range 1 1", "expected two numbers LOW < HIGH"), ("--range 0 inf", "LOW < HIGH"),
     ("--range 0 1 --white 2", "--white is for pixels and --range for measured values")],
)  # fmt: skip
def test_options_that_exclude_each_other(options, message, tmp_path, capsys):
    np.save(tmp_path / "a.npy", LINES)
    assert cli.main(["run", "vgg9-cifar10", str(tmp_path / "a.npy"), *options.split()]) == 2
    assert message in capsys.readouterr().err


def test_every_form_is_on_the_page_about_data():
    page = (Path(__file__).resolve().parents[3] / "docs" / "guides" / "data.md").read_text("utf-8")
    section = page.partition("## Lines and measured values")[2].partition("\n## ")[0]
    rows = {line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")}
    assert {
        *FORMS,
        "measured features",
        "as many channels as values",
        "NaN among measured values",
        "lines",
        "refused lines",
    } == rows
