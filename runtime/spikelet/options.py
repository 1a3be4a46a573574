"""Validate options of the Python interface. Errors name the option and the values that it accepts."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from numbers import Integral, Number, Real  # NumPy registers its scalar types as subclasses
from pathlib import Path
from typing import Any

from spikelet.errors import DataError, UsageError

TEXT_CHARACTERS = 60  # characters of a text in a message
SHOWN_ITEMS = 8  # of a tuple
SMALL, LARGE = 1e-6, 1e9  # limits of numbers below and above these are those of float32
LARGEST_WHOLE = 2**63 - 1  # NumPy and torch take seeds and counts of 64 bits
LARGEST = 2.0**64  # magnitude of a measured value, and of the value of white
LEAST = 2.0**-64  # value of white, and width of a range of measured values: 255 / LEAST is finite


def whole(name: str, value: object, least: int = 1, most: int | None = None) -> int:
    """Return a whole number of `least` or more, and at most `most`. Raises UsageError for any other value."""
    number = integer(value)
    if number is None or number < least or (most is not None and number > most):
        open_above = most is None or (most == LARGEST_WHOLE and (number is None or number < least))
        expected = f"a whole number of {least} or more" if open_above else f"a whole number of {least}…{most}"
        raise _error(name, expected, value)
    return number


def integer(value: object) -> int | None:
    """Return a whole number of Python or NumPy as int; None for any other value."""
    if type(value) is int:  # the usual case: a look-up of an abstract class takes a microsecond
        return value
    return int(value) if not isinstance(value, bool) and isinstance(value, Integral) else None


def real(name: str, value: object, least: float = -math.inf, most: float = math.inf) -> float:
    """Return a number within `least`…`most`, not NaN. Raises UsageError for any other value."""
    number = math.nan
    if not isinstance(value, bool) and isinstance(value, Real):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not least <= number <= most:
        raise _error(name, _expected(least, most, number), value)
    return number


def _expected(least: float, most: float, number: float) -> str:
    """Return which numbers are accepted, with limits of float32 only if the number is beyond them."""
    high = f"{most:g}".replace("e+0", "e")
    if number > most:
        return f"a number of at most {high}" if 0 < least < SMALL else f"a number of {least:g}…{high}"
    if 0 < least < SMALL:
        return "a number above 0" if most >= LARGE else f"a number above 0, at most {high}"
    return f"a number of {least:g} or more" if most >= LARGE else f"a number of {least:g}…{high}"


def span(name: str, value: object) -> tuple[float, float]:
    """Return a range of measured values as (low, high). Raises UsageError for anything else.

    Args:
        name: The option.
        value: Two numbers of at most 2^64 in magnitude, of which the second is larger by 2^-64 or more.
    """
    pair = tuple(value) if isinstance(value, list | tuple) and len(value) == 2 else ()
    if pair and all(_is_bounded(number) for number in pair):
        low, high = float(pair[0]), float(pair[1])
        if high - low >= LEAST:
            return low, high
    expected = "two numbers LOW < HIGH, at most 2^64 in magnitude and at least 2^-64 apart"
    found = " and ".join(shown(number) for number in pair) or shown(value)
    raise UsageError.at(name, f"expected {expected}, found {found}", expected=expected, found=found)


def _is_bounded(value: object) -> bool:
    try:
        real("number", value, -LARGEST, LARGEST)
    except UsageError:
        return False
    return not isinstance(value, Integral) or abs(int(value)) <= LARGEST  # compared before it is rounded


def choice(name: str, value: object, choices: Sequence[str]) -> str:
    """Return one of some texts. Raises UsageError for any other value."""
    if not isinstance(value, str) or value not in choices:
        raise _error(name, " or ".join(f'"{text}"' for text in choices), value)
    return value


def switch(name: str, value: object) -> None:
    """Raise UsageError unless the value is true or false."""
    if not isinstance(value, bool):
        raise _error(name, "true or false", value)


def names(name: str, value: object, expected: str = "a text or a sequence of texts") -> tuple[str, ...]:
    """Return one text or several as a tuple of texts. Raises UsageError for any other value."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise _error(name, expected, value)


def path(name: str, value: object) -> Path:
    """Return a path given as text or as `os.PathLike`. Raises UsageError for any other value."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise _error(name, "a path", value)
    return Path(text)


def content(name: str, value: object) -> None:
    """Raise UsageError unless the value is bytes, a bytearray or a memoryview of contiguous bytes."""
    if not isinstance(value, bytes | bytearray | memoryview) or not memoryview(value).c_contiguous:
        raise _error(name, "bytes", value)


def shape(name: str, value: object) -> tuple[int, ...]:
    """Return a tuple of whole numbers, (C, H, W) or (F,). Raises UsageError for any other value."""
    sizes = [integer(size) or 0 for size in value] if isinstance(value, tuple) else []
    if len(sizes) not in (1, 3) or min(sizes) < 1:
        raise _error(name, "(C, H, W) or (F,)", value)
    return tuple(sizes)


def unmasked(name: str, value: object) -> None:
    """Raise DataError for a masked array with masked values, which NumPy converts to arbitrary numbers."""
    mask: Any = getattr(value, "mask", False) if type(value).__module__.startswith("numpy.ma") else False
    if mask is not False and mask.any():
        masked = f"{mask.sum()} masked values"
        message = f"expected numbers, found {masked}; fill them, such as with array.filled(0)"
        raise DataError.at(name, message, expected="numbers", found=masked)


def function(name: str, value: object) -> None:
    """Raise UsageError unless the value can be called."""
    if not callable(value):
        raise _error(name, "a function", value)


def instance(name: str, value: object, kind: type) -> None:
    """Raise UsageError unless the value is an instance of a class."""
    if not isinstance(value, kind):
        raise _error(name, _called(kind), value)


def instances(name: str, value: object, kind: type) -> None:
    """Raise UsageError unless the value is a list or a tuple of instances of a class."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, kind) for item in value):
        raise _error(name, f"a sequence of {kind.__name__}", value)


def _called(kind: type) -> str:
    article = "an" if kind.__name__[0] in "AEIO" or kind.__name__ == "ndarray" else "a"
    return f"{article} {kind.__name__}"


def shown(value: object) -> str:
    """Return a short text for a value: texts, numbers, short tuples and lists as they are, of others the type."""
    if isinstance(value, str):
        return repr(value) if len(value) <= TEXT_CHARACTERS else f"{value[:TEXT_CHARACTERS]!r}…"
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() <= 128):
        return repr(value)
    if isinstance(value, Number) and not isinstance(value, int) and len(text := str(value)) <= TEXT_CHARACTERS:
        return text  # a scalar of NumPy
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    if type(value) is list and len(value) <= SHOWN_ITEMS:
        return f"[{', '.join(shown(item) for item in value)}]"
    if type(value) is tuple and len(value) <= SHOWN_ITEMS:
        items = [shown(item) for item in value]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    return f"an object of type {type(value).__name__}"


def _error(name: str, expected: str, value: object) -> UsageError:
    found = shown(value)
    return UsageError.at(name, f"expected {expected}, found {found}", expected=expected, found=found)
