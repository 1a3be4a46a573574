"""Read pickled dictionaries of plain containers and uint8 arrays, without running code that the file names.

A pickle is a program. The unpickler allocates as much memory as an opcode's length or memo index states, so opcodes are
checked first. The classes of NumPy are replaced by stand-ins that store the state of an array; the array is created
from it only if it is complete and of type uint8.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from pathlib import Path

import numpy as np

from spikelet.errors import CostError, DataError, pass_out_of_memory
from spikelet.files.reading import read_whole

MOST_OPCODES = 2**21


class _Type:
    """Replacement of `numpy.dtype`, with its code, such as "u1"."""

    def __init__(self, code: object = None, *_: object) -> None:
        self.code = code.decode("ascii", "replace") if isinstance(code, bytes) else code

    def __setstate__(self, state: object) -> None: ...


class _Array:
    """Replacement of `numpy.ndarray`, with its state: (version, shape, type, in Fortran order or not, bytes)."""

    state: object = None

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None:
        self.state = state

    def array(self) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Return the array. Raises DataError unless it is complete and of type uint8."""
        match self.state:
            case (int(), tuple(shape), _Type(code="u1"), bool(by_columns), bytes(content)):
                if all(type(axis) is int and axis >= 0 for axis in shape) and math.prod(shape) == len(content):
                    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C")
        raise DataError("an array is not of type uint8, or not complete")


def _encoded(text: object, *_: object) -> bytes:
    """Replacement of `_codecs.encode(text, "latin1")`, the form of bytes that Python 3 writes in protocol 2."""
    if not isinstance(text, str):
        raise DataError(f"bytes: expected a text, found {type(text).__name__}")
    return text.encode("latin1")


_NAMES: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encoded,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}")
        return _NAMES[module, name]


def read_pickle(path: Path) -> dict[object, object]:
    """Read a pickled dictionary. Its arrays are uint8.

    Raises:
        DataError: The file is damaged, or contains another value or objects of other classes.
        CostError: The file is larger than the limit of memory.
        OutOfMemory: The system has no memory left for it.
    """
    try:
        content = read_whole(path)
        _check(content)
        value: object = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(value, dict):
            raise DataError(f"expected a dictionary, found {type(value).__name__}")
        return {key: item.array() if isinstance(item, _Array) else item for key, item in value.items()}
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except CostError:
        raise
    except Exception as error:  # a damaged pickle may raise any exception
        pass_out_of_memory(error, str(path))
        reason = str(error) or type(error).__name__
        raise DataError(f"{path}: not a pickle of plain values ({reason[:200]})") from None


def _check(content: bytes) -> None:
    """Raise ValueError if a length exceeds the content, DataError if a memo index exceeds the number of opcodes."""
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content), 1):
        if count > MOST_OPCODES:
            raise DataError(f"more than {MOST_OPCODES:,} opcodes")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            assert isinstance(argument, int)
            if not 0 <= argument <= 2 * count + 256:
                raise DataError(f"a memo index of {argument}")
