"""Sources of inputs: shipped images, golden inputs, a folder or data set, an image, a drawing, recordings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import shipped
from spikelet.bundle import Bundle
from spikelet.choices import SPLITS, Binning
from spikelet.data import ImageSet, read, stated_options
from spikelet.data.folder import SUFFIXES, read_image
from spikelet.data.formats import cifar, idx
from spikelet.data.options import DEFAULTS, DataOptions
from spikelet.display import number_of
from spikelet.errors import DataError
from spikelet.graph import Graph
from spikelet.nodes import Shape
from spikelet_gui.models.session.document import BrokenBundle, Document, attempt
from spikelet_gui.models.session.sources.data_file import DataFile
from spikelet_gui.models.session.sources.recordings import (
    Frames,
    RecordingSource,
    are_recordings,
    few_frames,
    open_recordings,
)

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Source:
    """A list of images.

    Attributes:
        name: Name for the window.
        images: (N, *input shape).
        labels: (N,) class indices, or None.
        note: Description of the preprocessing.
        data: The same images as a data set on which accuracy can be measured, or None.
        path: File or folder of the images, or None.
    """

    name: str
    images: npt.NDArray[np.generic]
    labels: npt.NDArray[np.int64] | None = None
    note: str = ""
    data: ImageSet | None = None
    path: Path | None = None

    constant: Literal[True] = field(default=True, init=False)

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> Pixels:
        """Return one image, (*input shape)."""
        return self.images[index].astype(np.float32)

    def input(self, index: int, steps: int) -> Frames:
        """Return one image as a constant input, (1, *input shape)."""
        return self.image(index)[None]

    def frame_count(self, index: int) -> None:
        """Return None: an image is the input at any number of time-steps."""

    def key(self, index: int) -> bytes:
        """Return bytes that identify an input."""
        return self.images[index].tobytes()

    def label(self, index: int) -> int | None:
        """Return the class index of one image, or None."""
        return None if self.labels is None else int(self.labels[index])


Inputs: TypeAlias = Source | RecordingSource


def start_source(bundle: Bundle) -> Source:
    """Return the first images of a bundle: shipped images that fit it, or its golden inputs."""
    data = shipped_images(bundle.graph.input.shape, bundle.manifest.labels, bundle.graph.classes)
    return golden_source(bundle) if data is None else from_data(data)


def read_bundle(path: Path) -> Document | BrokenBundle:
    """Read a bundle and its first images, which `start_source` caches."""
    document = attempt(path)
    if isinstance(document, Document):
        source = start_source(document.bundle)
        _ = source.data.digest if source.data is not None else ""  # computed here, not in the thread of the window
    return document


def golden_source(bundle: Bundle) -> Source:
    """Return the golden inputs of a bundle."""
    return Source("golden inputs", bundle.golden.inputs, note="Golden inputs of the bundle.")


def from_data(data: ImageSet, path: Path | None = None, note: str = "") -> Source:
    """Return a data set as a source."""
    return Source(data.name, data.images, data.labels, note, data, path)


def open_inputs(file: DataFile, bundle: Bundle, steps: int) -> Inputs:
    """Read data for a network: an image, a folder, a data set, or recordings of events.

    Args:
        file: File or folder, and how it is read.
        bundle: The network.
        steps: T with which the first recording is checked.

    Raises:
        DataError: There is no input, or it does not fit.
    """
    if file.form == "images" or (file.form == "auto" and not _are_recordings(file)):
        return open_source(file, bundle)
    binning: Binning = "count" if file.form == "count" else "time"
    source = open_recordings(file.path, bundle.graph, bundle.manifest.labels, binning, file.split)
    first = source.read(0)
    source.input(0, steps if isinstance(first, dict) else min(steps, len(first)))
    return source


def _are_recordings(file: DataFile) -> bool:
    folder = file.path
    if folder.is_dir() and any(cifar.find(folder, split) or idx.find(folder, split) for split in SPLITS):
        return False
    return are_recordings(folder, file.split)


def open_source(file: DataFile, bundle: Bundle) -> Source:
    """Read an image, a folder of images or a data set, and fit it to the input of the network.

    Raises:
        DataError: There is no image, or it does not fit.
    """
    path, options, split = file.path, file.options, file.split
    shape = bundle.graph.input.shape
    array = path.suffix.lower() in (".npy", ".npz")
    if len(shape) != 3 and not array:
        raise DataError.at(
            path.name, f"the network takes {shape[0]} numbers, not images", expected=f"{shape[0]} numbers"
        )
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        pixels, note = fit(path, shape, options)
        check_range(bundle.graph)
        return Source(path.name, pixels[None], note=note, path=path)
    stated = stated_options(bundle.manifest.provenance)
    layout = options.layout
    if file.form == "images" and layout == "auto" and shape[:1] == (2,):  # not the polarities of a recording
        layout = "NCHW"
    options = replace(options, layout=layout, span=options.span or stated.span, features=stated.features)
    data = read(path, split, shape, options).with_classes(bundle.manifest.labels, bundle.graph.classes)
    if not len(data):
        raise DataError.at(path.name, "contains no images")
    if data.shape != shape:
        raise DataError.at(
            path.name,
            f"images of {data.shape}, the network takes {shape}",
            expected=str(shape),
            found=str(data.shape),
        )
    _ = data.digest  # computed in the background: whether results are out of date depends on it
    if options.features is not None:
        return from_data(data, path, f"{number_of(len(data), 'spectrogram')} of {shape[0]} × {shape[-1]} values.")
    return from_data(data, path, f"{number_of(len(data), 'image')}, fitted to {_size(shape)}.")


def check_range(graph: Graph) -> None:
    """Raise DataError if the input range of the network does not include that of an image, 0…255."""
    if graph.input.low > 0 or graph.input.high < 255:
        raise DataError(f"the network takes values {graph.input.low}…{graph.input.high}; an image has 0…255")


def fit(path: Path, shape: tuple[int, ...], options: DataOptions = DEFAULTS) -> tuple[npt.NDArray[np.uint8], str]:
    """Return pixels (C, H, W) and a description of the preprocessing."""
    original = read_image(path, options=options)
    pixels = read_image(path, shape, options)
    height, width = original.shape[1:]
    steps = [f"{width}×{height} {'grey' if len(original) == 1 else 'colour'}"]
    cut_width = min(width, round(height * shape[2] / shape[1]))
    cut_height = min(height, round(width * shape[1] / shape[2]))
    if (cut_width, cut_height) != (width, height):
        steps.append(f"centre {cut_width}×{cut_height}")
    if (cut_width, cut_height) != (shape[2], shape[1]):
        steps.append(f"resampled to {shape[2]}×{shape[1]}")
    if len(original) != shape[0]:
        steps.append("to grey" if shape[0] == 1 else "to colour")
    return pixels, " → ".join(steps)


def steps_limit(document: Document, source: Inputs | None, index: int) -> tuple[int, str]:
    """Return the largest T of a network and an input, and its reason."""
    count = None if source is None else source.frame_count(index)
    if source is None or count is None or count > document.most_steps:
        return document.most_steps, document.limit_reason
    return count, f"{source.name} {few_frames(count)}"


def drawing(pixels: npt.NDArray[np.uint8]) -> Source:
    """Return the pixels of a drawing pad, (1, H, W), as a source."""
    return Source("drawing", pixels[None], note="Drawn by hand.")


def can_draw(graph: Graph) -> bool:
    """Return whether the input is one channel of grey values, so that it can be drawn."""
    shape = graph.input.shape
    return len(shape) == 3 and shape[0] == 1 and graph.input.low <= 0 and graph.input.high >= 255


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[2]}×{shape[1]}" if len(shape) == 3 else f"{shape[0]} numbers"


def data_for(bundle: Bundle, source: Inputs | None) -> ImageSet | None:
    """Return the data set of a source, or the shipped images that fit a bundle; None for recordings, or if none fit."""
    if source is not None and not source.constant:
        return None
    if source is not None and source.data is not None:
        return source.data
    return shipped_images(bundle.graph.input.shape, bundle.manifest.labels, bundle.graph.classes)


def missing_images(source: Inputs | None, needed: str = "images") -> str:
    """Return why there are no images for a measurement. needed: what it requires, such as "a data set"."""
    if source is not None and not source.constant:
        return (
            "Requires inputs that are the same at every time-step, and a recording of events is open: open images. "
            "The command spikelet events measures the accuracy over a folder of recordings."
        )
    return f"Requires {needed}: open a folder or a file of images."


@cache
def shipped_images(shape: Shape, labels: tuple[str, ...] | None, classes: int) -> ImageSet | None:
    """Return the shipped images that fit a network, or None. The file is read once."""
    return shipped.images_for(shape, labels, classes)
