"""Matrix products of bounded numbers."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", np.float32, np.float64)


def product(a: npt.NDArray[Number], b: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Compute `a @ b` for finite operands whose product is finite.

    BLAS kernels compute whole vector registers, and the lanes beyond the matrix contain arbitrary memory. These
    lanes are discarded, but an invalid operation in one of them sets the status flag of the processor, and NumPy
    reports it as "invalid value encountered in matmul" (numpy issue 24067). The flag says nothing about the result:
    it is ignored here, and so does not stop a program in which warnings are errors. What could make the result itself
    infinite is refused by the reader of a bundle, see `spikelet.bounds.magnitudes`.

    Args:
        a: (..., M, K) float.
        b: (..., K, N) float of the same type.

    Returns:
        (..., M, N) of that type.

    Examples:
        >>> product(np.ones((1, 2), np.float32), np.ones((2, 1), np.float32))
        array([[2.]], dtype=float32)
    """
    with np.errstate(all="ignore"):
        result: npt.NDArray[Number] = a @ b
    return result
