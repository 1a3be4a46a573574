"""Limit the number of threads that NumPy's BLAS uses for a matrix product.

OpenBLAS uses one thread per core, and waiting threads spin. If another process occupies a core, every product waits for
the thread that cannot run: beside two busy loops on two cores, 40 time-steps of the demo take 5.0 to 9.2 s with two
threads and 0.65 to 0.75 s with one. The numpy engine therefore limits BLAS to one thread and distributes the samples of
a batch over Python threads, which sleep while they wait.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from spikelet.thread_limit import ThreadLimit

# Names in NumPy's wheels and in system libraries, each with 32-bit and 64-bit indices.
NAMES = tuple(
    f"{prefix}openblas_{{}}_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "", "_64_")
)


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Limit matrix products to a number of threads inside the block. A BLAS other than OpenBLAS is not changed.

    The setting applies to the process. Among concurrent blocks, the first one sets it for all.
    """
    limit = _limit()
    if limit is None:
        yield
        return
    with limit(threads):
        yield


def count() -> int | None:
    """Return the current number of threads per product, or None if the library does not report it."""
    functions = _library()
    return None if functions is None else int(functions[0]())


@functools.cache
def _limit() -> ThreadLimit | None:
    functions = _library()
    return None if functions is None else ThreadLimit(*functions)


@functools.cache
def _library() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return the functions (get, set) of the OpenBLAS that NumPy is linked to, or None."""
    try:
        # symbols of linked libraries are found as well
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (AttributeError, OSError):  # private names of NumPy change between versions
        return None
    for name in NAMES:
        getter, setter = (getattr(library, name.format(action), None) for action in ("get", "set"))
        if getter is not None and setter is not None:
            getter.restype, setter.restype, setter.argtypes = ctypes.c_int, None, [ctypes.c_int]
            return getter, setter
    return None
