"""Run commands in the temporary folder of a test."""

import pytest

from spikelet import cli
from spikelet.engines.native.engine import NativeEngine


@pytest.fixture
def call(folder, capsys, monkeypatch):
    """Run a line of the command line in `folder`, expect its exit code, and return what it printed."""
    monkeypatch.chdir(folder)

    def run(line, code=0):
        capsys.readouterr()
        assert cli.main(line.split()) == code
        return capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def nothing_compiled():
    """Let "auto" select the onnx engine: to compile a network takes longer than to run it on few images.

    All engines give the same spikes, which `tests/conformance` checks.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NativeEngine, "priority", -1)
        yield
