"""Threads of ONNX Runtime in a process that is limited to one core, as listed by the system.

Bound: no thread more than before, on Linux with two cores or more. The number passed to ONNX Runtime is tested in
`tests/runtime/engines/test_onnx_threads.py`, the number of threads that it starts here.
"""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os
import numpy as np
from networks import small_graph
from spikelet.engines import create
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import onnxruntime
before = len(os.listdir("/proc/self/task"))
engine = create(small_graph(), "onnx")
engine.reset(1)
engine.step(np.zeros((1, *engine.graph.input.shape), np.float32))
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux") or (os.cpu_count() or 1) < 2, reason="needs Linux, two cores")
def test_a_process_limited_to_one_core_has_no_additional_threads():
    pytest.importorskip("onnxruntime")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "0\n"
