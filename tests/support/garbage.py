"""Short garbage collections in a test run, which loads millions of permanent objects."""

import gc
import sys

MANY_MODULES = 100
NEW_OBJECTS = 20_000  # number of new objects that starts a collection; Python's default is 700
_modules = 0  # number of modules loaded when objects were frozen


def collect_rarely() -> None:
    """Collect garbage after tens of thousands of new objects; most of the objects are still in use."""
    gc.set_threshold(NEW_OBJECTS, 20, 20)


def freeze_what_is_alive() -> None:
    """Collect garbage, then exempt all remaining objects from later collections.

    Measurements of memory collect garbage first, and so does Brian2 before each run. Without this function every
    collection takes 0.3 seconds, because it traverses torch, sympy and thousands of collected tests.
    """
    global _modules
    gc.collect()
    gc.freeze()
    _modules = len(sys.modules)


def many_modules_are_new() -> bool:
    """Return whether many modules were loaded since objects were frozen."""
    return len(sys.modules) > _modules + MANY_MODULES
