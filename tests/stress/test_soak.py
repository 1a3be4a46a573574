"""A short soak with the resident memory of its streams, which depends on the allocator."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


def test_resident_memory_of_a_stream_does_not_grow():
    command = [sys.executable, str(TESTS / "stress" / "soak.py"), "--steps", "20000", "--rounds", "1"]
    environment = os.environ | {"PYTHONPATH": str(TESTS / "support")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(stream["ok"] for stream in json.loads(done.stdout)["streams"])
