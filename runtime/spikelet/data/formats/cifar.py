"""CIFAR-10 and CIFAR-100 in their two published layouts (Krizhevsky, 2009).

Binary: records of one label byte (two for CIFAR-100: coarse, fine) and 3,072 pixel bytes, channel first.
Python: pickled dictionaries of NumPy arrays and plain containers, see `spikelet.files.plain_pickle`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.data.images import ImageSet
from spikelet.errors import DataError
from spikelet.files.plain_pickle import read_pickle
from spikelet.files.substitute import refuse_substitute

PIXELS = 3 * 32 * 32
BINARY = {
    "cifar-10": {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]},
    "cifar-100": {"train": ["train.bin"], "test": ["test.bin"]},
}
PYTHON = {
    "cifar-10": {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]},
    "cifar-100": {"train": ["train"], "test": ["test"]},
}
SUBFOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar-100-binary", "cifar-100-python")
CLASS_FILES = {"cifar-10": "batches.meta.txt", "cifar-100": "fine_label_names.txt"}
CLASS_PICKLES = {"cifar-10": ("batches.meta", b"label_names"), "cifar-100": ("meta", b"fine_label_names")}  # and key


def find(folder: Path, split: str) -> tuple[str, str, Path] | None:
    """Return (layout, name, folder) if `folder` or a standard subfolder contains the split, else None."""
    if split not in BINARY["cifar-10"]:
        return None
    candidates = [folder, *(folder / sub for sub in SUBFOLDERS if (folder / sub).is_dir())]
    for candidate in candidates:
        for layout, files in (("binary", BINARY), ("python", PYTHON)):
            for name, splits in files.items():
                # is_file: folders of images may also be named "test" and "train"
                if (candidate / splits[split][0]).is_file():
                    return layout, name, candidate
    return None


def read(folder: Path, split: str) -> ImageSet:
    """Read a split ("train" or "test") of CIFAR-10 or CIFAR-100 from its folder.

    Raises:
        DataError: A file is missing, has a wrong size, or has a label out of range.
    """
    location = find(folder, split)
    if location is None:
        raise DataError(f"{folder}: expected the {split} files of CIFAR-10 or CIFAR-100, found none of them")
    layout, name, folder = location
    parts = []
    for file in (BINARY if layout == "binary" else PYTHON)[name][split]:
        path = folder / file
        if not path.is_file():
            raise DataError(f"{path}: missing; the {name} {split} split needs it")
        refuse_substitute(path, DataError)
        parts.append(_read_binary(path, name) if layout == "binary" else _read_python(path, name))
    images = np.concatenate([pixels for pixels, _ in parts])
    labels = np.concatenate([label for _, label in parts])
    limit = 10 if name == "cifar-10" else 100
    if labels.size and labels.max() >= limit:
        raise DataError(f"{folder}: {name} labels are 0…{limit - 1}, found {labels.max()}")
    return ImageSet(images, labels, _class_names(folder, name), f"{name} {split}")


def _read_binary(path: Path, name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    head = 1 if name == "cifar-10" else 2
    raw = np.fromfile(path, np.uint8)
    if raw.size == 0 or raw.size % (head + PIXELS):
        raise DataError(
            f"{path}: expected records of {head + PIXELS} bytes, found {raw.size} bytes; is the file complete?"
        )
    rows = raw.reshape(-1, head + PIXELS)
    return rows[:, head:].reshape(-1, 3, 32, 32), rows[:, head - 1].astype(np.int64)


def _read_python(path: Path, name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    batch = read_pickle(path)
    key = b"labels" if name == "cifar-10" else b"fine_labels"
    try:
        pixels, labels = batch.get(b"data"), batch.get(key)
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
            raise DataError("expected an array of bytes under 'data'")
        if not isinstance(labels, list) or not all(type(label) is int and 0 <= label < 2**31 for label in labels):
            raise DataError(f"expected a list of whole numbers under '{key.decode()}'")
        return pixels.reshape(-1, 3, 32, 32), np.array(labels, np.int64)
    except (DataError, ValueError) as error:
        raise DataError(f"{path}: not a {name} python batch ({error})") from None


def _class_names(folder: Path, name: str) -> tuple[str, ...] | None:
    text = folder / CLASS_FILES[name]
    if text.is_file():
        return tuple(text.read_text("utf-8", "replace").split())
    file, key = CLASS_PICKLES[name]
    meta = folder / file
    if meta.is_file():
        names = read_pickle(meta).get(key, [])
        if not isinstance(names, list) or not all(isinstance(label, bytes) for label in names):
            raise DataError(f"{meta}: expected a list of texts under '{key.decode()}'")
        return tuple(label.decode("utf-8", "replace") for label in names) or None
    return None
