"""The operators of ONNX that step.onnx may contain, with the attributes that it uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Value = npt.NDArray[Any]


def conv(x: Value, w: Value, b: Value | None = None, strides: Sequence[int] = (1, 1), pads: Sequence[int] = (0,) * 4,
         group: int = 1, kernel_shape: object = None) -> Value:  # fmt: skip
    """Conv with explicit padding of x (N, C, H, W) and w (O, C / group, kh, kw)."""
    x = np.pad(x, ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, :: strides[0], :: strides[1]]
    parts = []
    for index in range(group):
        outputs, channels = len(w) // group, w.shape[1]
        kernel = w[index * outputs : (index + 1) * outputs]
        seen = windows[:, index * channels : (index + 1) * channels]
        parts.append(np.einsum("nchwij,ocij->nohw", seen, kernel))
    y = np.concatenate(parts, 1)
    return y if b is None else y + b.reshape(-1, 1, 1)


def average_pool(x: Value, kernel_shape: Sequence[int], strides: Sequence[int] = (1, 1)) -> Value:
    """AveragePool without padding."""
    windows = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel_shape), axis=(2, 3))
    return windows[:, :, :: strides[0], :: strides[1]].mean((4, 5), dtype=x.dtype)


def gemm(a: Value, b: Value, c: Value | None = None, transB: int = 0) -> Value:
    """Gemm with alpha and beta of 1."""
    with np.errstate(all="ignore"):  # flags that BLAS raises for vector lanes beyond the matrix
        y = a @ (b.T if transB else b)
    return y if c is None else y + c


def cast(x: Value, to: int) -> Value:
    """Cast to float32 or bool."""
    return x.astype({1: np.float32, 9: np.bool_}[to])


def flatten(x: Value, axis: int = 1) -> Value:
    """Flatten to two axes."""
    return x.reshape(int(np.prod(x.shape[:axis], dtype=np.int64)), -1)


OPERATORS: dict[str, Callable[..., Value]] = {
    "Add": np.add, "AveragePool": average_pool, "Cast": cast, "Conv": conv, "Flatten": flatten, "Floor": np.floor,
    "Gemm": gemm, "Greater": np.greater, "GreaterOrEqual": np.greater_equal, "Identity": lambda x: x,
    "Mul": np.multiply, "Sub": np.subtract, "Where": np.where,
}  # fmt: skip
