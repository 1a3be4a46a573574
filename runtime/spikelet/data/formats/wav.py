"""Read WAV files: integers of 8 to 32 bits, and floating-point numbers of 32 or 64 bits, in the plain or extended form.

A file consists of `RIFF`, a size, `WAVE` and chunks. The chunk `fmt ` describes the samples, and `data` contains them.
The extended form, which most programs write for more than 16 bits, states its format in a second field.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from spikelet.errors import DataError
from spikelet.files.substitute import refuse_substitute
from spikelet.limits import Limits

Float = npt.NDArray[np.float64]
WHOLE, FLOAT, EXTENDED = 1, 3, 0xFFFE  # formats
OTHERS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 0x55: "MP3", 0x161: "Windows Media", 0xFF: "AAC"}
REMEDY = "save it as 16-bit PCM, for instance with `ffmpeg -i IN.wav -c:a pcm_s16le OUT.wav`"
MOST_CHANNELS = 64
PER_NUMBER = 24  # bytes of memory of one number while it is decoded
SAMPLE_BYTES = {WHOLE: range(1, 5), FLOAT: (4, 8)}
STREAMED = (0, 2**32 - 1)  # sizes that programs write for a chunk of unknown size, such as to a pipe


@dataclass(frozen=True)
class Form:
    """Storage format of the samples of a file.

    Attributes:
        format: WHOLE or FLOAT.
        channels: Number of channels.
        width: Bytes of a number.
        rate: Samples per second.
        count: Number of samples, each of `channels` numbers.
    """

    format: int
    channels: int
    width: int
    rate: int
    count: int

    def decoded(self, content: bytes) -> Float:
        """Return the numbers (samples, channels) from -1 to 1; those of floating-point files may be beyond."""
        if self.format == FLOAT:
            with np.errstate(invalid="ignore"):  # signalling NaN, which is refused later
                values = np.frombuffer(content, f"<f{self.width}").astype(np.float64)
        else:
            values = _whole(content, self.width) / 2.0 ** (8 * self.width - 1)
        return values.reshape(-1, self.channels)


def opened(file: BinaryIO) -> Form:
    """Read the chunks of a file up to its samples. The position of the file is then the first sample.

    Raises:
        DataError: The file is not a WAV file, or its samples are compressed or of another width. The message does not
            contain the path.
    """
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise DataError(f"not a WAV file (it begins with {head[:4]!r}; expected b'RIFF'); {REMEDY}")
    described = None
    while True:
        chunk = file.read(8)
        if len(chunk) < 8:
            missing = "samples" if described is not None else "description of its samples"
            raise DataError(f"is cut off: it has no {missing}; copy or record it again")
        name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"data" and described is not None:
            break
        if name == b"fmt ":
            described = _described(file.read(min(size, 64)))
            size -= min(size, 64)
        file.seek(size + size % 2, 1)
    format_, channels, width, rate = described
    if size in STREAMED:
        start = file.tell()
        size = file.seek(0, 2) - start
        file.seek(start)
    return Form(format_, channels, width, rate, size // (channels * width))


def _described(content: bytes) -> tuple[int, int, int, int]:
    """Return (format, channels, bytes per number, samples per second) of a `fmt ` chunk."""
    if len(content) < 16:
        raise DataError("is cut off: it has no description of its samples; copy or record it again")
    format_, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if format_ == EXTENDED and len(content) >= 26:
        format_ = struct.unpack("<H", content[24:26])[0]
    if format_ not in SAMPLE_BYTES:
        raise DataError(f"contains samples in the format {OTHERS.get(format_, format_)}; {REMEDY}")
    width = (bits + 7) // 8
    if not 1 <= channels <= MOST_CHANNELS or width not in SAMPLE_BYTES[format_] or not 0 < rate <= 2**24:
        kind = "floating-point numbers" if format_ == FLOAT else "whole numbers"
        raise DataError(
            f"has {channels} channels of {bits} bits ({kind}), {rate} times per second; expected 1…{MOST_CHANNELS} "
            f"channels of whole numbers of 8 to 32 bits, or of floating-point numbers of 32 or 64 bits; {REMEDY}"
        )
    return format_, channels, width, rate


def channels_of(path: Path, most_seconds: int) -> tuple[Float, int]:
    """Return the samples (S, channels) of a WAV file, -1…1, and the sampling rate in Hz.

    Args:
        path: The file.
        most_seconds: Largest permitted duration.

    Raises:
        DataError: The file is not a WAV file, is damaged, longer than permitted, or contains NaN or infinity.
        CostError: The samples need more memory than the limit permits.
    """
    refuse_substitute(path, DataError)
    try:
        with path.open("rb") as file:
            form = opened(file)
            if form.count > most_seconds * form.rate:
                seconds = f"{form.count / form.rate:,.0f} s"
                raise DataError(f"lasts {seconds}; a recording has at most {most_seconds} s: cut it into parts")
            numbers = form.count * form.channels
            Limits().check(f"{path}: {numbers:,} samples", (form.width + PER_NUMBER) * numbers)
            content = file.read(numbers * form.width)
    except DataError as error:
        raise error.locate(path) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None
    if len(content) != form.count * form.channels * form.width or form.count == 0:
        raise DataError(f"{path}: is cut off: its header states {form.count:,} samples, found {len(content):,} bytes")
    values = form.decoded(content)
    if not np.isfinite(values).all():
        raise DataError(f"{path}: contains NaN or infinity; record it again or save it as 16-bit PCM")
    return values, form.rate


def _whole(content: bytes, width: int) -> Float:
    """Decode little-endian integers of `width` bytes; those of one byte have an offset of 128."""
    if width == 1:
        return np.frombuffer(content, np.uint8).astype(np.float64) - 128
    padded = np.zeros((len(content) // width, 4), np.uint8)
    padded[:, 4 - width :] = np.frombuffer(content, np.uint8).reshape(-1, width)
    return np.asarray(padded.view("<i4")[:, 0] // 2 ** (8 * (4 - width)), np.float64)
