"""The accuracy tables of README and docs are what `make accuracy` measured, of the bundles that are shipped."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from spikelet import bundle, shipped

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def accuracy(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    module = importlib.import_module("accuracy")
    yield module
    del sys.modules["accuracy"], sys.modules["blocks"]


@pytest.fixture
def figures(accuracy):
    return json.loads(accuracy.FIGURES.read_text("utf-8"))


def test_the_pages_show_what_was_measured(accuracy, figures):
    for name, blocks in accuracy.tables(figures).items():
        page = (ROOT / name).read_text("utf-8")
        for title, content in blocks.items():
            assert accuracy.with_block(page, title, content) == page


def test_the_figures_are_those_of_the_shipped_bundles(figures):
    assert {name: entry["bundle"] for name, entry in figures.items()} == {
        path.stem: bundle.read(path).digest for path in shipped.bundles()
    }


def test_every_percentage_in_the_readme_stands_in_a_table(figures):
    """Also those of prose and of the copied output of the demo, which a test of the demo compares."""
    text = (ROOT / "README.md").read_text("utf-8")
    output = re.search(r"```text\n.*?```", text, re.DOTALL)
    assert output is not None
    prose = "\n".join(line for line in text.replace(output[0], "").splitlines() if not line.startswith("|"))
    shown = re.findall(r"\d+\.\d+ ?%", prose)
    right = {f"{100 * count / entry['images']:.2f}" for entry in figures.values()
             for by_steps in entry["copies"].values() for count in by_steps.values()}  # fmt: skip
    assert not [number for number in shown if number.rstrip(" %") not in right]


def test_a_page_without_its_part_is_refused(accuracy):
    with pytest.raises(ValueError, match="expected one part <!-- accuracy: … -->, found 0"):
        accuracy.with_block("# a page\n", "accuracy", "| |\n")


def test_copies_and_time_steps_of_equal_levels_share_a_row(accuracy):
    by_steps = {str(k): {str(t): 10 * k + t for t in steps} for k, steps in accuracy.STEPS.items()}
    table = accuracy.copies_table({"net": {"images": 100, "copies": by_steps}}).splitlines()
    assert table[0] == "| bundle | levels k T | k = 1 | k = 2 | k = 4 |"
    assert table[2:] == [
        "| `net` | 1 | T = 1: 11.00 |  |  |",
        "| `net` | 2 | T = 2: 12.00 | T = 1: 21.00 |  |",
        "| `net` | 4 | T = 4: 14.00 | T = 2: 22.00 | T = 1: 41.00 |",
        "| `net` | 8 | T = 8: 18.00 | T = 4: 24.00 | T = 2: 42.00 |",
    ]
