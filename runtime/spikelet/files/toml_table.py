"""Typed access to a TOML table; error messages contain the path to the value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from spikelet.errors import UsageError
from spikelet.files.texts import check_text
from spikelet.options import shown

MOST = 1e12  # of a number in a profile, in any unit
REQUIRED = object()
T = TypeVar("T", bound=str)


class Table:
    """A TOML table with its path for error messages, e.g. `my.toml: figures.ac`."""

    def __init__(self, path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise UsageError(f"{path}: expected a table, found {shown(value)}")
        self.path = path
        self._value = value

    def __contains__(self, key: str) -> bool:
        return key in self._value

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def only(self, *keys: str) -> None:
        """Check that the table has no other keys, so that a misspelt key is not ignored."""
        for key in self._value:
            if key not in keys:
                raise UsageError(f"{self.path}: unknown key {shown(key)}; known: {', '.join(keys)}")

    def text(self, key: str, otherwise: object = REQUIRED) -> str:
        """Get a string."""
        value = self._get(key, otherwise)
        if not isinstance(value, str):
            raise UsageError(f"{self.path}: {key}: expected a string, found {shown(value)}")
        return self._printable(key, value)

    def citation(self) -> str:
        """Get the source of a number: a string that is not empty."""
        source = self._value.get("source")
        if not isinstance(source, str) or not source.strip():
            raise UsageError(f'{self.path}: has no source; every number needs a citation (source = "who, where")')
        return self._printable("source", source)

    def number(self, key: str) -> float:
        """Get a number from 0 to `MOST`, so that no sum of products with counts overflows."""
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST:
            raise UsageError(f"{self.path}: {key}: expected a number of 0…{MOST:g}, found {shown(value)}")
        return float(value)

    def whole(self, key: str, most: int, otherwise: object = REQUIRED, least: int = 1) -> int:
        """Get a whole number from `least` to `most`."""
        value = self._get(key, otherwise)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise UsageError(f"{self.path}: {key}: expected a whole number of {least}…{most:,}, found {shown(value)}")
        return value

    def one_of(self, key: str, *allowed: T, otherwise: object = REQUIRED) -> T:
        """Get one of the allowed strings."""
        value = self._get(key, otherwise)
        for choice in allowed:
            if value == choice:
                return choice
        raise UsageError(f"{self.path}: {key}: expected {' or '.join(allowed)}, found {shown(value)}")

    def table(self, key: str) -> Table:
        """Get a nested table; empty if the key is missing."""
        return Table(f"{self.path}: {key}", self._value.get(key, {}))

    def tables(self, key: str) -> list[Table]:
        """Get a list of tables; empty if the key is missing."""
        value = self._value.get(key, [])
        if not isinstance(value, list):
            raise UsageError(f"{self.path}: {key}: expected [[{key}]], found {shown(value)}")
        return [Table(f"{self.path}: {key}[{i}]", item) for i, item in enumerate(value)]

    def _printable(self, key: str, text: str) -> str:
        """Return a text that may have several lines, but no characters that control a terminal."""
        try:
            check_text(text, "\n\t")
        except ValueError as error:
            raise UsageError(f"{self.path}: {key}: {error}") from None
        return text

    def _get(self, key: str, otherwise: object = REQUIRED) -> object:
        value = self._value.get(key, otherwise)
        if value is REQUIRED:
            raise UsageError(f"{self.path}: {key} is missing")
        return value
