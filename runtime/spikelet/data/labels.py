"""Convert labels of these forms to class indices.

| form | meaning |
|---|---|
| (N,) or (N, 1) whole numbers, integer or floating point | class indices |
| (N, K) with one 1 in every row and 0 elsewhere | one-hot: the index of the 1 |
| (N,) or (N, 1) texts | class names |
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from spikelet.data.names import natural_key
from spikelet.errors import DataError

MOST_LABEL = 2**31 - 1  # index of a class
Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.generic]


def as_labels(value: Values, names: Sequence[str] | None = None) -> tuple[Indices, tuple[str, ...] | None]:
    """Return (indices, class names) of labels in any form.

    Args:
        value: The labels.
        names: Names of the classes by index, if the data has them.

    Raises:
        DataError: The labels have no such form, or a text is not one of the names.
    """
    known = None if names is None else tuple(map(str, names))
    if value.ndim == 2 and value.shape[1] == 1:
        value = value[:, 0]
    if value.dtype.kind in "US" and value.ndim == 1:
        return _of_texts([_text(label) for label in value.tolist()], known)
    if value.dtype.kind not in "uifb" or value.ndim not in (0, 1, 2):
        raise DataError(f"expected labels as whole numbers or names, found {value.dtype} {value.shape}")
    if value.dtype.kind == "b" and value.ndim < 2:
        raise DataError(
            "expected class indices as labels, found booleans; if they mean the classes 0 and 1, save "
            "labels.astype(int)"
        )
    if value.dtype.kind == "f" and not (np.isfinite(value).all() and (value == np.floor(value)).all()):
        raise DataError(
            f"expected whole numbers as labels, found {value.dtype} with fractions; class probabilities are not "
            "labels: save their argmax"
        )
    if value.size and not -MOST_LABEL <= float(value.min()) <= float(value.max()) <= MOST_LABEL:
        raise DataError(f"expected labels of at most {MOST_LABEL:,}, found {value.min():g}…{value.max():g}")
    numbers = value.astype(np.int64)
    if value.ndim == 2:
        if ((numbers != 0) & (numbers != 1)).any() or (numbers.sum(1) != 1).any():
            raise DataError(f"expected one label per image, found {value.dtype} {value.shape} that is not one-hot")
        if known is not None and len(known) != value.shape[1]:
            raise DataError(f"one-hot labels of {value.shape[1]} classes, but {len(known)} names of classes")
        numbers = numbers.argmax(1)
    return numbers.reshape(-1), known


def one_hot_columns(value: Values) -> int | None:
    """Return the number of columns of one-hot labels, which is that of their classes; None for other labels."""
    return int(value.shape[1]) if value.ndim == 2 and value.shape[1] > 1 else None


def _of_texts(texts: list[str], names: tuple[str, ...] | None) -> tuple[Indices, tuple[str, ...]]:
    classes = tuple(sorted(set(texts), key=natural_key)) if names is None else names
    unknown = sorted(set(texts) - set(classes))
    if unknown:
        raise DataError(f"label {unknown[0]!r} is not one of the classes {', '.join(classes)}")
    index = {name: k for k, name in enumerate(classes)}
    return np.array([index[text] for text in texts], np.int64), classes


def _text(label: object) -> str:
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)
