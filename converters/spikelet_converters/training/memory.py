"""Memory that training frees is memory it asks for again in the next batch, so the C library is told to keep it."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of <malloc.h>
DEFAULT_TRIM, DEFAULT_MMAPS = 128 << 10, 1 << 16


@contextmanager
def freed_memory_kept() -> Iterator[bool]:
    """Within, freed blocks stay in this process, whatever their size; gives whether the C library can (glibc).

    By default it hands every large block back, and the kernel clears each page of the next one: a batch of
    `exact` at T = 8 took half as long again. Outside of training that is better: blocks of many sizes leave gaps
    that are never filled, and the calibration of SNNC for eight T held 18 GB so, where it needs 1.8.
    """
    libc = _glibc()
    kept = libc is not None and bool(libc.mallopt(M_MMAP_MAX, 0)) and bool(libc.mallopt(M_TRIM_THRESHOLD, -1))
    try:
        yield kept
    finally:
        if libc is not None:
            libc.mallopt(M_MMAP_MAX, DEFAULT_MMAPS)
            libc.mallopt(M_TRIM_THRESHOLD, DEFAULT_TRIM)
            libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL(None)
        _ = libc.mallopt, libc.malloc_trim
    except (AttributeError, OSError):
        return None
    return libc
