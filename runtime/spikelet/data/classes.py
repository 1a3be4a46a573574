"""Match the class names of a data set with the classes of a network.

Names are matched by the first of these rules that fits all names:

1. equal names;
2. equal letters and digits: capitalisation, and the characters between them, do not count, so that a folder
   `t-shirt_top` is the class `T-shirt/top`;
3. whole numbers 0…K-1, which are the indices of the classes.

A network without class names takes whole numbers as indices, and other names in the order of the data set if there are
as many as it has classes: the order of its indices if it states names by index, as CIFAR-10 and Fashion-MNIST do, and
natural order for folders.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from spikelet.data.names import natural_key
from spikelet.errors import DataError

LISTED_NAMES = 10  # names in a message
REMEDY = "give the names in the order of the network's outputs with --classes"


def matched(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Return the index in `classes` of every name.

    Raises:
        DataError: A name has no class, or two names have the same class.

    Examples:
        >>> matched(["ankle boot", "T-shirt_top"], ["T-shirt/top", "Ankle boot"])
        [1, 0]
    """
    indices = [_named(name, classes) for name in names]
    unknown = [name for name, index in zip(names, indices, strict=True) if index is None]
    if unknown:
        numbers = numbered(names)
        if numbers is None or set(names) & set(classes):
            raise DataError(
                f"unknown class {unknown[0]!r}; expected one of {listed(classes)}; "
                "rename the class folders to match, or name them by index, from 0"
            )
        return _indices(numbers, len(classes))
    known = [index for index in indices if index is not None]
    for index in known:
        same = [name for name, other in zip(names, known, strict=True) if other == index]
        if len(same) > 1:
            raise DataError(f"{listed(same)} are the same class {classes[index]!r}; put its images into one folder")
    return known


def ordered(names: Sequence[str], count: int, used: Sequence[str]) -> list[int]:
    """Return the index of every name, for a network of `count` classes without names.

    Args:
        names: All class names of the data.
        count: Number of classes of the network.
        used: The names that have images.

    Raises:
        DataError: The names do not determine the indices.
    """
    numbers = numbered(names)
    if numbers is not None:
        return _indices(numbers, count)
    empty = [name for name in names if name not in used]
    if len(names) != count:
        without = f" (without images: {listed(empty)})" if empty else ""
        raise DataError(
            f"has {len(names)} classes{without}, the network has {count} without names, so that the names "
            f"{listed(names)} do not determine the indices; {REMEDY}, or name the folders by index, from 0"
        )
    in_order = sorted(names, key=natural_key)
    # Names in another order are those of a data set that states them by index; folders are listed in natural order.
    if in_order == list(names) and in_order != sorted(names):
        raise DataError(
            f"the order of the classes {listed(in_order)} differs from that of their characters, "
            f"{listed(sorted(names))}, and the network has no class names; {REMEDY}"
        )
    return list(range(len(names)))


def numbered(names: Sequence[str]) -> list[int] | None:
    """Return the values of names that are all whole numbers, such as `0` or `007`, else None."""
    if not names or not all(name.isascii() and name.isdecimal() and len(name) < 10 for name in names):
        return None
    return [int(name) for name in names]


def listed(names: Sequence[str]) -> str:
    """Return names for a message, at most ten of them."""
    shown = ", ".join(map(str, names[:LISTED_NAMES]))
    return shown if len(names) <= LISTED_NAMES else f"{shown}, … ({len(names)})"


def _named(name: str, classes: Sequence[str]) -> int | None:
    if name in classes:
        return list(classes).index(name)
    keys = [_key(label) for label in classes]
    key = _key(name)
    return keys.index(key) if key and keys.count(key) == 1 else None


def _key(name: str) -> str:
    """Return the letters and digits of a name, without capitalisation."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    parts = "".join(character if character.isalnum() else " " for character in folded).split()
    return " ".join(parts)


def _indices(numbers: list[int], count: int) -> list[int]:
    if len(set(numbers)) < len(numbers):
        raise DataError("two class folders have the same number; put the images of a class into one folder")
    if max(numbers) >= count:
        hint = "; they are numbered from 1, indices begin with 0" if min(numbers) == 1 and max(numbers) == count else ""
        raise DataError(f"has a class {max(numbers)}, the network's classes are 0…{count - 1}{hint}; {REMEDY}")
    return numbers
