"""The README's speed table is what `make bench` wrote."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def page(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    import readme

    yield readme
    del sys.modules["readme"]


def test_the_readme_says_what_was_measured(page):
    readme = page.README.read_text("utf-8")
    assert page.with_table(readme, page.WRITTEN.read_text("utf-8")) == readme
    assert readme.count(page.BEGIN) == readme.count(page.END) == 1


def test_a_table_has_one_line_of_each_network(page):
    text = """
### a
| 1 | 1 | 2 | float network | 9.00 | 9.00 | 1.00 | 1.00 |
| 1 | 1 | 4 | float network | 2.00 | 2.00 | 1.00 | 1.00 |
| 1 | 1 | 4 | ours | 1.00 | 1.10 | 0.50 | 0.55 |
### b
| 1 | 1 | 4 | float network | 8.00 | 8.00 | 1.00 | 1.00 |
| 1 | 1 | 4 | ours | 10.00 | 9.00 | 1.25 | 1.13 |
| 1 | 1 | 4 | peer | 90.00 | 90.00 | 11.25 | 11.25 |
### rates
| 5.0% | 0.1 | 0.5 |
"""
    head, _, *rows = page.table(text).splitlines()
    assert head == "| batch 1, one thread, T = 4 | a | b |"
    assert rows == [
        "| float network | 2.00 ms | 8.00 ms |",
        "| ours | 1.00 ms, 0.50 × | 10.00 ms, 1.25 × |",
        "| peer |  | 90.00 ms, 11.25 × |",
    ]
