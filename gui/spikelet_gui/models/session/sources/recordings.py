"""Recordings of an event camera as a source of inputs that change at every time-step."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikelet.choices import Binning
from spikelet.data import ImageSet
from spikelet.data.events.binning import binned
from spikelet.data.events.recordings import SUFFIXES, Column, Columns, columns, contains_events, is_recording
from spikelet.data.folder import class_files, is_image
from spikelet.data.options import Split
from spikelet.display import number_of
from spikelet.errors import DataError
from spikelet.graph import Graph
from spikelet.nodes import Shape

Frames = npt.NDArray[np.float32]
TITLES: dict[Binning, str] = {"time": "bins of equal time", "count": "bins of an equal number of events"}


@dataclass(frozen=True, eq=False)
class RecordingSource:
    """Recordings, which are read when they are selected.

    Attributes:
        name: Name for the window.
        files: The recordings.
        shape: (C, H, W) of the network's input.
        binning: How events are divided into time-steps.
        labels: Class index of each recording, or None.
        note: Description of the preprocessing.
        path: File or folder of the recordings.
    """

    name: str
    files: tuple[Path, ...]
    shape: Shape
    binning: Binning
    labels: tuple[int, ...] | None
    note: str
    path: Path
    _content: dict[int, Columns | Column] = field(default_factory=dict, repr=False)

    constant: Literal[False] = field(default=False, init=False)
    data: None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self.files)

    def label(self, index: int) -> int | None:
        """Return the class index of one recording, or None."""
        return None if self.labels is None else self.labels[index]

    def key(self, index: int) -> bytes:
        """Return bytes that identify an input."""
        return f"{self.binning} {self.files[index]}".encode(errors="surrogateescape")

    def input(self, index: int, steps: int) -> Frames:
        """Return the number of events by time-step, (steps, *input shape). Called in the background.

        Raises:
            DataError: The file is damaged, does not fit the network, or has fewer frames than `steps`.
            CostError: The frames need more memory than the limit permits.
        """
        name, content = self.files[index].name, self.read(index)  # whose errors name the file
        try:
            frames = binned(content, self.shape, steps, self.binning)
        except DataError as error:
            raise DataError(f"{name}: {error}") from None
        if len(frames) < steps:
            raise DataError(f"{name}: {few_frames(len(frames))}")
        return frames[:steps]

    def frame_count(self, index: int) -> int | None:
        """Return the number of frames of a recording; None for events, or if it has not been read."""
        content = self._content.get(index)
        return None if content is None or isinstance(content, dict) else len(content)

    def read(self, index: int) -> Columns | Column:
        """Return the events or frames of a recording; the last one is cached. Called in the background."""
        content = self._content.get(index)
        if content is None:
            content = columns(self.files[index])
            self._content.clear()
            self._content[index] = content
        return content


def few_frames(count: int) -> str:
    """Return why T is limited by a recording of frames."""
    return f"has {number_of(count, 'frame')}, one for each time-step; T is at most {count}"


def are_recordings(path: Path, split: Split) -> bool:
    """Return whether a file is a recording of events, or a folder has such files and no images.

    Raises:
        DataError: A NumPy file is damaged, or the folders have several meanings.
    """
    if path.is_dir():
        if class_files(path, split, is_image)[0]:
            return False
        files = class_files(path, split, is_recording)[0]
        return bool(files) and contains_events(files[0][0])
    return contains_events(path)


def open_recordings(
    path: Path, graph: Graph, classes: tuple[str, ...] | None, binning: Binning, split: Split
) -> RecordingSource:
    """Return the recordings of a file or folder.

    Args:
        path: A recording, or a folder of recordings or of folders of classes.
        graph: The network.
        classes: Names of its classes, or None.
        binning: How events are divided into time-steps.
        split: Split of a folder with several.

    Raises:
        DataError: There is no recording, or the classes or the network do not fit.
    """
    shape = graph.input.shape
    if len(shape) != 3:
        raise DataError.at(
            path.name, f"the network takes {shape[0]} numbers, not events", expected=f"{shape[0]} numbers"
        )
    note = f"Events are counted in {TITLES[binning]}, one bin for each time-step."
    if not path.is_dir():
        return RecordingSource(path.name, (path,), shape, binning, None, note, path)
    files, names, title = class_files(path, split, is_recording)
    if not files:
        raise DataError.at(path.name, f"contains no recordings of events; known: {', '.join(SUFFIXES)}")
    labels = None
    if names is not None:  # the rules for class names are those of images
        indices = np.array([label for _, label in files], np.int64)
        empty = ImageSet(np.zeros((len(files), 1), np.uint8), indices, names, title)
        matched = empty.with_classes(classes, graph.classes).labels
        assert matched is not None
        labels = tuple(int(label) for label in matched)
    return RecordingSource(title, tuple(file for file, _ in files), shape, binning, labels, note, path)
