"""Section "Tensors": the safetensors members."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from second_reader.document import parse
from second_reader.refused import require

Tensor = npt.NDArray[np.generic]
# the element types of safetensors that a bundle may use
TYPES = {"U8": "<u1", "I8": "<i1", "I16": "<i2", "I32": "<i4", "F32": "<f4"}


def tensors(member: memoryview, where: str) -> dict[str, Tensor]:
    """Return the tensors of a member by name, as views."""
    require(len(member) >= 8, "tensors", f"{where}: no header")
    begin = 8 + int.from_bytes(member[:8], "little")
    require(begin <= len(member), "tensors", f"{where}: the header is longer than the member")
    require(bytes(member[8:begin][:1]) == b"{", "tensors", f"{where}: the header does not begin with {{")
    data = member[begin:]
    result: dict[str, Tensor] = {}
    position = 0
    for name, entry in parse(member[8:begin], where).items():
        where_tensor = f"{where}, {name}"
        require(name != "__metadata__", "tensors", f"{where}: __metadata__")
        require(isinstance(entry, dict) and set(entry) == {"dtype", "shape", "data_offsets"}, "tensors", where_tensor)
        assert isinstance(entry, dict)
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        require(isinstance(dtype, str) and dtype in TYPES, "tensors", f"{where_tensor}: dtype")
        require(_sizes(shape) and len(shape) <= 8, "tensors", f"{where_tensor}: shape")
        require(_sizes(offsets) and len(offsets) == 2, "tensors", f"{where_tensor}: data_offsets")
        first, last = offsets
        elements, width = math.prod(shape), int(TYPES[dtype][-1])
        require(1 <= elements <= 2**28, "tensors", f"{where_tensor}: {elements} elements")
        require(first == position and last == first + elements * width, "tensors", f"{where_tensor}: offsets")
        require(last <= len(data), "tensors", f"{where_tensor}: beyond the member")
        result[name] = np.frombuffer(data[first:last], TYPES[dtype]).reshape(shape)
        position = last
    require(position == len(data), "tensors", f"{where}: bytes that belong to no tensor")
    return result


def _sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**32 for item in value)
