"""Fixtures of the comparisons with Brian2."""

import pytest

from brian2_traces import keep


@pytest.fixture(scope="module")
def simulated_once():
    """Keep the simulations of a module: Brian2's side does not depend on the engine."""
    with pytest.MonkeyPatch.context() as patch:
        keep(patch)
        yield
