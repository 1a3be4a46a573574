"""The mutator, and the campaign over it: that it finds what is planted."""

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


@settings(max_examples=300, deadline=None)
@given(source=st.randoms(use_true_random=False))
def test_mutations_that_shrink(source):
    """hypothesis draws every choice of the mutator, so that what it finds becomes the smallest file that does it."""
    mutator = Mutator(0)
    mutator.random = source
    with suppress(BundleError):
        decode(mutator.one()[1])


def test_mutations_are_repeatable():
    one, other = (Mutator(7) for _ in range(2))
    assert [one.one() for _ in range(50)] == [other.one() for _ in range(50)]


class TestFuzz:
    def test_a_bounded_share(self):
        """4,000 mutated bundles under limits of the operating system; `make fuzz` reads a million."""
        if not sys.platform.startswith("linux"):
            pytest.skip("needs Linux")
        done = subprocess.run(
            [sys.executable, str(TESTS / "stress" / "fuzz.py"), "--count", "4000", "--processes", "2", "--seed", "1"],
            capture_output=True, text=True, env={**os.environ, "PYTHONPATH": PYTHONPATH},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        actual = json.loads(done.stdout[done.stdout.index("{") :])
        assert actual["files"] == 4000
        assert actual["refused"] > 2500
        assert actual["read"] > 100, "mutations that no layer refuses are needed too"

    @pytest.mark.parametrize(
        ("plant", "complaint"),
        [
            ("raise ValueError('planted')", "ValueError: planted"),
            ("x = bytearray(80 * 2**20)", "MemoryError"),
            ("open('x', 'w').write('x')", "reached outside: open"),
            ("import socket; socket.socket().connect(('127.0.0.1', 9))", "reached outside: socket"),
            ("import subprocess; subprocess.run(['true'])", "reached outside: subprocess"),
            ("import time; until = time.process_time() + 0.2\n    while time.process_time() < until: pass", "took 0.2"),
            ("open(3, 'w')", "Error"),
        ],
    )
    def test_a_planted_fault_is_noticed(self, plant, complaint):
        if not sys.platform.startswith("linux"):
            pytest.skip("needs Linux")
        script = (
            "import fuzz\nmessages = []\nclass Pipe:\n    def send(self, message): messages.append(message)\n    def close(self): pass\n"
            "good = fuzz.judge\ndef decode(content):\n    " + plant + "\n"
            "start = fuzz._watch\nimport sys\nhook = sys.addaudithook\n"
            "def plant(event):\n    hook(event)\n    fuzz.decode = decode\n"
            "sys.addaudithook = plant\nfuzz._work('0', 1, Pipe(), 0.1)\nprint(messages[0][1])\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": PYTHONPATH}
        )
        assert complaint in done.stdout, done.stdout + done.stderr
