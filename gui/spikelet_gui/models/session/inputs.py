"""Where images come from: those that ship, those in the bundle, a folder, a picture of one's own, a drawing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet import shipped
from spikelet.bundle import Bundle
from spikelet.data import ImageSet, read
from spikelet.data.folder import SUFFIXES, read_image
from spikelet.errors import DataError
from spikelet.graph import Graph
from spikelet.nodes import Shape

Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """Images that can be shown one after another.

    images: (N, *input shape). labels: (N,) or None. note: how they were converted. data: the same as a data
    set, where they are one and accuracy can be measured on them.
    """

    name: str
    images: npt.NDArray[np.generic]
    labels: npt.NDArray[np.int64] | None = None
    note: str = ""
    data: ImageSet | None = None
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> Pixels:
        """(*input shape) of one."""
        return self.images[index].astype(np.float32)

    def label(self, index: int) -> int | None:
        """Its class, if known."""
        return None if self.labels is None else int(self.labels[index])


def start_source(bundle: Bundle) -> Source:
    """What a bundle opens with: shipped images that fit it, or those that it carries as its proof."""
    data = shipped_images(bundle.graph.input.shape, bundle.manifest.labels)
    return golden_source(bundle) if data is None else from_data(data)


def golden_source(bundle: Bundle) -> Source:
    """The inputs of the bundle's own proof."""
    return Source("golden inputs", bundle.golden.inputs, note="Golden inputs of the bundle.")


def from_data(data: ImageSet, path: Path | None = None, note: str = "") -> Source:
    """A data set."""
    return Source(data.name, data.images, data.labels, note, data, path)


def open_source(path: Path, bundle: Bundle) -> Source:
    """A picture, a folder of pictures or a data set, fitted to a network.

    Raises:
        DataError: no image, or none that fits; says what the network takes.
    """
    shape = bundle.graph.input.shape
    if len(shape) != 3:
        raise DataError(f"{path.name}: the network takes {shape[0]} numbers, not pictures")
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        pixels, note = fit(path, shape)
        check_range(bundle.graph)
        return Source(path.name, pixels[None], note=note, path=path)
    data = read(path, "test", shape).with_classes(bundle.manifest.labels)
    if not len(data):
        raise DataError(f"{path.name}: holds no images")
    if data.shape != shape:
        raise DataError(f"{path.name}: images of {data.shape}, the network takes {shape}")
    return from_data(data, path, f"{len(data):,} images, fitted to {_size(shape)}.")


def check_range(graph: Graph) -> None:
    """Pictures are 0…255. Raises DataError where the network takes less."""
    if graph.input.low > 0 or graph.input.high < 255:
        raise DataError(f"the network takes values {graph.input.low}…{graph.input.high}; a picture has 0…255")


def fit(path: Path, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.uint8], str]:
    """Return pixels (C, H, W) and a note on how they were converted."""
    whole = read_image(path)
    pixels = read_image(path, shape)
    height, width = whole.shape[1:]
    done = [f"{width}×{height} {'grey' if len(whole) == 1 else 'colour'}"]
    cut_width = min(width, round(height * shape[2] / shape[1]))
    cut_height = min(height, round(width * shape[1] / shape[2]))
    if (cut_width, cut_height) != (width, height):
        done.append(f"middle {cut_width}×{cut_height}")
    if (cut_width, cut_height) != (shape[2], shape[1]):
        done.append(f"resampled to {shape[2]}×{shape[1]}")
    if len(whole) != shape[0]:
        done.append("to grey" if shape[0] == 1 else "to colour")
    return pixels, " → ".join(done)


def drawing(pixels: npt.NDArray[np.uint8]) -> Source:
    """What was drawn on the pad, (1, H, W)."""
    return Source("drawing", pixels[None], note="Drawn by hand.")


def can_draw(graph: Graph) -> bool:
    """Whether a network takes one channel of grey values, so that one can draw for it."""
    shape = graph.input.shape
    return len(shape) == 3 and shape[0] == 1 and graph.input.low <= 0 and graph.input.high >= 255


def shown(image: Pixels, low: int, high: int) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 to look at: grey where there are not three channels (their mean), vectors as a strip."""
    scaled = np.clip((image - low) * (255.0 / (high - low)), 0, 255).astype(np.uint8)
    if scaled.ndim == 1:
        scaled = scaled[None, None]
    if len(scaled) != 3:
        scaled = np.repeat(scaled.mean(axis=0, keepdims=True).astype(np.uint8), 3, axis=0)
    return np.ascontiguousarray(scaled.transpose(1, 2, 0))


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[2]}×{shape[1]}"


def data_for(bundle: Bundle, source: Source | None) -> ImageSet | None:
    """The images of a source, or those that ship for a bundle; None where neither is a data set."""
    if source is not None and source.data is not None:
        return source.data
    return shipped_images(bundle.graph.input.shape, bundle.manifest.labels)


@cache
def shipped_images(shape: Shape, labels: tuple[str, ...] | None) -> ImageSet | None:
    """The shipped images that fit a network, read from their file once."""
    return shipped.images_for(shape, labels)
