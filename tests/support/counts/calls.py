"""Cost of a call as numbers that do not depend on the machine or its load: operations and bytes.

An operation is a line of Python that is executed, or a function written in C that is called. A loop whose work grows
with the square of its input increases their number accordingly. The work inside a single C function is not counted; it
is measured in processor time, in `tests/stress`.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType


def operations(function: Callable[[], object]) -> int:
    """Count the lines of Python executed and the C functions called in this thread."""
    count = 0

    def on_line(frame: FrameType, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return on_line

    def on_call(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "c_call"

    trace, profile = sys.gettrace(), sys.getprofile()
    sys.setprofile(on_call)
    sys.settrace(on_line)
    try:
        function()
    finally:
        sys.settrace(trace)
        sys.setprofile(profile)
    return count


def calls(function: Callable[[], object]) -> int:
    """Count the functions called in this thread, of Python and C: less exact than `operations`, but several times as fast."""
    count = 0

    def on_call(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    profile = sys.getprofile()
    sys.setprofile(on_call)
    try:
        function()
    finally:
        sys.setprofile(profile)
    return count


def peak_bytes(function: Callable[[], object]) -> int:
    """Return the largest number of bytes allocated by Python and NumPy at any time, relative to the start."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        function()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
