"""Import modules of tests/benchmarks in a test."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@contextmanager
def imported(*names: str) -> Iterator[list[ModuleType]]:
    """Import the named modules. They and what they import from the folder are forgotten at the end.

    Their names, such as `accuracy`, are those of other modules too.
    """
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    try:
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(FOLDER))
        for name in sys.modules.keys() - before:
            if FOLDER in Path(getattr(sys.modules[name], "__file__", None) or "").parents:
                del sys.modules[name]
