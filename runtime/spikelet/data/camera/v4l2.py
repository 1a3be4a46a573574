"""Read frames of a Linux camera (Video4Linux 2) through memory that is shared with its driver.

Structures and constants are those of `linux/videodev2.h`.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np

from spikelet.choices import FrameFormat
from spikelet.data.camera.frames import BYTES, Form, Pixels, decoded
from spikelet.errors import DataError

CAPTURE, MMAP, ANY_FIELD = 1, 1, 0  # V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_MEMORY_MMAP, V4L2_FIELD_ANY
BUFFERS = 2  # the driver fills one while the other is read
CODES: dict[FrameFormat, bytes] = {"yuyv": b"YUYV", "rgb24": b"RGB3", "bgr24": b"BGR3", "gray": b"GREY"}
READ_WRITE, WRITE = 3, 1  # directions of an ioctl


class Picture(ctypes.Structure):
    """struct v4l2_pix_format."""

    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in ("width", "height", "pixelformat", "field", "bytesperline", "sizeimage", "colorspace", "priv")
    ) + tuple((name, ctypes.c_uint32) for name in ("flags", "encoding", "quantization", "transfer"))


class _AnyFormat(ctypes.Union):
    _fields_ = (("picture", Picture), ("raw", ctypes.c_uint8 * 200), ("aligned", ctypes.c_void_p))


class Format(ctypes.Structure):
    """struct v4l2_format."""

    _fields_ = (("type", ctypes.c_uint32), ("fmt", _AnyFormat))


class Request(ctypes.Structure):
    """struct v4l2_requestbuffers."""

    _fields_ = (
        ("count", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 2),
    )


class _Location(ctypes.Union):
    _fields_ = (("offset", ctypes.c_uint32), ("userptr", ctypes.c_ulong), ("planes", ctypes.c_void_p))


class Buffer(ctypes.Structure):
    """struct v4l2_buffer."""

    _fields_ = (
        ("index", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("bytesused", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("field", ctypes.c_uint32),
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("timecode", ctypes.c_uint32 * 4),
        ("sequence", ctypes.c_uint32),
        ("memory", ctypes.c_uint32),
        ("m", _Location),
        ("length", ctypes.c_uint32),
        ("reserved2", ctypes.c_uint32),
        ("request_fd", ctypes.c_int32),
    )


def request_number(direction: int, number: int, size: int) -> int:
    """Return the number of an ioctl of V4L2, as the macros _IOW and _IOWR do."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


SET_FORMAT = request_number(READ_WRITE, 5, ctypes.sizeof(Format))
REQUEST_BUFFERS = request_number(READ_WRITE, 8, ctypes.sizeof(Request))
QUERY_BUFFER = request_number(READ_WRITE, 9, ctypes.sizeof(Buffer))
QUEUE = request_number(READ_WRITE, 15, ctypes.sizeof(Buffer))
DEQUEUE = request_number(READ_WRITE, 17, ctypes.sizeof(Buffer))
STREAM_ON = request_number(WRITE, 18, ctypes.sizeof(ctypes.c_int))
STREAM_OFF = request_number(WRITE, 19, ctypes.sizeof(ctypes.c_int))


def ioctl(device: int, number: int, argument: ctypes.Structure | ctypes.c_int) -> None:
    """Call the driver. Raises OSError."""
    from fcntl import ioctl as call  # a module of POSIX

    call(device, number, argument)


@contextmanager
def camera(path: Path, width: int, height: int, format: FrameFormat | None = None) -> Iterator[Iterator[Pixels]]:
    """Open a camera and yield its frames, (H, W, 3) or for "gray" (H, W), without end.

    Args:
        path: Device, such as /dev/video0.
        width: Requested number of columns; the driver may choose the nearest one that it supports.
        height: Requested number of rows; as for `width`.
        format: Pixel format; None for the first of yuyv, rgb24, bgr24 and gray that the camera supports.

    Raises:
        DataError: The device is not a camera, or supports none of the formats.
    """
    with ExitStack() as stack:
        try:
            device = os.open(path, os.O_RDWR)
            stack.callback(os.close, device)
            form, line = _negotiated(device, path, width, height, format)
            memory = _buffers(device, stack)
            ioctl(device, STREAM_ON, ctypes.c_int(CAPTURE))
        except OSError as error:
            raise DataError(f"{path}: not a camera that can be read ({error.strerror or error})") from None
        stack.callback(_stop, device)
        yield _frames(device, path, memory, form, line)


def _negotiated(device: int, path: Path, width: int, height: int, format: FrameFormat | None) -> tuple[Form, int]:
    """Set the format of a camera. Return the form of its frames, and the bytes per row including padding."""
    for name in CODES if format is None else (format,):
        request = Format(type=CAPTURE)
        picture = request.fmt.picture
        picture.width, picture.height, picture.field = width, height, ANY_FIELD
        picture.pixelformat = int.from_bytes(CODES[name], "little")
        ioctl(device, SET_FORMAT, request)
        if picture.pixelformat == int.from_bytes(CODES[name], "little"):
            row = BYTES[name] * picture.width
            return Form(picture.width, picture.height, name), max(picture.bytesperline, row)
    offered = picture.pixelformat.to_bytes(4, "little").decode("ascii", "replace")
    raise DataError(
        f"{path}: the camera offers frames of {offered}; expected {', '.join(CODES) if format is None else format}; "
        f"convert them with ffmpeg, see `spikelet watch --help`"
    )


def _buffers(device: int, stack: ExitStack) -> list[mmap.mmap]:
    """Map the buffers of the driver into memory and queue them for filling."""
    request = Request(count=BUFFERS, type=CAPTURE, memory=MMAP)
    ioctl(device, REQUEST_BUFFERS, request)
    maps = []
    for index in range(request.count):
        buffer = Buffer(index=index, type=CAPTURE, memory=MMAP)
        ioctl(device, QUERY_BUFFER, buffer)
        maps.append(stack.enter_context(mmap.mmap(device, buffer.length, offset=buffer.m.offset)))
        ioctl(device, QUEUE, buffer)
    return maps


def _frames(device: int, path: Path, memory: list[mmap.mmap], form: Form, line: int) -> Iterator[Pixels]:
    row = BYTES[form.format] * form.width
    while True:
        buffer = Buffer(type=CAPTURE, memory=MMAP)
        try:
            ioctl(device, DEQUEUE, buffer)
            content = memory[buffer.index][: line * form.height]
            used = buffer.bytesused
            ioctl(device, QUEUE, buffer)
        except OSError as error:
            raise DataError(f"{path}: the camera sends no more frames ({error.strerror or error})") from None
        if used < line * (form.height - 1) + row:
            continue  # incomplete frame; some cameras send one at the start
        rows = np.frombuffer(content, np.uint8).reshape(form.height, line)
        yield decoded(rows[:, :row].tobytes(), form)


def _stop(device: int) -> None:
    with suppress(OSError):  # the camera may have been unplugged
        ioctl(device, STREAM_OFF, ctypes.c_int(CAPTURE))
