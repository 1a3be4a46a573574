"""Distinguish names chosen by users from names that the report itself uses."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def distinct(names: Sequence[str]) -> list[str]:
    """Number names that are equal, also in another case, so that all differ.

    Examples:
        >>> distinct(["a", "A", "b"])
        ['a', 'A-2', 'b']
    """
    reserved = {name.casefold() for name in names}
    used: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate.casefold() in used or (number > 1 and candidate.casefold() in reserved):
            number += 1
            candidate = f"{name}-{number}"
        used.add(candidate.casefold())
        result.append(candidate)
    return result


def spiking_label(name: str, others: Collection[str]) -> str:
    """Return the label of a bundle among rows of other networks: its name, with a suffix if another row has it."""
    return f"{name} (spiking)" if name in others else name
