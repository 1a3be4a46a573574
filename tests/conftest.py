"""Every test run has its own cache of compiled networks, and matrices so small that one thread is quickest."""

import os

# read when NumPy and torch load; on a busy machine their threads wait on each other
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    os.environ["SPIKELET_CACHE"] = str(tmp_path_factory.mktemp("cache"))
