import subprocess
import sys

import pytest

TOUCH = """
import resource, torch
from spikelet.converters.memory import keep_freed_memory
kept = {keep}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(8 << 20)  # 32 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(int(kept), faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_not_asked_for_again():
    def run(keep):
        done = subprocess.run(
            [sys.executable, "-c", TOUCH.format(keep=keep)], capture_output=True, text=True, check=True
        )
        return map(int, done.stdout.split())

    kept, faults = run("keep_freed_memory()")
    if not kept:
        pytest.skip("another C library than glibc")
    _, before = run("0")
    assert faults < before / 10
