"""Read MNIST and Fashion-MNIST in their published layout: IDX files (LeCun et al., 1998), plain or gzipped."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.data.images import ImageSet
from spikelet.errors import DataError
from spikelet.files.substitute import refuse_substitute
from spikelet.limits import Limits, expanded_at_most

PREFIX = {"train": "train", "test": "t10k"}
GZIP = b"\x1f\x8b"  # first bytes of a gzip file
EMNIST = "emnist-*-images-idx3-ubyte*"  # names of EMNIST (Cohen et al., 2017)
FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def find(folder: Path, split: str) -> Path | None:
    """Return the image file of a split, or None.

    It is in the folder, or in `raw` or `NAME/raw` below it, where torchvision stores it.

    Raises:
        DataError: Several folders below have one, or the files are those of EMNIST.
    """
    if split not in PREFIX:
        return None
    here = _file(folder, split)
    if here is not None:
        return here
    folders = [folder / "raw", *(path / "raw" for path in sorted(folder.iterdir()) if path.is_dir())]
    _refuse_emnist([folder, *folders])
    below = [path for path in (_file(path, split) for path in folders) if path is not None]
    if len(below) > 1:
        names = ", ".join(str(path.parent.relative_to(folder)) for path in below[:4])
        raise DataError(f"{folder}: has several data sets, in {names}; name the folder of one")
    return below[0] if below else None


def _refuse_emnist(folders: Iterable[Path]) -> None:
    """Raise DataError for EMNIST, whose pixels and labels depend on the program that a network was trained with."""
    path = next((path for folder in folders for path in sorted(folder.glob(EMNIST))), None)
    if path is not None:
        remedy = (
            "save images as the network was trained on them, and labels from 0, with numpy.savez('data.npz', "
            "images=images, labels=labels)"
        )
        reason = f"EMNIST stores images with rows and columns exchanged, and its letters have labels 1…26; {remedy}"
        raise DataError.at(str(path), reason, remedy=remedy)


def _file(folder: Path, split: str) -> Path | None:
    for joint in ("-", "."):
        for suffix in ("", ".gz"):
            path = folder / f"{PREFIX[split]}-images{joint}idx3-ubyte{suffix}"
            if path.is_file():
                return path
    return None


def read(folder: Path, split: str) -> ImageSet:
    """Read a split ("train" or "test") as images of one channel.

    Class names are set for Fashion-MNIST, which is recognised by "fashion" in the path of the folder.

    Raises:
        DataError: A file is missing, truncated, or not an IDX file.
        CostError: A compressed file declares more bytes than the limit of memory permits.
    """
    path = find(folder, split)
    if path is None:
        raise DataError(f"{folder}: expected {PREFIX[split]}-images-idx3-ubyte[.gz], found no such file")
    images = _array(path, 3)
    labels = _array(_labels_of(path), 1)
    if len(images) != len(labels):
        raise DataError(f"{path}: {len(images)} images, but {len(labels)} labels beside them")
    fashion = "fashion" in str(path.resolve()).lower()
    name = f"{'Fashion-MNIST' if fashion else 'IDX'} {split}"
    return ImageSet(images[:, None], labels.astype(np.int64), FASHION if fashion else None, name)


def _labels_of(images: Path) -> Path:
    """Return the file of the labels of an image file; either of the two may be unpacked."""
    name = re.sub(r"images([-.])idx3", r"labels\1idx1", images.name)
    other = name.removesuffix(".gz") if name.endswith(".gz") else f"{name}.gz"
    return next((path for path in map(images.with_name, (name, other)) if path.is_file()), images.with_name(name))


def _array(path: Path, axes: int) -> npt.NDArray[np.uint8]:
    refuse_substitute(path, DataError, "gzip")
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == GZIP  # programs that download files may unpack them and keep the name
        with gzip.open(path) if compressed else path.open("rb") as file:
            head = file.read(4 + 4 * axes)
            if len(head) < 4 + 4 * axes or head[:4] != bytes([0, 0, 8, axes]):
                raise DataError(f"{path}: expected an IDX file of bytes with {axes} axes")
            shape = tuple(int.from_bytes(head[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
            size = math.prod(shape)
            # not more is decompressed than the header declares
            if size > expanded_at_most(path.stat().st_size, compressed=True):
                raise DataError(f"{path}: declares {shape}, that is {size:,} bytes, more than the file can contain")
            if compressed:
                Limits().check(f"{path}: {size:,} bytes", 2 * size)
            raw = file.read(size + 1)
    except FileNotFoundError:
        raise DataError(f"{path}: missing") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    if size != len(raw):
        contained = f"{len(raw):,}"
        if len(raw) > size:
            contained = "more" if compressed else f"{path.stat().st_size - len(head):,}"
        raise DataError(f"{path}: declares {shape}, that is {size:,} bytes, and contains {contained}")
    return np.frombuffer(raw, np.uint8).reshape(shape)
