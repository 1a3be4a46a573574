"""Every test run has its own cache of compiled networks."""

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    os.environ["SPIKELET_CACHE"] = str(tmp_path_factory.mktemp("cache"))
