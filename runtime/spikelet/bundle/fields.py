"""Typed access to an untrusted JSON object. Errors name the path of the invalid value."""

from __future__ import annotations

from typing import Any

from spikelet.errors import BundleError


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
        self._value = value

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

    def text(self, key: str) -> str:
        """Return a string of at most 10,000 characters."""
        value: str = self._typed(key, str)
        if len(value) > 10_000:
            raise BundleError.at(
                f"{self.path}.{key}",
                f"{len(value)} characters, expected at most 10000",
                expected="at most 10000 characters",
                found=f"{len(value)} characters",
            )
        return value

    def whole(self, key: str) -> int:
        """Return an integer; bool is not accepted."""
        value = self._get(key)
        if type(value) is not int:
            raise _mismatch(f"{self.path}.{key}", "a whole number", value)
        return value

    def number(self, key: str) -> float:
        """Return a number as float."""
        value = self._get(key)
        if type(value) not in (int, float):
            raise _mismatch(f"{self.path}.{key}", "a number", value)
        try:
            return float(value)
        except OverflowError:
            raise BundleError.at(f"{self.path}.{key}", "the number is too large") from None

    def object(self, key: str) -> Fields:
        """Return a nested object."""
        return Fields(f"{self.path}.{key}", self._get(key))

    def items(self, key: str) -> list[Any]:
        """Return a list of any values."""
        value: list[Any] = self._typed(key, list)
        return value

    def objects(self, key: str) -> list[Fields]:
        """Return a list of objects."""
        return [Fields(f"{self.path}.{key}[{i}]", item) for i, item in enumerate(self.items(key))]

    def wholes(self, key: str) -> tuple[int, ...]:
        """Return a list of integers as a tuple."""
        items = self.items(key)
        if not all(type(item) is int for item in items):
            raise BundleError.at(f"{self.path}.{key}", "expected whole numbers", expected="whole numbers")
        return tuple(items)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of strings as a tuple."""
        items = self.items(key)
        if not all(isinstance(item, str) for item in items):
            raise BundleError.at(f"{self.path}.{key}", "expected strings", expected="strings")
        return tuple(items)

    def raw(self) -> dict[str, Any]:
        """Return a copy of the underlying dict."""
        return dict(self._value)

    def _typed(self, key: str, kind: type) -> Any:
        value = self._get(key)
        if not isinstance(value, kind):
            raise _mismatch(f"{self.path}.{key}", _NAMES[kind], value)
        return value

    def _get(self, key: str) -> Any:
        if key not in self._value:
            raise BundleError.at(self.path, f"{key} is missing", expected=key)
        return self._value[key]


_NAMES = {str: "a string", list: "a list", dict: "an object", bool: "true or false", int: "a whole number"}


def _kind(value: object) -> str:
    return "null" if value is None else _NAMES.get(type(value), "a number")


def _mismatch(path: str, expected: str, value: object) -> BundleError:
    """Return the error for a value of a wrong type."""
    found = _kind(value)
    return BundleError.at(path, f"expected {expected}, found {found}", expected=expected, found=found)
