"""How many threads a matrix product takes: one, unless more are asked for, and afterwards what it was."""

import threading

import numpy as np
import pytest

from networks import small_graph
from spikelet.engines import blas, create

before = blas.count()
pytestmark = pytest.mark.skipif(before is None, reason="NumPy is not linked to OpenBLAS here")


@pytest.mark.parametrize(("threads", "taken"), [(None, 1), (1, 1), (2, 2)])
def test_a_step_takes_as_many_as_asked(monkeypatch, threads, taken):
    seen = []
    engine = create(small_graph(), "numpy", threads=threads)
    evaluate = engine._evaluate
    monkeypatch.setattr(engine, "_evaluate", lambda *given: seen.append(blas.count()) or evaluate(*given))
    engine.reset(1)
    engine.step(np.zeros((1, *engine.graph.input.shape), np.float32))
    assert set(seen) == {taken}
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


def test_a_numpy_of_another_make_is_left_alone(monkeypatch):
    monkeypatch.setattr(blas, "_library", lambda: None)
    with blas.limited(1):
        assert blas.count() is None
