"""Networks that a Python file of the user defines: FILE.py:NAME."""

from __future__ import annotations

import copy
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from spikelet.errors import ConversionError, UsageError, one_line, pass_out_of_memory
from spikelet_converters.frontends.torch.wrappers import plain


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
    spec = importlib.util.spec_from_file_location(f"spikelet_source_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # data classes look up their module
    with _running(reference, path):
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


@contextmanager
def _running(reference: str, path: Path) -> Iterator[None]:
    """Run code of the user, which may import files beside its own; name its errors."""
    sys.path.insert(0, str(path.parent))
    arguments, sys.argv = sys.argv, [str(path)]  # a program that parses its options finds none
    try:
        yield
    except (UsageError, ConversionError):
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
        sys.path.remove(str(path.parent))
        sys.argv = arguments


def _checked(reference: str, network: object) -> nn.Module:
    """Return a network without wrappers. Raises ConversionError if it is none."""
    if not isinstance(network, nn.Module):
        raise ConversionError(
            f"{reference}: found {type(network).__name__}; expected a torch.nn.Module, or a class or function that "
            "returns one"
        )
    return plain(network, reference)
