"""A small bundle on disk."""

import pytest

from bundle_changes import make
from spikelet.bundle import write


@pytest.fixture
def path(tmp_path):
    write(make(), tmp_path / "small.snnb")
    return tmp_path / "small.snnb"
