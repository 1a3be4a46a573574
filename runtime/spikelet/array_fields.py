"""Equality and `repr` of values that contain arrays."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import fields

import numpy as np
import numpy.typing as npt


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


class _Short(reprlib.Repr):
    """Texts of values for people: an array by dtype and shape, the first entries of a long collection."""

    def repr_ndarray(self, array: npt.NDArray[np.generic], _: int) -> str:
        return f"{array.dtype} {array.shape}"

    def repr_dict(self, mapping: Mapping[object, object], level: int) -> str:
        """Return the first entries in their order, which `reprlib` would sort."""
        if level <= 0 and mapping:
            return "{...}"
        first = list(mapping.items())[: self.maxdict]
        entries = [f"{self.repr1(key, level - 1)}: {self.repr1(value, level - 1)}" for key, value in first]
        return f"{{{', '.join(entries + ['...'] * (len(mapping) > len(first)))}}}"

    repr_mappingproxy = repr_dict


_SHORT = _Short()
_SHORT.maxstring, _SHORT.maxother, _SHORT.maxlevel = 60, 100, 3


class ShortRepr:
    """Base class of dataclasses declared with `repr=False`: their `repr` shows arrays by dtype and shape.

    Examples:
        >>> import numpy as np
        >>> from spikelet.nodes import Linear
        >>> Linear(np.zeros((10, 64), np.int8), np.zeros(10, np.int32))
        Linear(weight=int8 (10, 64), bias=int32 (10,))
    """

    def __repr__(self) -> str:
        shown = [field.name for field in fields(self) if field.repr]  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(f'{name}={_SHORT.repr(getattr(self, name))}' for name in shown)})"


class ArrayFields(ShortRepr):
    """Base class of dataclasses with arrays: equal if the type and all fields are.

    They are declared with `eq=False, repr=False`. `==` of a dataclass compares its fields as tuples, which arrays do
    not permit.
    """

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        compared = [field.name for field in fields(self) if field.compare]  # type: ignore[arg-type]
        return all(equal(getattr(self, name), getattr(other, name)) for name in compared)

    __hash__ = None  # type: ignore[assignment]  # arrays can change
