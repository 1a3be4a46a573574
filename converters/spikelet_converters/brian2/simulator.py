"""Brian2 itself: loaded on first use, quietly, and with whatever NumPy the runtime has.

NumPy 2.4 dropped `ndarray.ptp`. Brian2 2.9 (the last for Python 3.11) names it once, when it builds the method of that
name of its quantities with units, and so does not import there. The one name is replaced by the function `numpy.ptp`,
which does the same, as that module loads; no line that takes part in a simulation is touched, and a Brian2 or a NumPy
without the gap loads as it is.
"""

from __future__ import annotations

import importlib.machinery
import logging
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from spikelet.errors import MissingDependency, SpikeletError

EXTRA = "brian2"
GAP_MODULE, GAP, FILLING = "brian2.units.fundamentalunits", "np.ndarray.ptp", "np.ptp"


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads the module from its source, with the missing name replaced."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode().replace(GAP, FILLING)
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds that one module; Python's own finders have the rest."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if fullname != GAP_MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def has_gap() -> bool:
    """Whether this NumPy lacks what Brian2 2.9 names."""
    return not hasattr(np.ndarray, "ptp")


def load() -> Any:
    """The module `brian2`.

    Raises:
        MissingDependency: it is not installed. SpikeletError: it is, and does not import.
    """
    if "brian2" in sys.modules:
        return sys.modules["brian2"]
    if find_spec("brian2") is None:
        raise MissingDependency("Brian2", EXTRA)
    finder = _Finder()
    if has_gap():
        sys.meta_path.insert(0, finder)
    try:
        with quiet(), _kept():
            import brian2
    except Exception as error:
        raise SpikeletError(
            f"Brian2 {installed()} does not load with NumPy {np.__version__} ({type(error).__name__}: {error}); "
            'a NumPy that it knows may help: pip install "numpy<2.4"'
        ) from error
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
    logging.getLogger("brian2").setLevel(logging.WARNING)  # else it writes every line of code it generates to a file
    return brian2


def installed() -> str | None:
    """Version of Brian2, without loading it; None if it is not installed."""
    try:
        return version("brian2")
    except PackageNotFoundError:
        return None


@contextmanager
def _kept() -> Iterator[None]:
    """What Brian2 takes over for the whole process as it loads stays its owner's: the report of a crash, warnings, and
    Ctrl+C, which it would turn into a simulation cut short, and which no thread but the main one may set.
    """
    hook, set_handler = sys.excepthook, signal.signal
    signal.signal = lambda number, handler: signal.getsignal(number)  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = set_handler
        sys.excepthook = hook
        logging.captureWarnings(False)


def state() -> str:
    """How Brian2 is here, in words."""
    if installed() is None:
        return str(MissingDependency("Brian2", EXTRA))
    try:
        load()
    except SpikeletError as error:
        return str(error)
    found = f"{installed()} works with NumPy {np.__version__}"
    return f"{found}, which has no ndarray.ptp: numpy.ptp stands in for it" if has_gap() else found


@contextmanager
def quiet() -> Iterator[None]:
    """Without the deprecations that Brian2 causes in what it builds on: its users can do nothing about them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        yield


def has_compiler() -> bool:
    """Whether Brian2's Cython target works here; asks for a compiler, so it takes a second the first time."""
    load()
    from brian2.codegen.runtime.cython_rt import CythonCodeObject

    with quiet():
        return bool(CythonCodeObject.is_available())
