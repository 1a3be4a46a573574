"""Typed access to an untrusted JSON object. Errors name the path of the invalid value."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

from spikelet.errors import BundleError

T = TypeVar("T")
Json: TypeAlias = object
"""A decoded value of any type; inside `Fields`, `object` is a method."""


class Fields:
    """A JSON object with its path.

    Args:
        path: Path of the object for error messages, e.g. `manifest.json.graph.nodes[3]`.
        value: The decoded JSON value.

    Raises:
        BundleError: `value` is not an object. All methods raise it for a missing key or a wrong type.
    """

    def __init__(self, path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise _mismatch(path, "an object", value)
        self.path = path
        self._value: dict[str, Json] = value

    def __contains__(self, key: str) -> bool:
        return key in self._value

    def only(self, *keys: str) -> None:
        """Raise BundleError for any other key: ignoring an unknown attribute could change the meaning."""
        extra = sorted(set(self._value) - set(keys))
        if extra:
            known = ", ".join(keys)
            raise BundleError.at(
                self.path, f"unknown key {extra[0]!r}; known: {known}", expected=f"one of {known}", found=extra[0]
            )

    def null(self, key: str) -> bool:
        """Whether the value is null, or the key is missing."""
        return self._value.get(key) is None

    def text(self, key: str, longest: int | None = None) -> str:
        """Return a string; with `longest`, one of 1 to `longest` characters."""
        value = self._typed(key, str)
        _check_length(f"{self.path}.{key}", value, longest)
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false."""
        return self._typed(key, bool)

    def whole(self, key: str, least: int | None = None, most: int | None = None) -> int:
        """Return an integer of `least` to `most`; bool is not accepted."""
        value = self._get(key)
        if type(value) is not int:
            raise _mismatch(f"{self.path}.{key}", "a whole number", value)
        _check_range(f"{self.path}.{key}", "a whole number", value, least, most)
        return value

    def number(self, key: str, least: float | None = None, most: float | None = None) -> float:
        """Return a number of `least` to `most` as float."""
        return _number(f"{self.path}.{key}", self._get(key), least, most)

    def numbers(self, key: str, least: float | None = None, most: float | None = None) -> tuple[float, ...]:
        """Return a list of one number or more, of `least` to `most`, as a tuple."""
        items = self.items(key)
        if not items:
            raise BundleError.at(f"{self.path}.{key}", "expected one number or more, found none")
        return tuple(_number(f"{self.path}.{key}[{i}]", item, least, most) for i, item in enumerate(items))

    def object(self, key: str) -> Fields:
        """Return a nested object."""
        return Fields(f"{self.path}.{key}", self._get(key))

    def items(self, key: str) -> list[Json]:
        """Return a list of any values."""
        return list(self._typed(key, list))

    def objects(self, key: str) -> list[Fields]:
        """Return a list of objects."""
        return [Fields(f"{self.path}.{key}[{i}]", item) for i, item in enumerate(self.items(key))]

    def wholes(self, key: str) -> tuple[int, ...]:
        """Return a list of integers as a tuple."""
        numbers: list[int] = []
        for item in self.items(key):
            if type(item) is not int:
                raise _mismatch(f"{self.path}.{key}", "whole numbers", item)
            numbers.append(item)
        return tuple(numbers)

    def texts(self, key: str, longest: int | None = None) -> tuple[str, ...]:
        """Return a list of strings as a tuple; with `longest`, of 1 to `longest` characters each."""
        texts: list[str] = []
        for i, item in enumerate(self.items(key)):
            if not isinstance(item, str):
                raise _mismatch(f"{self.path}.{key}[{i}]", "a string", item)
            _check_length(f"{self.path}.{key}[{i}]", item, longest)
            texts.append(item)
        return tuple(texts)

    def raw(self) -> dict[str, Json]:
        """Return a copy of the underlying dict."""
        return dict(self._value)

    def _typed(self, key: str, kind: type[T]) -> T:
        value = self._get(key)
        if not isinstance(value, kind):
            raise _mismatch(f"{self.path}.{key}", _NAMES[kind], value)
        return value

    def _get(self, key: str) -> Json:
        if key not in self._value:
            raise BundleError.at(self.path, f"{key} is missing", expected=key)
        return self._value[key]


_NAMES = {str: "a string", list: "a list", dict: "an object", bool: "true or false", int: "a whole number"}


def _number(path: str, value: object, least: float | None, most: float | None) -> float:
    if type(value) is not int and type(value) is not float:
        raise _mismatch(path, "a number", value)
    _check_range(path, "a number", value, least, most)  # before rounding: 2^64 + 1 is more than 2^64
    return float(value)  # strict JSON has at most 40 digits: no overflow


def _check_range(path: str, kind: str, value: float, least: float | None, most: float | None) -> None:
    if not ((least is None or value >= least) and (most is None or value <= most)):  # NaN is in no range
        bounds = f"{least} or more" if most is None else f"{least}…{most}"
        expected = f"{kind} of {bounds}"
        raise BundleError.at(path, f"expected {expected}, found {value}", expected=expected, found=str(value))


def _check_length(path: str, text: str, longest: int | None) -> None:
    if longest is not None and not 1 <= len(text) <= longest:
        expected = f"1 to {longest} characters"
        raise BundleError.at(path, f"expected {expected}, found {len(text)}", expected=expected, found=str(len(text)))


def _kind(value: object) -> str:
    return "null" if value is None else _NAMES.get(type(value), "a number")


def _mismatch(path: str, expected: str, value: object) -> BundleError:
    """Return the error for a value of a wrong type."""
    found = _kind(value)
    return BundleError.at(path, f"expected {expected}, found {found}", expected=expected, found=found)
