"""Read weights that are not in a file of torch.save: `.safetensors`, and arrays by name in `.npz`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from spikelet.errors import ConversionError, DataError
from spikelet.files.numpy_file import read_numpy


def _safetensors(path: Path) -> dict[str, Tensor]:
    # imported on use: training on a remote machine needs NumPy and torch alone
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise ConversionError(f"not a safetensors file that can be read ({error}); save it again") from None
    return tensors


def _npz(path: Path) -> dict[str, Tensor]:
    arrays = read_numpy(path)
    if isinstance(arrays, np.ndarray):
        raise ConversionError("is one array; expected arrays with the names of the weights")
    return {
        name: torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape))
        for name, array in arrays.items()
    }


READERS: dict[str, Callable[[Path], dict[str, Tensor]]] = {".safetensors": _safetensors, ".npz": _npz}
"""Readers by suffix."""


def read(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file with a suffix of `READERS`, by name.

    Raises:
        ConversionError: The file is damaged, or an array has a type that torch does not know.
        CostError: A compressed file needs more memory than the limit permits.
    """
    try:
        return READERS[path.suffix.lower()](path)
    except (ConversionError, DataError) as error:
        raise ConversionError(f"{path}: {error}") from None
    except TypeError as error:  # of torch.from_numpy
        raise ConversionError(f"{path}: not weights by name ({error})") from None
