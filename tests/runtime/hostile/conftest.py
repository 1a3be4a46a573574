"""Fixtures of the tests of hostile bundles."""

import pytest

from hostile.bundles import bases


@pytest.fixture(scope="module")
def members():
    return bases()[0]
