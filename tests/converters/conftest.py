"""Run commands in the temporary folder of a test."""

import pytest

from spikelet import cli


@pytest.fixture
def call(folder, capsys, monkeypatch):
    """Run a line of the command line in `folder`, expect its exit code, and return what it printed."""
    monkeypatch.chdir(folder)

    def run(line, code=0):
        capsys.readouterr()
        assert cli.main(line.split()) == code
        return capsys.readouterr()

    return run
