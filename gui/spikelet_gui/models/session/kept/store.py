"""Files of results that are kept between sessions, in one folder, identified by the digests of bundle and data.

Each file repeats both digests in full. An .npz is read without pickle. A file that cannot be read or that has other
digests is ignored, as is a folder that cannot be written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import numpy.typing as npt

from spikelet.bundle import Bundle
from spikelet.data import ImageSet
from spikelet.errors import SpikeletError
from spikelet.files.atomic import replacing
from spikelet.files.numpy_file import read_numpy

KEPT = 80  # largest number of files; the oldest ones are deleted
MAX_BYTES = 2**28  # largest size of a file that is read
SUFFIXES = (".npz", ".json")
Number = TypeVar("Number", bound=np.generic)
Arrays = dict[str, npt.NDArray[np.generic]]


def file_of(folder: Path, bundle: Bundle, data: ImageSet, ending: str) -> Path:
    """Return the file of a result. ending: end of the name, with the suffix."""
    return folder / f"{bundle.digest[:20]}-{data.digest[:20]}-{ending}"


def write_arrays(path: Path, bundle: Bundle, data: ImageSet, arrays: Arrays) -> None:
    """Write an .npz of a result for a bundle and its data."""
    content = {"digests": np.array(_digests(bundle, data)), **arrays}
    _write(path, lambda file: np.savez_compressed(file, **content))  # type: ignore[arg-type]


def write_json(path: Path, bundle: Bundle, data: ImageSet, value: dict[str, object]) -> None:
    """Write a JSON object of a result for a bundle and its data."""
    content = {"digests": _digests(bundle, data), **value}
    _write(path, lambda file: file.write(json.dumps(content).encode()))


def read_arrays(path: Path, bundle: Bundle, data: ImageSet) -> Arrays | None:
    """Return the arrays of an .npz for this bundle and this data, or None."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        content = read_numpy(path)
    except (OSError, SpikeletError):
        return None
    if isinstance(content, np.ndarray) or "digests" not in content:
        return None
    return content if content["digests"].tolist() == _digests(bundle, data) else None


def read_json(path: Path, bundle: Bundle, data: ImageSet) -> dict[str, object] | None:
    """Return a JSON object for this bundle and this data, or None."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        value: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value.get("digests") == _digests(bundle, data) else None


def array(arrays: Arrays, name: str, shape: tuple[int, ...], dtype: type[Number]) -> npt.NDArray[Number]:
    """Return an array of this shape and type. Raises KeyError or ValueError for another one."""
    value = arrays[name]
    if value.shape != shape or value.dtype != dtype:
        raise ValueError(f"{name}: expected {dtype.__name__} {shape}, found {value.dtype} {value.shape}")
    return value.astype(dtype, copy=False)


def share(value: object) -> float:
    """Return a number of 0 to 1. Raises ValueError for anything else."""
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= 1:
        raise ValueError("expected a share, 0 to 1")
    return float(value)


def amount(value: object) -> float:
    """Return a finite number of 0 or more. Raises ValueError for anything else."""
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:  # type: ignore[arg-type, operator]
        raise ValueError("expected a number, 0 or more")
    return float(value)  # type: ignore[arg-type]


def whole(value: object) -> int:
    """Return a whole number of 0 or more. Raises ValueError for anything else."""
    if type(value) is not int or value < 0:
        raise ValueError("expected a whole number")
    return value


def entries(value: object) -> list[object]:
    """Return a list. Raises ValueError for anything else."""
    if not isinstance(value, list):
        raise ValueError("expected a list")
    return value


def table(value: object) -> dict[str, object]:
    """Return a JSON object. Raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


def _digests(bundle: Bundle, data: ImageSet) -> list[str]:
    return [bundle.digest, data.digest]


def _write(path: Path, save: Callable[[IO[bytes]], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            save(file)
        _prune(path.parent)
    except (OSError, SpikeletError):
        return


def _prune(folder: Path) -> None:
    """Delete the oldest files."""
    files = [file for file in folder.iterdir() if file.suffix in SUFFIXES]
    for old in sorted(files, key=lambda file: file.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
