"""What several files of hostile bundles start from."""

import pytest

from hostile.bundles import bases


@pytest.fixture(scope="module")
def members():
    return bases()[0]
