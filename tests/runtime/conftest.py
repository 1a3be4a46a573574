"""`spikelet doctor` without the checks of other packages: to load Brian2 takes seconds."""

import pytest

from spikelet.cli import doctor


@pytest.fixture(scope="module", autouse=True)
def _checks_of_the_runtime_alone():
    """Leave out the check of Brian2, which `tests/converters/brian2` tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "entry_points", lambda group: ())
        yield
