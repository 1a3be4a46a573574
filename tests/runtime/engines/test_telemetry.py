"""ONNX Runtime runs without its telemetry: no device identifier, no cache of events, no uploading thread."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import os
from pathlib import Path
import numpy as np
import spikelet
from spikelet import shipped
spikelet.load(shipped.demo(), engine="onnx", threads=1).run(np.zeros((3, 32, 32)), 1)
print(os.environ["ORT_DISABLE_TELEMETRY"], len(list(Path("/proc/self/task").iterdir())))
"""


def _run(home: Path, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    folders = {"HOME": str(home), "USERPROFILE": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    process = subprocess.run(
        [sys.executable, "-c", RUN], env=environment | folders | variables, capture_output=True, text=True, check=True
    )
    return process.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_is_written_and_no_thread_is_started(tmp_path):
    assert _run(tmp_path) == "1 1\n"
    assert list(tmp_path.iterdir()) == []


def test_a_value_of_the_user_is_kept(monkeypatch):
    from spikelet import onnx_runtime

    monkeypatch.setenv(onnx_runtime.TELEMETRY_OFF, "0")
    onnx_runtime.load()
    assert os.environ[onnx_runtime.TELEMETRY_OFF] == "0"
