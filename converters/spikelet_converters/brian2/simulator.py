"""Import Brian2 on first use, without its warnings, and with NumPy 2.4 or later; build networks without wasted work.

NumPy 2.4 removed `ndarray.ptp`. Brian2 2.9 (the last version for Python 3.11) uses it once, in its quantities with
units, and fails to import. While that module is imported, the name is replaced by the equivalent function `numpy.ptp`.
No code that takes part in a simulation changes. Other versions of Brian2 and NumPy are imported unchanged.
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
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from spikelet.errors import MissingDependency, SpikeletError, pass_out_of_memory
from spikelet_converters.brian2.statements import keep_statements, keep_templates

EXTRA = "brian2"
PATCHED_MODULE, REMOVED, REPLACEMENT = "brian2.units.fundamentalunits", "np.ndarray.ptp", "np.ptp"


class _Loader(importlib.machinery.SourceFileLoader):
    """Loader of `PATCHED_MODULE` from its source, with the removed name replaced."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode().replace(REMOVED, REPLACEMENT)
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finder of `PATCHED_MODULE`; other modules are left to the finders of Python."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != PATCHED_MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def lacks_ptp() -> bool:
    """Return whether this NumPy lacks `ndarray.ptp`."""
    return not hasattr(np.ndarray, "ptp")


def load() -> ModuleType:
    """Import Brian2.

    Raises:
        MissingDependency: Brian2 is not installed.
        SpikeletError: Brian2 is installed but its import fails.
    """
    if "brian2" in sys.modules:
        return sys.modules["brian2"]
    if find_spec("brian2") is None:
        raise MissingDependency("Brian2", EXTRA)
    finder = _Finder()
    if lacks_ptp():
        sys.meta_path.insert(0, finder)
    try:
        with quiet(), _handlers_kept(), _replaced(sys, "argv", [""]):  # Brian2 would store the script and its arguments
            import brian2
    except Exception as error:
        pass_out_of_memory(error, "Brian2")
        raise SpikeletError(
            f"Brian2 {installed()} does not load with NumPy {np.__version__} ({type(error).__name__}: {error}); "
            'an earlier NumPy may help: pip install "numpy<2.4"'
        ) from error
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
    keep_statements()
    keep_templates()
    logging.getLogger("brian2").setLevel(logging.WARNING)  # otherwise it logs all generated code to a file
    module: ModuleType = brian2
    return module


def installed() -> str | None:
    """Return the version of Brian2 without importing it, or None if it is not installed."""
    try:
        return version("brian2")
    except PackageNotFoundError:
        return None


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Restore the process-wide handlers that Brian2 replaces on import: the exception hook, warnings and Ctrl+C.

    Its handler of Ctrl+C would end a simulation early, and only the main thread may set a handler.
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
    """Return a message on whether Brian2 is installed and works."""
    if installed() is None:
        return str(MissingDependency("Brian2", EXTRA))
    try:
        load()
    except SpikeletError as error:
        return str(error)
    message = f"{installed()} works with NumPy {np.__version__}"
    return f"{message}, which has no ndarray.ptp: numpy.ptp replaces it" if lacks_ptp() else message


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the deprecation warnings of Brian2 and its dependencies."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        yield


class _NoStack:
    """Replaces the module `traceback` in Brian2 while it builds a network."""

    @staticmethod
    def extract_stack() -> tuple[()]:
        return ()


def _without_unit(quantity: Any, *_: object, **__: object) -> str:
    return f"{float(quantity)}" if quantity.size == 1 else f"{quantity.size} values"


def _no_code(code: object) -> str:
    return ""


@contextmanager
def _replaced(owner: object, name: str, value: object) -> Iterator[None]:
    """Replace an attribute, if the owner has it."""
    if owner is None or not hasattr(owner, name):
        yield
        return
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def building() -> Iterator[None]:
    """As `quiet`; objects of Brian2 also do not record where they are created, and messages are not composed.

    Brian2 reads the whole call stack, with its source lines, for each object and each piece of generated code: a fifth
    of the time of a small simulation. It shows the stack only in errors of its own. It also composes messages that are
    not logged, with all generated code, a sixth of the time, and with times in their best unit, a tenth.
    """
    base, units, objects, device = (
        sys.modules.get(f"brian2.{name}")
        for name in ("core.base", "units.fundamentalunits", "codegen.codeobject", "devices.device")
    )
    with (
        quiet(),
        _replaced(base, "traceback", _NoStack),
        _replaced(getattr(units, "Quantity", None), "in_best_unit", _without_unit),
        _replaced(objects, "code_representation", _no_code),
        _replaced(device, "code_representation", _no_code),
    ):
        yield


def has_compiler() -> bool:
    """Return whether Brian2's Cython target works; the first call runs a compiler and takes about a second."""
    load()
    from brian2.codegen.runtime.cython_rt import CythonCodeObject

    with quiet():
        return bool(CythonCodeObject.is_available())
