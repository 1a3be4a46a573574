"""The short form of `make faults`: kills at operations on files, full disks and closed folders.

Kills at random moments depend on the machine's clock and load: they are in the long form.
"""

import importlib.util
import json
import marshal
import os
import sys
from pathlib import Path

import pytest

import torch_processes

pytest.importorskip("torch")
pytest.importorskip("cryptography")
TESTS = Path(__file__).resolve().parent
SCRIPT = TESTS / "stress" / "faults.py"
LATE_MODULE = TESTS.parent / "converters" / "spikelet_converters" / "exports" / "nir.py"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_commands_that_are_disturbed_leave_nothing_broken(tmp_path):
    options = ["--limits", "--kills", "0", "--operations", "14", "--seed", "5"]
    # networks are compiled again and again: quickly
    environment = os.environ | {"PYTHONPATH": str(TESTS / "support"), "SPIKELET_CFLAGS": "-O0"}
    bytecode = Path(importlib.util.cache_from_source(str(LATE_MODULE)))
    bytecode.unlink(missing_ok=True)  # a command imports the module under a limit of file sizes
    code = "import runpy, sys; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
    done = torch_processes.run(code, SCRIPT, *options, cwd=tmp_path, environment=environment)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["wrong"] == [], "\n".join(report["wrong"])
    assert done.returncode == 0
    if bytecode.exists():
        marshal.loads(bytecode.read_bytes()[16:])  # fails if the limit cut the file
    outcomes = report["outcomes"]
    assert {"convert", "report", "sign", "train"} <= set(outcomes)
    assert outcomes["train"]["runs compared bit for bit"] >= 1
    for trouble in ("no room in a file", "permission denied"):
        for verb, message in outcomes[trouble].items():
            assert message.startswith(f"spikelet {verb.partition(' --')[0]}: "), message
            assert len(message.splitlines()) == 1
