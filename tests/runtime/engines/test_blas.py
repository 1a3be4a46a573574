"""Matrix products: on one thread, restored afterwards; status flags of BLAS do not stop a program."""

import threading

import numpy as np
import pytest

from networks import small_graph
from spikelet.engines import blas, create, operators

before = blas.count()
pytestmark = pytest.mark.skipif(before is None, reason="NumPy is not linked to OpenBLAS here")


@pytest.mark.parametrize("threads", [None, 1, 2, 5])
def test_blas_keeps_to_one_thread_in_a_step(monkeypatch, threads):
    seen = []
    engine = create(small_graph(), "numpy", threads=threads)
    evaluate = engine._evaluate
    monkeypatch.setattr(engine, "_evaluate", lambda *arguments: seen.append(blas.count()) or evaluate(*arguments))
    engine.reset(1)
    engine.step(np.zeros((1, *engine.graph.input.shape), np.float32))
    assert set(seen) == {1}
    assert blas.count() == before


def test_it_is_put_back_after_an_error_and_after_the_last_of_several():
    with pytest.raises(ZeroDivisionError), blas.limited(before + 1):
        1 / (blas.count() - before - 1)
    assert blas.count() == before
    inside, leave = threading.Event(), threading.Event()

    def first():
        with blas.limited(1):
            inside.set()
            leave.wait()

    thread = threading.Thread(target=first)
    thread.start()
    inside.wait()
    with blas.limited(1):
        leave.set()
        thread.join()
        assert blas.count() == 1  # the first has left, the second is still in
    assert blas.count() == before


def test_a_numpy_without_openblas_is_not_changed(monkeypatch):
    monkeypatch.setattr(blas, "_library", lambda: None)
    with blas.limited(1):
        assert blas.count() is None


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_threads_share_the_samples_of_a_batch(monkeypatch, threads):
    """A batch of 5: two, three or five threads take part, and every spike is the same."""
    graph = small_graph()
    pixels = np.random.default_rng(0).integers(0, 256, (5, *graph.input.shape)).astype(np.float32)
    parts = []
    convolve_part = operators._convolve_part
    monkeypatch.setattr(
        operators, "_convolve_part", lambda *args: parts.append((args[-1], args[-2])) or convolve_part(*args)
    )
    logits = []
    for count in (None, threads):
        engine = create(graph, "numpy", threads=count)
        engine.reset(5)
        logits.append([engine.step(pixels if t == 0 else None) for t in range(3)])
        starts, chunk = {start for start, _ in parts}, parts[0][1]
        assert starts == set(range(0, 5, chunk))
        assert len(starts) == {None: 1, 2: 2, 3: 3, 8: 5}[count]
        parts.clear()
    assert np.array_equal(*logits)


class Flagged(np.ndarray):
    """Sets the processor's flag "invalid" while it is multiplied, as BLAS does for lanes that hold no data."""

    def __array_ufunc__(self, ufunc, method, *operands, **options):
        assert ufunc is np.matmul
        np.float32(np.inf) - np.float32(np.inf)
        return getattr(ufunc, method)(*(np.asarray(operand) for operand in operands), **options)


def test_a_flag_that_blas_sets_does_not_stop_a_step(monkeypatch):
    graph = small_graph()
    pixels = np.random.default_rng(0).integers(0, 256, (1, *graph.input.shape)).astype(np.float32)
    logits = []
    for flagged in (False, True):
        engine = create(graph, "numpy")
        if flagged:
            engine._weights = {name: weight.view(Flagged) for name, weight in engine._weights.items()}
            with pytest.raises(RuntimeWarning, match="invalid value"):
                next(iter(engine._weights.values()))[0] @ np.ones(3, np.float32)
        engine.reset(1)
        logits.append([engine.step(pixels), engine.step(None)])
    np.testing.assert_array_equal(*logits)
