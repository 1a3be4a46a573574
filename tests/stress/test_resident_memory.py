"""Resident memory above a bare `import numpy`, on Linux with glibc.

Bounds: 60 MB for the demo on the numpy engine, at its peak. On the native engine, weights are in memory twice, as in
the file and as the kernels read them: a network with 16.8 MB of weights takes less than three times its weights more
than a network with few. The libraries of the machine count in both networks, and their sizes cancel.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from networks import large_graph
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.nodes import Conv2d, Linear
from spikelet.verify import record_golden

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "spikelet_assets"
SMALL = Path(__file__).resolve().parents[1] / "corpus" / "good-image.snnb"  # 9 kB
SCRIPT = """
import sys
import numpy as np
def resident():
    with open("/proc/self/status") as file:
        return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in file if line.startswith(("VmRSS", "VmHWM"))}
before = resident()["VmRSS"]
import spikelet
model = spikelet.load(sys.argv[1], sys.argv[2])
model.run(np.full(model.graph.input.shape, 200, np.uint8), steps=8)
print(resident()[sys.argv[3]] - before)
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")


def resident_mb(path, engine, figure):
    command = [sys.executable, "-c", SCRIPT, str(path), engine, figure]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_import_load_and_first_answer_stay_small():
    assert resident_mb(ASSETS / "vgg9-cifar10.snnb", "numpy", "VmHWM") < 60


def test_weights_are_in_memory_twice(tmp_path):
    graph = large_graph()
    weights = sum(node.weight.nbytes for node in graph.nodes.values() if isinstance(node, Conv2d | Linear))
    golden = record_golden(graph, np.zeros((1, 3, 64, 64), np.uint8), 1)
    path = tmp_path / "large.snnb"
    write(Bundle(graph, Manifest("large", None, 8, exact_steps(graph)), golden, ""), path)
    large, small = (resident_mb(bundle, "native", "VmRSS") for bundle in (path, SMALL))
    assert large - small < 3 * weights / 2**20, f"{large} MiB, with few weights {small} MiB"
