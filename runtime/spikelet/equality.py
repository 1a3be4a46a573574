"""Equality of values that contain arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np


def equal(a: object, b: object) -> bool:
    """Return whether two values are equal.

    Arrays are equal if their dtypes, shapes and elements are, and mappings if their keys and values are.

    Examples:
        >>> import numpy as np
        >>> equal({"a": np.zeros(2)}, {"a": np.zeros(2)}), equal(np.zeros(2), np.zeros(2, np.float32))
        (True, False)
    """
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return False
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return bool(a == b)


class EqualFields:
    """Base class of dataclasses with arrays, declared with `eq=False`: equal if the type and all fields are.

    `==` of a dataclass compares its fields as tuples, which arrays do not permit.
    """

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        compared = [field.name for field in fields(self) if field.compare]  # type: ignore[arg-type]
        return all(equal(getattr(self, name), getattr(other, name)) for name in compared)

    __hash__ = None  # type: ignore[assignment]  # arrays can change
