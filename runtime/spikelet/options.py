"""Validate options of the Python interface. Errors name the option and the values that it accepts."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from numbers import Integral, Real  # NumPy's numbers are among them
from pathlib import Path

from spikelet.errors import UsageError

SHOWN = 60  # characters of a text in a message


def whole(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return a whole number of `least` or more, and at most `most`. Raises UsageError for any other value."""
    number = int(value) if not isinstance(value, bool) and isinstance(value, Integral) else None
    if number is None or number < least or (most is not None and number > most):
        expected = f"a whole number of {least} or more" if most is None else f"a whole number of {least}…{most}"
        raise _error(name, expected, value)
    return number


def real(name: str, value: object, least: float = -math.inf, most: float = math.inf) -> float:
    """Return a number within `least`…`most`, not NaN. Raises UsageError for any other value."""
    number = math.nan
    if not isinstance(value, bool) and isinstance(value, Real):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not least <= number <= most:
        expected = f"a number of {least:g} or more" if most == math.inf else f"a number of {least:g}…{most:g}"
        raise _error(name, expected, value)
    return number


def choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Return one of some texts. Raises UsageError for any other value."""
    if not isinstance(value, str) or value not in choices:
        raise _error(name, " or ".join(f'"{text}"' for text in choices), value)
    return value


def names(name: str, value: object) -> tuple[str, ...]:
    """Return one text or several as a tuple of texts. Raises UsageError for any other value."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _error(name, "a text or a sequence of texts", value)


def path(name: str, value: object) -> Path:
    """Return a path given as text or as `os.PathLike`. Raises UsageError for any other value."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or "\0" in text:
        raise _error(name, "a path", value)
    return Path(text)


def function(name: str, value: object) -> None:
    """Raise UsageError unless the value can be called."""
    if not callable(value):
        raise _error(name, "a function", value)


def instance(name: str, value: object, kind: type) -> None:
    """Raise UsageError unless the value is an instance of a class."""
    if not isinstance(value, kind):
        raise _error(name, f"a {kind.__name__}", value)


def shown(value: object) -> str:
    """Return a short text for a value: texts and numbers themselves, and the type of anything else."""
    if isinstance(value, str):
        return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}…"
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() <= 128):
        return repr(value)
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    return f"an object of type {type(value).__name__}"


def _error(name: str, expected: str, value: object) -> UsageError:
    found = shown(value)
    return UsageError.at(name, f"expected {expected}, found {found}", expected=expected, found=found)
