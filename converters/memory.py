"""Memory that training frees is memory it asks for again in the next batch, so the C library is told to keep it."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of <malloc.h>


def keep_freed_memory() -> bool:
    """Have freed blocks stay in this process, whatever their size; returns whether the C library can (glibc).

    By default it hands every large block back, and the kernel clears each page of the next one: a batch of
    `exact` at T = 8 took half as long again.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
