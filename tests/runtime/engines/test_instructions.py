"""Instruction counts of generated C: they must not grow, and callgrind's file is read correctly."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark_modules import imported
from counts.instructions import TIMES, answers, build, compiler_version, export, missing, profile, read_callgrind

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "docs" / "results" / "instructions.json"
BUNDLE = ROOT / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"
MOST = 1.03  # of the published count


@pytest.mark.parametrize(("copies", "times"), [(1, TIMES), (4, (1,))])
def test_no_count_has_grown(copies, times, tmp_path):
    if missing():
        pytest.skip(f"needs {missing()}")
    published = json.loads(DATA.read_text("utf-8"))
    if compiler_version() != published["compilers"]["gcc"]:
        pytest.skip(f"instructions are published for {published['compilers']['gcc']}, here is {compiler_version()}")
    with np.load(ROOT / "assets" / "spikelet_assets" / "cifar10-500.npz") as archive:
        images = archive["images"][: published["images"]]
    counted = profile(build(export(BUNDLE, tmp_path / "c", copies=copies), "x86-64-v3"), images, max(times))
    entry = published["networks"]["vgg9-cifar10"]
    entry = entry if copies == 1 else entry["copies"][str(copies)]
    before = entry["counts"]["x86-64-v3, gcc"]
    grown = {t: counted.totals[t] / before[str(t)] for t in times if counted.totals[t] > MOST * before[str(t)]}
    assert grown == {}, "more instructions than published; mend it, or publish with make bench-instructions and say why"
    columns = [TIMES.index(t) for t in times]
    assert np.array_equal(counted.classes, answers(BUNDLE, copies, images)[:, columns])


def test_copies_take_the_instructions_of_fewer_time_steps():
    """The levels of 4 copies at T = 1 are those of one neuron at T = 4."""
    entry = json.loads(DATA.read_text("utf-8"))["networks"]["vgg9-cifar10"]
    for target, most in (("x86-64-v3, gcc", 0.6), ("x86-64-v3, clang", 0.6), ("Cortex-M4", 0.65)):
        assert entry["copies"]["4"]["counts"][target]["1"] < most * entry["counts"][target]["4"]
    assert entry["copies"]["4"]["counts"]["Cortex-M4"]["1"] < 30e6


def test_the_page_has_the_published_counts():
    pytest.importorskip("onnx")
    with imported("page_tables.instructions") as (module,):
        assert module.page(json.loads(module.DATA.read_text("utf-8"))) == module.PAGE.read_text("utf-8")


def test_the_page_of_copies_has_the_published_counts():
    with imported("page_tables.copies") as (copies,):
        page = copies.PAGE.read_text("utf-8")
        assert copies.with_table(page, json.loads(DATA.read_text("utf-8"))["networks"]) == page


def test_costs_of_calls_are_separate_from_own_costs():
    text = "\n".join(
        [
            "events: Ir",
            "ob=program",
            "fl=model.c",
            "fn=measured_1",
            "10 5",
            "cfn=fire",
            "calls=2 40",
            "11 700",
            "12 1",
            "",
            "fn=fire",
            "fi=vectors.h",
            "41 300",
            "fe=model.c",
            "42 400",
        ]
    )
    own, called = read_callgrind(text)
    assert own == {"measured_1": 6, "fire": 700}
    assert called == {"measured_1": 700}
