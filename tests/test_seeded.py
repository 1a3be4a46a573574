"""Random tests have the same examples in every run, independent of earlier tests in the process, and each one once."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def examples():
    """Return the numbers that a test gets."""
    numbers = []

    @settings(max_examples=300, database=None)
    @given(number=st.integers(0, 10**9))
    def collect(number):
        numbers.append(number)

    collect()
    return numbers


@pytest.mark.skipif("SPIKELET_CONFORMANCE" in os.environ, reason="a campaign draws new examples")
def test_examples_do_not_depend_on_the_modules_that_are_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = examples()
    path = (
        tmp_path / "loaded_later.py"
    )  # neither of Python nor installed: Hypothesis treats it as a module of the project
    path.write_text("".join(f"NUMBER{index} = {734_561_000 + index}\n" for index in range(500)))
    spec = spec_from_file_location("loaded_later", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "loaded_later", module)
    assert examples() == before


@pytest.mark.skipif("SPIKELET_CONFORMANCE" in os.environ, reason="a campaign draws copies of examples too")
def test_few_examples_repeat_a_part_of_themselves():
    repeating = 0

    @settings(max_examples=200, database=None)
    @given(numbers=st.tuples(*[st.integers(0, 10**9)] * 4))
    def collect(numbers):
        nonlocal repeating
        repeating += len(set(numbers)) < 4

    collect()
    assert repeating < 40, "160 with the copies; zeros and limits are drawn twice without them"
