"""The mutator and its campaign: planted faults are detected."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostile.mutations import Mutator
from spikelet.bundle import decode
from spikelet.errors import BundleError

TESTS = Path(__file__).resolve().parents[2]
PYTHONPATH = os.pathsep.join([str(TESTS / "support"), str(TESTS / "stress")])
PLANTED = {
    "raise ValueError('planted')": "ValueError: planted",
    "x = bytearray(80 * 2**20)": "MemoryError",
    "open('x', 'w').write('x')": "reached outside: open",
    "import socket; socket.socket().connect(('127.0.0.1', 9))": "reached outside: socket",
    "import subprocess; subprocess.run(['true'])": "reached outside: subprocess",
    "import time; until = time.process_time() + 0.2\n    while time.process_time() < until: pass": "took 0.2",
    "open(3, 'w')": "Error",
}
# Limits of a process and its audit hooks stay: each fault has a process of its own, forked so that nothing is loaded twice.
FORKS = """
import json, os, sys
import fuzz

class Pipe:
    def send(self, message):
        sent.append(message)
    def close(self):
        pass

for plant in json.loads(sys.argv[1]):
    if os.fork() == 0:
        sent, names, add = [], {}, sys.addaudithook
        exec(f"def decode(content):\\n    {plant}", names)
        def hook(watch):
            add(watch)
            fuzz.decode = names["decode"]
        sys.addaudithook = hook
        fuzz._work("0", 1, Pipe(), 0.1)
        print(json.dumps([plant, sent[0][1]]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def complaints():
    """The complaints of the campaign about each planted fault."""
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    command = [sys.executable, "-c", FORKS, json.dumps(list(PLANTED))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": PYTHONPATH})
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(line) for line in done.stdout.splitlines())


@settings(max_examples=100, deadline=None)
@given(source=st.randoms(use_true_random=False))
def test_mutations_that_shrink(source):
    """hypothesis makes all choices of the mutator, so that it can reduce a failure to the smallest file."""
    mutator = Mutator(0)
    mutator.random = source
    with suppress(BundleError):
        decode(mutator.one()[1])


def test_mutations_are_repeatable():
    one, other = (Mutator(7) for _ in range(2))
    assert [one.one() for _ in range(50)] == [other.one() for _ in range(50)]


class TestFuzz:
    def test_a_bounded_share(self):
        """2,000 mutated bundles under limits of the operating system; `make fuzz` reads a million."""
        if not sys.platform.startswith("linux"):
            pytest.skip("needs Linux")
        done = subprocess.run(
            [sys.executable, str(TESTS / "stress" / "fuzz.py"), "--count", "2000", "--processes", "1", "--seed", "1"],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": PYTHONPATH},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        actual = json.loads(done.stdout[done.stdout.index("{") :])
        assert actual["files"] == 2000
        assert actual["refused"] > 1250
        assert actual["read"] > 100, "mutations that no layer refuses are needed too"

    @pytest.mark.parametrize("plant", PLANTED)
    def test_a_planted_fault_is_noticed(self, complaints, plant):
        assert PLANTED[plant] in complaints[plant]
