"""Read weights that are not in a file of torch.save: `.safetensors`, and arrays by name in `.npz`.

A `.safetensors` file consists of 8 bytes (length of the header), a JSON header {name: {dtype, shape, data_offsets}}
and one buffer (https://github.com/huggingface/safetensors). No code of a file is executed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikelet.errors import ConversionError, DataError
from spikelet.files.numpy_file import read_numpy

DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
METADATA = "__metadata__"  # texts, not a tensor


def _safetensors(path: Path) -> dict[str, Tensor]:
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    if not 8 < start <= len(content):
        raise ConversionError(f"states a header of {start - 8:,} bytes in a file of {len(content):,}")
    header = json.loads(bytes(content[8:start]))
    return {name: _tensor(name, entry, content, start) for name, entry in header.items() if name != METADATA}


def _tensor(name: str, entry: Any, content: bytearray, start: int) -> Tensor:
    """Return one tensor. An entry of another form raises KeyError, TypeError or ValueError."""
    dtype, shape = DTYPES.get(entry["dtype"]), [int(size) for size in entry["shape"]]
    begin, end = (int(offset) for offset in entry["data_offsets"])
    if dtype is None:
        raise ConversionError(f"{name} has the type {entry['dtype']}; expected one of {', '.join(DTYPES)}")
    size, stored = math.prod(shape) * dtype.itemsize, len(content) - start
    if min(shape, default=0) < 0 or not 0 <= begin <= end <= stored or size != end - begin:
        raise ConversionError(f"{name} of shape {tuple(shape)} lies at {begin}…{end} of {stored} bytes")
    if not size:
        return torch.empty(shape, dtype=dtype)
    # offsets need not be multiples of the size of an element
    return torch.frombuffer(content[start + begin : start + end], dtype=dtype).reshape(shape)


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
        ConversionError: The file is damaged, or a tensor has an unknown type.
        CostError: A compressed file needs more memory than the limit permits.
    """
    try:
        return READERS[path.suffix.lower()](path)
    except (ConversionError, DataError) as error:
        raise ConversionError(f"{path}: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ConversionError(f"{path}: not weights by name ({type(error).__name__}: {error})") from None
