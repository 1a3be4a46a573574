"""A bundle and a key; the policy is set by each test only."""

import pytest

from signed import make
from spikelet import signing


@pytest.fixture(autouse=True)
def no_policy(monkeypatch):
    for name in (signing.TRUSTED_KEYS, signing.REQUIRE, "SPIKELET_KEY_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path):
    return make(tmp_path / "small.snnb")


@pytest.fixture
def key():
    return signing.new_key()
