"""Instruction counts of generated C: they must not grow, and they are read from callgrind's file as they are."""

import json
from pathlib import Path

import numpy as np
import pytest

import spikelet
from counts.instructions import TIMES, build, compiler_version, missing, profile, read_callgrind
from spikelet import cli

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "docs" / "instructions.json"
BUNDLE = ROOT / "assets" / "spikelet_assets" / "vgg9-cifar10.snnb"
MOST = 1.03  # of the published count


def test_no_count_has_grown(tmp_path):
    if missing():
        pytest.skip(f"needs {missing()}")
    published = json.loads(DATA.read_text())
    if compiler_version() != published["compilers"]["gcc"]:
        pytest.skip(f"instructions are published for {published['compilers']['gcc']}, here is {compiler_version()}")
    assert cli.main(["export", "c", str(BUNDLE), str(tmp_path / "c")]) == 0
    with np.load(ROOT / "assets" / "spikelet_assets" / "cifar10-500.npz") as archive:
        images = archive["images"][: published["images"]]
    counted = profile(build(tmp_path / "c", "x86-64-v3"), images)
    before = published["networks"]["vgg9-cifar10"]["counts"]["x86-64-v3, gcc"]
    grown = {t: counted.totals[t] / before[str(t)] for t in TIMES if counted.totals[t] > MOST * before[str(t)]}
    assert grown == {}, "more instructions than published; mend it, or publish with make bench-instructions and say why"
    expected = spikelet.load(BUNDLE, engine="numpy").run(images, steps=max(TIMES)).predictions
    assert counted.classes.tolist() == expected[[t - 1 for t in TIMES]].T.tolist()


def test_costs_of_calls_are_told_from_own_costs():
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
