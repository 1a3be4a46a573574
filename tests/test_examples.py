"""The examples in docstrings run and give the stated results."""

import doctest
import linecache
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROMPT = re.compile(r"^\s+>>> ", re.MULTILINE)
MODULES = {
    ".".join(path.relative_to(ROOT / root).with_suffix("").parts).removesuffix(".__init__"): path
    for root in ("runtime", "converters", "gui")
    for path in sorted((ROOT / root).rglob("*.py"))
    if PROMPT.search(path.read_text("utf-8"))
}


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module(name, monkeypatch):
    if name.startswith("spikelet_converters") and find_spec("torch") is None:
        pytest.skip("could not import 'torch'")
    monkeypatch.chdir(ROOT)
    # testmod also runs docstrings without examples; each run looks at the dates of all files whose lines are cached
    examples = [docstring for docstring in doctest.DocTestFinder().find(import_module(name)) if docstring.examples]
    assert examples
    linecache.clearcache()
    runner = doctest.DocTestRunner()
    assert [docstring.name for docstring in examples if runner.run(docstring).failed] == []


def test_the_main_functions_have_examples():
    assert len(MODULES) > 30
