"""The Python of .venv is a fast one of those that are installed."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.fast, pytest.mark.skipif(os.name != "posix", reason="the scripts of .ci need bash")]

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "python"
OPTIMISED, PLAIN = "'--enable-shared' '--enable-optimizations'", "'--enable-shared'"


@pytest.fixture
def chosen(tmp_path):
    """Return a function that runs the script with these Pythons in PATH and returns the folder of the chosen one."""

    def choose(**pythons):
        for folder, (name, version, prefix, options, venv) in pythons.items():
            settings = (
                f"import sys, sysconfig; sys.version_info = {version}; sys.base_prefix = {prefix!r}; "
                f"sysconfig.get_config_var = lambda name: {options!r}; "
                f"sys.modules['ensurepip'] = {'sys' if venv else None}; exec(sys.argv[1])"
            )
            path = tmp_path / folder / name
            path.parent.mkdir()
            path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(settings)} "$2"\n')
            path.chmod(0o755)
        environment = {"PATH": os.pathsep.join(str(tmp_path / folder) for folder in pythons)}
        bash = shutil.which("bash")
        done = subprocess.run([bash, SCRIPT], env=environment, capture_output=True, text=True, check=True)
        return Path(done.stdout.strip()).parent.name

    return choose


PYENV = ("python3", (3, 12), "/home/a/.pyenv", PLAIN, True)
SYSTEM = ("python3", (3, 11), "/usr", PLAIN, True)


@pytest.mark.parametrize(
    ("pythons", "expected"),
    [
        ({"a": PYENV, "b": SYSTEM}, "b"),
        ({"a": PYENV, "b": ("python3", (3, 13), "/opt", OPTIMISED, True)}, "b"),
        ({"a": ("python3", (3, 13), "/opt", OPTIMISED, True), "b": SYSTEM}, "a"),
        ({"a": PYENV}, "a"),
        ({"a": PYENV, "b": ("python3", (3, 11), "/usr", PLAIN, False)}, "a"),  # python3-venv is not installed
        ({"a": ("python3", (3, 10), "/usr", PLAIN, True), "b": ("python3.11", (3, 11), "/usr", PLAIN, True)}, "b"),
        ({"a": ("python3", (3, 15), "/usr", PLAIN, True)}, ""),
        ({}, ""),
    ],
)
def test_a_fast_python_is_preferred(chosen, pythons, expected):
    assert chosen(**pythons) == expected
