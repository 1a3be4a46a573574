"""Texts have one form of a number of time-steps, `T = 8`, and of a large number, `1.23 M`."""

import ast
import math
import re
from pathlib import Path

import pytest

from spikelet.display import compact, significant

pytestmark = pytest.mark.fast

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("runtime/spikelet", "converters/spikelet_converters", "gui/spikelet_gui")
TIME_STEPS = re.compile(r"\bT=[\d{]")
PREFIX = re.compile(r"\}[kMGT](?![A-Za-z0-9])")
# Heads of tables of results, in which columns are narrow; arguments such as 8G
TABLES = ("study/costs.py", "study/published.py", "study/summary_text.py")
ARGUMENTS = ("spikelet/limits.py", "cli/arguments.py")


def texts(path):
    """Yield the strings of a Python file that are not docstrings, formatted ones with their expressions in braces."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped.update(map(id, node.values))
            yield "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def stray(pattern, exempt):
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    assert len(files) > 500
    paths = [path for path in files if not path.as_posix().endswith(exempt) and pattern.search(path.read_text("utf-8"))]
    return {path.name: text for path in paths for text in texts(path) if pattern.search(text)}


def test_a_number_of_time_steps_has_spaces():
    assert stray(TIME_STEPS, TABLES) == {}


def test_the_prefix_of_a_large_number_follows_a_space():
    assert stray(PREFIX, ARGUMENTS) == {}


def test_a_number_of_time_steps_has_spaces_in_the_documentation():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    prose = [
        re.sub(r"^```.*?^```$|^ *\|.*?$|`[^`]*`", "", page.read_text("utf-8"), flags=re.M | re.S) for page in pages
    ]
    assert [page.name for page, text in zip(pages, prose, strict=True) if TIME_STEPS.search(text)] == []


@pytest.mark.parametrize("value", [0.0009996, 0.9996, 9.996, 999.6, 999_600.0, 999_999_999.0, 1e12])
def test_a_number_that_is_rounded_up_has_no_exponent(value):
    for text in (compact(value), significant(value), significant(-value), compact(value, 4, zeros=False)):
        assert "e" not in text
        number, _, prefix = text.partition(" ")
        assert abs(float(number.replace(",", ""))) * 1000 ** " kMGT".index(prefix or " ") == pytest.approx(value, 1e-2)


@pytest.mark.parametrize(
    ("value", "text"), [(1e15, "1e+15"), (-2.5e40, "-2.5e+40"), (math.inf, "inf"), (math.nan, "nan")]
)
def test_a_number_beyond_the_prefixes(value, text):
    assert compact(value, zeros=False) == significant(value, zeros=False) == text
    assert compact(9.994e14) == "999 T"
