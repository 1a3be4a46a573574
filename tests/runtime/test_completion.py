"""Completion in a shell: argcomplete is asked as bash asks it, with a line and the position of the cursor."""

import os
import subprocess
import sys

import pytest

from spikelet.cli import completion, registry
from spikelet.cli.registry import OTHER, groups

ASK = """
import os, sys
from spikelet import cli
for number, line in enumerate(sys.argv[2:]):
    if os.fork() == 0:
        os.environ |= {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\\n", "COMP_TYPE": "9", "COMP_LINE": line}
        os.environ |= {"COMP_POINT": str(len(line)), "_ARGCOMPLETE_STDOUT_FILENAME": f"{sys.argv[1]}/{number}"}
        cli.main([])
        os._exit(1)
    assert os.wait()[1] == 0
"""
LINES = {
    "spikelet ru": {"run"},
    "spikelet run vgg5": {"vgg5-fashion-mnist"},
    "spikelet run fold": {"folder/"},
    "spikelet run nothing --early-exit-": {"--early-exit-confidence"},
    "spikelet run nothing --engine n": {"numpy", "native"},
    "spikelet export c nothing out --package z": {"zephyr"},
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="completion is for shells of POSIX")
def test_a_shell_completes_commands_options_values_and_names(tmp_path):
    pytest.importorskip("argcomplete")
    (tmp_path / "folder").mkdir()
    (tmp_path / "out").mkdir()
    subprocess.run([sys.executable, "-c", ASK, "out", *LINES], cwd=tmp_path, check=True)
    for number, (line, expected) in enumerate(LINES.items()):
        offered = {word.strip() for word in (tmp_path / "out" / str(number)).read_text().split("\n")}
        assert offered == expected, line


def test_without_argcomplete_nothing_is_completed(monkeypatch):
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    monkeypatch.setenv(completion.VARIABLE, "1")
    assert completion.requested()
    assert completion.complete(None) is None


def test_every_command_is_listed_once_by_its_use(monkeypatch):
    listed = [name for members in groups().values() for name in members]
    assert sorted(listed) == sorted(registry.names())
    assert OTHER not in groups()
    monkeypatch.setattr(registry, "names", lambda: ["run", "of-a-plugin"])
    assert groups() == {"run a bundle": ["run"], OTHER: ["of-a-plugin"]}
