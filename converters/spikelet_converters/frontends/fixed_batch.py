"""Evaluate a network that was exported for a batch of fixed size."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", bound=np.generic)


def in_batches(
    evaluate: Callable[[npt.NDArray[Number]], npt.NDArray[np.float32]], inputs: npt.NDArray[Number], size: int | None
) -> npt.NDArray[np.float32]:
    """Return the outputs (N, …) for inputs (N, …), which are evaluated in batches of `size`; None: all in one.

    The last batch is filled with copies of its last input, whose outputs are left out.
    """
    batch = size or len(inputs)
    outputs = []
    for start in range(0, len(inputs), batch):
        part = inputs[start : start + batch]
        filled = np.concatenate([part, np.repeat(part[-1:], batch - len(part), axis=0)])
        outputs.append(evaluate(filled)[: len(part)])
    return np.concatenate(outputs)
