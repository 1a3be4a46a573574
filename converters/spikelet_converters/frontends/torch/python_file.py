"""Networks that a Python file of the user defines: FILE.py:NAME.

The file may import files beside its own. Two folders may have files of the same names: `sys.modules` contains those of
one folder at a time, whose code was the last to run.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from torch import nn

from spikelet.errors import ConversionError, SpikeletError, UsageError, one_line, pass_out_of_memory
from spikelet_converters.frontends.torch.wrappers import plain

_BESIDE: dict[Path, dict[str, ModuleType]] = {}
"""Modules that code of the user has imported from its own folder, by folder and name."""


def factory(reference: str) -> Callable[[], nn.Module]:
    """Run a Python file, and return a function that makes the network that it defines.

    Args:
        reference: FILE.py:NAME, where NAME is a module, or a class or function that returns one.

    Returns:
        A function that calls NAME, or copies the module.

    Raises:
        UsageError: The file or the name does not exist.
        ConversionError: The file raises an error, or NAME is none of these. The function raises it if the call fails.
    """
    file, _, name = reference.rpartition(":")
    path = Path(file)
    if not path.is_file() or not name:
        raise UsageError(f"{reference}: expected FILE.py:NAME, an existing file and a name in it")
    name_of_module = f"spikelet_source_{path.stem}"
    spec = importlib.util.spec_from_file_location(name_of_module, path, loader=_Source(name_of_module, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with _running(reference, path):
        sys.modules[spec.name] = module  # data classes look up their module
        spec.loader.exec_module(module)
    defined: object = getattr(module, name, None)
    if defined is None:
        raise UsageError(f"{reference}: {file} has no {name}")

    def make() -> nn.Module:
        with _running(reference, path):
            if callable(defined) and not isinstance(defined, nn.Module):
                return _checked(reference, defined())
            return copy.deepcopy(_checked(reference, defined))

    return make


class _Source(SourceFileLoader):
    """Loads a file without Python's cache of bytecode, which misses a change within a second that keeps the size."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile the file."""
        return self.source_to_code(self.get_data(self.path), self.path)


@contextmanager
def _running(reference: str, path: Path) -> Iterator[None]:
    """Run code of the user, which may import files beside its own; name its errors."""
    folder = path.parent.resolve()  # of a link, too
    _exchange_modules(folder)
    before = dict(sys.modules)
    sys.path.insert(0, str(folder))
    arguments, sys.argv = sys.argv, [str(path)]  # a program that parses its options finds none
    try:
        yield
    except SpikeletError:
        raise
    except SystemExit:
        raise ConversionError(
            f"{reference}: the file ends the program (sys.exit, or options that it requires); expected definitions "
            'only: move the rest below `if __name__ == "__main__":`'
        ) from None
    except Exception as error:  # the user's own code
        pass_out_of_memory(error, reference)
        raise ConversionError(f"{reference}: {type(error).__name__}: {one_line(error)}") from None
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        sys.argv = arguments
        _BESIDE.setdefault(folder, {}).update(_imported_from(folder, before))


def _exchange_modules(folder: Path) -> None:
    """Let `sys.modules` contain the modules of one folder instead of those of the others."""
    for other, modules in _BESIDE.items():
        for name in modules if other != folder else ():
            if sys.modules.get(name) is modules[name]:
                del sys.modules[name]
    sys.modules.update(_BESIDE.get(folder, {}))
    importlib.invalidate_caches()  # a file that is younger than the last look into its folder is found


def _imported_from(folder: Path, before: dict[str, ModuleType]) -> dict[str, ModuleType]:
    """Return the modules that are new since `before` and whose file or package is in a folder, with their parts."""
    new = {name: module for name, module in sys.modules.items() if before.get(name) is not module}
    beside = {name for name, module in new.items() if "." not in name and _folder_of(module) == folder}
    return {name: module for name, module in new.items() if name.partition(".")[0] in beside}


def _folder_of(module: ModuleType) -> Path | None:
    """Return the folder that contains the file of a module, or a package."""
    package = getattr(module, "__path__", None)
    location = next(iter(package), None) if package is not None else getattr(module, "__file__", None)
    return None if location is None else Path(location).parent.resolve()


def _checked(reference: str, network: object) -> nn.Module:
    """Return a network without wrappers. Raises ConversionError if it is none."""
    if not isinstance(network, nn.Module):
        raise ConversionError(
            f"{reference}: found {type(network).__name__}; expected a torch.nn.Module, or a class or function that "
            "returns one"
        )
    return plain(network, reference)
