"""Memory that the native engine passes to its library: mapped from the system, and aligned for vector loads."""

from __future__ import annotations

import mmap
import os
from contextlib import suppress
from typing import TypeVar

import numpy as np
import numpy.typing as npt

ALIGNMENT = 64
HUGE_PAGE = 2**21  # bytes, on x86-64 and most of aarch64
Bytes = npt.NDArray[np.uint8]
Number = TypeVar("Number", bound=np.generic)


def aligned_copy(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return a copy aligned for vector loads.

    Large arrays are placed in huge pages, since weights are read in random order and every page lookup costs time.
    """
    whole = values.nbytes // HUGE_PAGE * HUGE_PAGE
    block = _mapped(values.nbytes + (HUGE_PAGE if whole else 0))
    memory = np.frombuffer(block, np.uint8)
    start = -memory.ctypes.data % HUGE_PAGE if whole else 0
    if whole and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # not supported by this system
            block.madvise(mmap.MADV_HUGEPAGE, start, whole)
    copy = memory[start:][: values.nbytes].view(values.dtype)
    copy[:] = values
    return copy


def zero_bytes(size: int) -> Bytes:
    """Return aligned zeros mapped from the system: pages use memory once written, and are returned when freed."""
    return np.frombuffer(_mapped(size), np.uint8, size)


def _mapped(size: int) -> mmap.mmap:
    if os.name != "posix":  # a mapping without a file is private there
        return mmap.mmap(-1, max(size, 1))
    return mmap.mmap(-1, max(size, 1), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
