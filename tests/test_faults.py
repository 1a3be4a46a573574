"""The short form of `make faults`: kills, full disks, closed folders, too little memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("cryptography")
SCRIPT = Path(__file__).with_name("faults.py")

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")


def run(*options):
    done = subprocess.run([sys.executable, str(SCRIPT), *options], capture_output=True, text=True)
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert done.returncode == 0
    return found["found"]


def test_a_killed_command_leaves_the_old_file_or_the_new_one():
    found = run("--kills", "10", "--seed", "5")
    assert {"convert", "report", "sign", "train"} <= set(found)
    assert found["train"]["runs compared bit for bit"] >= 1
    assert found["train"]["killed"] >= 1


def test_where_nothing_can_be_written_one_sentence_says_so():
    found = run("--limits")
    for trouble in ("no room in a file", "permission denied"):
        for verb, said in found[trouble].items():
            assert said.startswith(f"spikelet {verb}: "), said
            assert len(said.splitlines()) == 1
