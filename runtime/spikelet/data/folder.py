"""Read a folder of images or sound recordings: flat, with one subfolder per class, or with one folder per split.

Files and folders are read in natural order (2 before 10); hidden ones are ignored (`spikelet.data.names`). A class is a
folder; its images may lie in folders below it. An empty folder is a class without images.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spikelet.data.classes import listed
from spikelet.data.formats.image_file import SUFFIXES, is_image, read_image
from spikelet.data.images import ImageSet
from spikelet.data.names import SPLIT_NAMES, Key, natural_key, visible
from spikelet.data.options import DEFAULTS, DataOptions, Split
from spikelet.data.other_files import files_present
from spikelet.data.pixels import Pixels, check_contrast
from spikelet.data.sound import is_recording, read_recording
from spikelet.data.tables import check_tables
from spikelet.errors import DataError
from spikelet.nodes import Shape

DEPTH = 8  # of folders below a class
_SPLIT = re.compile(r"(^|[^a-z])(train|training|test|testing|val|valid|validation|dev|eval)([^a-z]|$)", re.IGNORECASE)

__all__ = ["SUFFIXES", "class_files", "is_image", "read", "read_image"]


def read(folder: Path, split: Split = "auto", shape: Shape | None = None, options: DataOptions = DEFAULTS) -> ImageSet:
    """Read a folder of images. Subfolders define classes.

    Args:
        folder: The folder.
        split: The folder to read if there are folders `train`, `valid` and `test`. "auto" selects the test split, or
            the validation split if there is no test split.
        shape: (C, H, W) or (F,) of the images; None keeps their size, which must then be equal.
        options: The value of white, and the features of sound; with these, recordings are read instead of images.

    Raises:
        DataError: There are no images, the folders are ambiguous, an image is damaged, or the sizes differ and `shape`
            is None.
    """
    sound = options.features is not None
    paths, classes, title = class_files(folder, split, is_recording if sound else is_image)
    if not paths:
        raise _nothing(folder, split, sound)
    images = [_read_file(path, shape, options) for path, _ in paths]
    for (path, _), image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            raise DataError(
                f"{path}: is of shape {image.shape}, {paths[0][0].name} of {images[0].shape}; "
                "images of one data set have one size"
            )
    pixels = np.stack(images)
    if not sound:
        check_contrast(title, pixels, options.white)
    labels = None if classes is None else np.array([label for _, label in paths], np.int64)
    files = tuple(path.relative_to(folder).as_posix() for path, _ in paths)
    return ImageSet(pixels, labels, classes, title, files, options.provenance if sound else {})


def _read_file(path: Path, shape: Shape | None, options: DataOptions) -> Pixels:
    if options.features is not None:
        return read_recording(path, options.features, shape)
    return read_image(path, shape, options)


def _nothing(folder: Path, split: Split, sound: bool) -> DataError:
    """Return the error for a folder without images, or without recordings."""
    if sound:
        return DataError(f"{folder}: no recordings in it (.wav), nor in folders of classes; the network takes sound")
    recordings = class_files(folder, split, is_recording)[0]
    if recordings:
        try:
            read_recording(recordings[0][0], None)
        except DataError as error:
            return error
    return DataError(
        f"{folder}: no images in it, nor in folders of classes; known: {', '.join(SUFFIXES)}{files_present(folder)}"
    )


def class_files(
    folder: Path, split: Split, accepts: Callable[[Path], bool] = is_image
) -> tuple[list[tuple[Path, int]], tuple[str, ...] | None, str]:
    """Return the files of a folder with the index of their class, the names of the classes or None, and a title.

    Args:
        folder: The folder.
        split: As for `read`.
        accepts: Returns whether a file belongs to the data.

    Raises:
        DataError: The folders are ambiguous.
    """
    title = folder.resolve().name
    root = _split_folder(folder, split, accepts)
    if root != folder:
        title = f"{title} {root.name}"
    files_here = _files(root, accepts)
    classes = {path: _files_below(path, accepts) for path in _folders(root)}
    listed_here = files_here or [path for files in classes.values() for path in files]
    if sum(map(bool, classes.values())) < 2:
        check_tables(root, listed_here)
    if not any(classes.values()):
        return [(path, 0) for path in files_here], None, title
    if files_here:
        raise DataError(
            f"{root}: has images ({files_here[0].name}) beside folders of images ({listed(_names(list(classes)))}); "
            "name one of the folders, or move the images into a folder of their class"
        )
    _check_classes(root, classes, accepts)
    paths = [(path, label) for label, files in enumerate(classes.values()) for path in files]
    return paths, tuple(_names(list(classes))), title


def _split_folder(folder: Path, split: Split, accepts: Callable[[Path], bool]) -> Path:
    """Return the folder of the split, or `folder` itself if there are no splits.

    Folders named `train`, `valid` or `test` are splits if there are no other folders beside them, or if they contain
    folders of images; else they are classes.
    """
    folders = _folders(folder)
    splits: dict[Split, list[Path]] = {
        name: [path for path in folders if path.name.casefold() in names] for name, names in SPLIT_NAMES.items()
    }
    present = [name for name, paths in splits.items() if paths]
    if not present:
        return folder
    inside = [path for paths in splits.values() for path in paths]
    others = [path for path in folders if path not in inside and _files_below(path, accepts)]
    if others:
        if not any(_files_below(below, accepts) for path in inside for below in _folders(path)):
            return folder
        raise DataError(
            f"{folder}: has folders of splits ({listed(_names(inside))}) beside others ({listed(_names(others))}); "
            "name one of them"
        )
    chosen = next((name for name in ("test", "valid") if name in present), None) if split == "auto" else split
    if chosen not in present:
        missing = "test or validation" if chosen is None else chosen
        raise DataError(
            f"{folder}: has no folder of {missing} images, but {', '.join(present)}: give --split {present[0]}, or "
            "name the folder itself"
        )
    if len(splits[chosen]) > 1:
        raise DataError(f"{folder}: has several {chosen} folders, {listed(_names(splits[chosen]))}; name one of them")
    return splits[chosen][0]


def _check_classes(root: Path, classes: dict[Path, list[Path]], accepts: Callable[[Path], bool]) -> None:
    """Raise DataError if the class folders contain something else."""
    if len(classes) == 1:
        path = next(iter(classes))
        if not _files(path, accepts):
            raise DataError(f"{root}: contains one folder, {path.name}, with folders of images in it; name {path}")
    splits = [path for path in classes if _SPLIT.search(path.name)]
    if len(classes) > 1 and len(splits) == len(classes) and all(_folders(path) for path in splits):
        raise DataError(
            f"{root}: its folders {listed(_names(splits))} have the names of splits, not of classes; name one of "
            f"them, as {splits[0]}"
        )
    split_names = {name for names in SPLIT_NAMES.values() for name in names}
    for path in classes:
        inside = [below.name for below in _folders(path) if below.name.casefold() in split_names]
        if inside:
            raise DataError(
                f"{path}: is a folder of a class with folders of splits in it ({listed(inside)}); arrange them as "
                f"{inside[0]}/{path.name}"
            )


def _folders(folder: Path) -> list[Path]:
    return sorted((path for path in folder.iterdir() if path.is_dir() and visible(path)), key=_by_name)


def _files(folder: Path, accepts: Callable[[Path], bool]) -> list[Path]:
    return sorted((path for path in folder.iterdir() if path.is_file() and accepts(path)), key=_by_name)


def _files_below(folder: Path, accepts: Callable[[Path], bool], depth: int = DEPTH) -> list[Path]:
    """Return the files of a folder, followed by those of the folders below it."""
    if depth < 0:
        raise DataError(f"{folder}: lies more than {DEPTH} folders below a class; is it a link to a folder above it?")
    below = [path for inner in _folders(folder) for path in _files_below(inner, accepts, depth - 1)]
    return _files(folder, accepts) + below


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def _by_name(path: Path) -> Key:
    return natural_key(path.name)
