"""How many threads NumPy's BLAS takes for a matrix product.

OpenBLAS gives a product to one thread per core, and threads that wait spin. Where another process holds a core, every
product waits for the thread that cannot run, and the others burn their cores meanwhile: with two threads and two busy
cores a time-step of the demo took up to thirty times as long as with one. One thread has nobody to wait for, so the
numpy engine limits BLAS to one, and shares the samples of a batch over threads that sleep while they wait.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# As NumPy's wheels name them, and as systems do; each with 32 and with 64 bits to an index.
NAMES = tuple(
    f"{prefix}openblas_{{}}_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "", "_64_")
)

_lock = threading.Lock()
_inside = 0  # calls within `limited` now, in all threads: the first sets the number, the last puts it back
_before = 0


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Within, a product takes this many threads; afterwards as many as before. What is not OpenBLAS is left alone.

    The number is the whole process's: of calls at once, the first one's holds for all.
    """
    global _inside, _before
    found = _library()
    if found is None:
        yield
        return
    get, put = found
    with _lock:
        if _inside == 0:
            _before = get()
            put(threads)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                put(_before)


def count() -> int | None:
    """Threads that a product takes now; None where the library does not say."""
    found = _library()
    return None if found is None else int(found[0]())


@functools.cache
def _library() -> tuple[Any, Any] | None:
    """The functions of the OpenBLAS that NumPy is linked to: what asks for the number, and what sets it."""
    try:
        # a name is looked up in what a library is linked to as well
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # NumPy's own rooms move from one version to another
        return None
    for name in NAMES:
        get, put = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
        if get is not None and put is not None:
            get.restype, put.restype, put.argtypes = ctypes.c_int, None, [ctypes.c_int]
            return get, put
    return None
