"""Values of all types, to be passed to arguments of the Python interface that expect another type."""

from __future__ import annotations

import errno
import io
import math
from pathlib import Path

import numpy as np


class Awkward:
    """Raises an error in every operation."""

    def __init__(self, error):
        self.error = error

    def _raise(self, *_, **__):
        raise self.error

    __array__ = __len__ = __iter__ = __getitem__ = __eq__ = __float__ = __int__ = __index__ = __repr__ = __str__ = (
        _raise
    )
    __hash__ = None


VALUES = [
    None, True, False, 0, -1, 1, 2, 3, 2**16, 2**31, 2**64, -(2**70), 10**400, 0.0, 0.5, -1.5, 1e308, math.nan, math.inf,
    -math.inf, 1j, "", "auto", "numpy", "NCHW", "if1", "\0", "x" * 10_000, "8G", b"numpy", bytearray(3), [], [1], ["if1"],
    [["if1"]], [None], (), (1, 2), ("if1", 3), {}, {"if1": 1}, set(), {"if1"}, frozenset(), object(), int, len, lambda: None,
    Path("/proc"), Path("none.snnb"), io.BytesIO(), range(3), slice(3), np.float32(2), np.int64(2), np.bool_(True), np.nan,
    np.zeros(3), np.zeros((0, 3)), np.array(["if1"]), np.array([None]), np.datetime64("2020"), np.array(3), NotImplemented,
    Ellipsis, Exception(), iter(()), iter([None]), memoryview(b"abc"), Awkward(ValueError("no")), Awkward(MemoryError()),
    Awkward(KeyError(3)), Awkward(RecursionError("deep")), Awkward(OSError(errno.ENOSPC, "No space left on device")),
]  # fmt: skip
