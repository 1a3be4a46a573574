"""Page faults and resident memory while freed memory is kept, and after it.

Bounds, for the default allocator of glibc 2.36 on x86-64 with pages of 4 kB and no transparent huge pages: within, four
blocks of 32 MB cost less than a tenth of the page faults that they cost before; after it, more than half of those;
and of eight such blocks that are freed, 200 MB of 256 are handed back.
"""

import json
import subprocess
import sys

import pytest

TOUCH = """
import json, resource, torch
from spikelet_converters.training.memory import freed_memory_kept
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(8 << 20)  # 32 MB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
before = faults()
with freed_memory_kept() as kept:
    faults()
    within = faults()
    blocks = [torch.ones(8 << 20) for _ in range(8)]
    del blocks
    full = resident()
print(json.dumps([kept, before, within, faults(), full, resident()]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux")
def test_freed_memory_is_kept_while_training_and_handed_back_after_it():
    done = subprocess.run([sys.executable, "-c", TOUCH], capture_output=True, text=True, check=True)
    kept, before, within, after, full, end = json.loads(done.stdout)
    if not kept:
        pytest.skip("another C library than glibc")
    measured = f"page faults: {before} before, {within} within, {after} after; kB: {full} within, {end} after"
    assert within < before / 10, measured
    assert after > before / 2, measured
    assert full - end > 200_000, measured
