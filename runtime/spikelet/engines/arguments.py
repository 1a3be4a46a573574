"""Validate the arguments of an engine's methods."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikelet.errors import EngineError, UsageError
from spikelet.nodes import Shape
from spikelet.options import shown, whole

MAX_THREADS = 1024
MAX_BATCH = MAX_WINDOW = 2**31  # so that their memory is a number of bytes


def batch_and_window(batch: int, window: int | None) -> tuple[int, int | None]:
    """Return the arguments of `Engine.reset` as int. Raises UsageError for anything but whole numbers of 1 or more."""
    batch = whole("batch", batch, 1, MAX_BATCH)
    return batch, None if window is None else whole("window", window, 1, MAX_WINDOW)


def check_rows(rows: npt.NDArray[np.intp], batch: int) -> None:
    """Raise UsageError unless `rows` are indices of a batch, (M,), one or more."""
    if (
        not isinstance(rows, np.ndarray)
        or rows.dtype.kind not in "ui"
        or rows.ndim != 1
        or not rows.size
        or not 0 <= rows.min() <= rows.max() < batch
    ):
        expected = f"an array of indices 0…{batch - 1}, one or more"
        found = f"{rows.dtype} {rows.shape}" if isinstance(rows, np.ndarray) else shown(rows)
        raise UsageError.at("rows", f"expected {expected}, found {found}", expected=expected, found=found)


def check_shape(engine: str, pixels: npt.NDArray[np.generic], expected: Shape) -> None:
    """Raise EngineError unless the input of an engine is an array of the expected shape, (N, *input shape)."""
    shape = getattr(pixels, "shape", None)
    if shape != expected:
        found = shown(pixels) if shape is None else shape
        raise EngineError(f"engine {engine}: expected an input of shape {expected}, found {found}")
