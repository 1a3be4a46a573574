"""The stated memory of an engine, compared with the peak memory of a separate process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from networks import Builder, large_graph
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.nodes import SumPool2d
from spikelet.verify import record_golden

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "spikelet_assets"
CODE = 2**24  # bytes of libraries and generated code, which the bound does not count
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from spikelet.bundle import read
from spikelet.engines import Workload, create, engine_class, run
from spikelet.limits import Limits

def peak():
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM"))

path, name, batch, window, recorded = sys.argv[1:]
graph = read(Path(path)).graph
record = graph.spiking if recorded == "True" else ()
load = Workload(int(batch), int(window) or None, record)
free = Limits(max_memory=2**60, max_operations=2**60)
inputs = np.random.default_rng(0).integers(0, 256, (1, load.batch, *graph.input.shape)).astype(np.uint8)
if name == "onnx":
    import onnxruntime
before = peak()
engine = create(graph, name, record, None, free)
for _ in run(engine, inputs, load.window or min(3, engine.step_limit), window=load.window is not None):
    engine.spike_counts()
print(peak() - before, engine_class(name).memory(graph, load))
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")


def graph_of(kind):
    net = Builder((4, 96, 96), np.random.default_rng(0))
    if kind == "padded":
        net.conv("conv", 8, (1, 1), padding=(150, 150))
        net.add("pool", SumPool2d((8, 8), (8, 8)))
    elif kind == "unfolded":
        net.conv("conv", 16, (9, 9), padding=(4, 4))
    elif kind == "groups":
        net.conv("conv", 64, (3, 3), groups=4)
    elif kind == "deep":
        for index in range(6):
            net.conv(f"conv{index}", 16)
            net.neuron(f"if{index}", scale=2000)
        net.add("pool", SumPool2d((8, 8), (8, 8)))
    elif kind == "linear":
        net.add("pool", SumPool2d((2, 2), (6, 6)))
        net.conv("conv", 2048, (16, 16), padding=(0, 0))
    net.neuron("if")
    return net.graph()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bounds")
    paths = {"demo": ASSETS / "vgg9-cifar10.snnb", "resnet20": ASSETS / "resnet20-cifar10.snnb"}
    graphs = {kind: graph_of(kind) for kind in ("padded", "unfolded", "groups", "deep", "linear")}
    for kind, graph in (graphs | {"large": large_graph()}).items():
        paths[kind] = folder / f"{kind}.snnb"
        golden = record_golden(graph, np.zeros((1, *graph.input.shape), np.uint8), 1)
        write(Bundle(graph, Manifest(kind, None, 8, exact_steps(graph)), golden, ""), paths[kind])
    return paths


@pytest.mark.parametrize("kind", ["demo", "resnet20", "large", "padded", "unfolded", "groups", "deep", "linear"])
@pytest.mark.parametrize("engine", ["numpy", "onnx", "native"])
@pytest.mark.parametrize(("batch", "window", "record"), [(1, 0, False), (16, 0, True), (16, 8, False), (8, 8, True)])
def test_no_more_memory_than_computed(bundles, kind, engine, batch, window, record):
    window = min(window, read(bundles[kind]).manifest.exact_steps) if window else 0
    command = [sys.executable, "-c", SCRIPT, str(bundles[kind]), engine, str(batch), str(window), str(record)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    held, bound = (int(number) for number in output.split())
    print(f"{kind} {engine} {batch} {window} {record}: {held / 1e6:.1f} MB of {bound / 1e6:.1f} MB")
    assert held <= bound + CODE
