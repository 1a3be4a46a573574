"""Number of threads passed to ONNX Runtime: its default, unless the CPU affinity limits the process."""

import numpy as np
import pytest

from networks import small_graph
from spikelet import onnx_runtime
from spikelet.engines import create

onnxruntime = pytest.importorskip("onnxruntime")
DEFAULT_THREADS = onnx_runtime.default_threads  # of users; a fixture replaces it for all other tests


@pytest.fixture(autouse=True)
def _default_threads(monkeypatch):
    monkeypatch.setattr(onnx_runtime, "default_threads", DEFAULT_THREADS)


@pytest.fixture
def cores(monkeypatch):
    """A function that simulates a machine: cores(allowed, machine_cores)."""

    def simulate(allowed, machine_cores):
        monkeypatch.setattr(onnx_runtime.os, "sched_getaffinity", lambda process: set(range(allowed)), raising=False)
        monkeypatch.setattr(onnx_runtime.os, "cpu_count", lambda: machine_cores)

    return simulate


@pytest.fixture
def requested(monkeypatch):
    """The numbers of threads of all sessions that are opened."""
    numbers = []
    session = onnxruntime.InferenceSession

    def record(model, options, **others):
        numbers.append(options.intra_op_num_threads)
        return session(model, options, **others)

    monkeypatch.setattr(onnxruntime, "InferenceSession", record)
    return numbers


def run(window, threads=None):
    engine = create(small_graph(), "onnx", (), threads)
    engine.reset(1, window)
    engine.step(np.zeros((1, *engine.graph.input.shape), np.float32))


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize(
    ("allowed", "machine_cores", "threads"),
    [(1, 2, 1), (1, 64, 1), (3, 8, 3), (1, 1, 0), (2, 2, 0), (64, 64, 0), (1, None, 0)],
)
def test_a_process_limited_to_some_cores_requests_as_many_threads(
    cores, requested, window, allowed, machine_cores, threads
):
    """0 is the default of ONNX Runtime: a thread for every core of the machine."""
    cores(allowed, machine_cores)
    run(window)
    assert set(requested) == {threads}


def test_without_an_affinity_of_the_system_onnx_runtime_decides(monkeypatch, requested):
    monkeypatch.delattr(onnx_runtime.os, "sched_getaffinity", raising=False)
    run(None)
    assert set(requested) == {0}


def test_the_number_of_the_caller_is_used(cores, requested):
    cores(1, 2)
    run(None, threads=2)
    assert set(requested) == {2}
