"""Keep garbage collections short, although a test run loads millions of permanent objects."""

import gc
import sys

MANY = 100
OBJECTS = 20_000  # that are new, for a collection; 700 unless it is set
_modules = 0  # loaded when objects were frozen


def collect_rarely() -> None:
    """Let Python look for reference cycles after tens of thousands of new objects: most of them are no garbage yet."""
    gc.set_threshold(OBJECTS, 20, 20)


def freeze_what_is_alive() -> None:
    """Collect garbage, then exempt all objects that are alive from later collections.

    Measurements of memory collect garbage before they begin, and Brian2 does before each of its runs: 0.3 seconds each
    time, because torch, sympy and thousands of collected tests are traversed again.
    """
    global _modules
    gc.collect()
    gc.freeze()
    _modules = len(sys.modules)


def many_modules_are_new() -> bool:
    """Whether many modules were loaded since objects were frozen; they stay."""
    return len(sys.modules) > _modules + MANY
