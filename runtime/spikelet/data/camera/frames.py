"""Read raw camera frames from a stream, as `ffmpeg -f rawvideo -` and `v4l2-ctl --stream-to=-` write them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from spikelet.choices import FrameFormat
from spikelet.errors import DataError, MissingDependency
from spikelet.nodes import Shape

Pixels = npt.NDArray[np.uint8]
BYTES: dict[FrameFormat, int] = {"rgb24": 3, "bgr24": 3, "gray": 1, "yuyv": 2}  # of a pixel


@dataclass(frozen=True)
class Form:
    """Size and pixel format of a frame.

    Attributes:
        width: Number of columns.
        height: Number of rows.
        format: Order of the bytes: "rgb24", "bgr24", "gray", or "yuyv" (YUV 4:2:2, most webcams).

    Raises:
        DataError: The format is "yuyv", in which two neighbouring pixels share a colour, and the width is odd.
    """

    width: int
    height: int
    format: FrameFormat

    def __post_init__(self) -> None:
        if self.format == "yuyv" and self.width % 2:
            raise DataError(f"frames of yuyv have an even number of columns, found {self.width}")

    @property
    def bytes(self) -> int:
        """Size of a frame in bytes."""
        return self.width * self.height * BYTES[self.format]


def frames(stream: BinaryIO, form: Form) -> Iterator[Pixels]:
    """Yield every frame of a stream, (H, W, 3) or for "gray" (H, W), until it ends.

    Raises:
        DataError: The stream ends within a frame.
    """
    number = 0
    while content := _complete(stream, form.bytes):
        if len(content) < form.bytes:
            raise DataError(
                f"frame {number}: the input ended after {len(content):,} of {form.bytes:,} bytes; expected frames of "
                f"{form.width}×{form.height} pixels, {form.format}"
            )
        yield decoded(content, form)
        number += 1


def decoded(content: bytes, form: Form) -> Pixels:
    """Return the pixels of one frame: (H, W, 3), red first, or for "gray" (H, W)."""
    values = np.frombuffer(content, np.uint8)
    match form.format:
        case "gray":
            return values.reshape(form.height, form.width)
        case "yuyv":
            return _from_yuyv(values.reshape(form.height, form.width // 2, 4))
        case "bgr24":
            return values.reshape(form.height, form.width, 3)[..., ::-1]
        case _:
            return values.reshape(form.height, form.width, 3)


def fitted(frame: Pixels, shape: Shape) -> Pixels:
    """Convert a frame to the shape (C, H, W) of a network's input.

    Frames of another size are cropped around the centre and resampled; colours are converted to grey or RGB.

    Raises:
        DataError: The network does not take images of one or three channels.
        MissingDependency: The frame has another size or other colours, and Pillow is not installed.
    """
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise DataError(f"a frame has 1 or 3 channels, the network takes values of shape {shape}")
    channels = 1 if frame.ndim == 2 else 3
    if (channels, *frame.shape[:2]) != shape:
        try:
            from PIL import Image, ImageOps
        except ImportError:
            raise MissingDependency("Pillow", "images") from None
        image = Image.fromarray(np.ascontiguousarray(frame)).convert("L" if shape[0] == 1 else "RGB")
        if image.size != (shape[2], shape[1]):
            image = ImageOps.fit(image, (shape[2], shape[1]))
        frame = np.asarray(image, np.uint8)
    return frame[None] if frame.ndim == 2 else np.ascontiguousarray(frame.transpose(2, 0, 1))


def _complete(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, or fewer at the end of the stream. A pipe may return them in parts."""
    parts, missing = [], size
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _from_yuyv(values: Pixels) -> Pixels:
    """Convert pairs of pixels, (H, W / 2, [y, u, y, v]), to RGB by ITU-R BT.601 with luma 16…235."""
    wide = values.astype(np.int32)
    luma = 298 * (wide[..., 0::2] - 16)  # (H, W / 2, 2)
    blue, red = wide[..., 1:2] - 128, wide[..., 3:4] - 128
    colours = np.stack([luma + 409 * red, luma - 100 * blue - 208 * red, luma + 516 * blue], axis=-1)
    height, pairs = values.shape[:2]
    pixels: Pixels = np.clip((colours + 128) >> 8, 0, 255).astype(np.uint8).reshape(height, 2 * pairs, 3)
    return pixels
