"""Read recordings of sound, WAV files of integer samples, as the features that a network takes."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.data.log_mel import LogMel
from spikelet.data.pixels import Pixels, quantised
from spikelet.errors import DataError
from spikelet.nodes import Shape

Float = npt.NDArray[np.float64]
SUFFIX = ".wav"
MOST_SECONDS = 60  # of a recording
MOST_CHANNELS = 64
SAMPLE_BYTES = range(1, 5)


def is_recording(path: Path) -> bool:
    """Whether a file name has the suffix of a recording of sound."""
    return path.suffix.lower() == SUFFIX and not path.name.startswith(".")


def read_recording(path: Path, features: LogMel | None, shape: Shape | None = None) -> Pixels:
    """Read a recording as the features (bands, 1, frames) of a network, 0…255.

    Args:
        path: The WAV file.
        features: The features that the network takes, or None.
        shape: Shape of the network's input, or None if it is not known.

    Raises:
        DataError: The network takes no features of sound, or others than `shape`, or the file is damaged.
    """
    if features is None:
        raise DataError(
            f"{path}: is a recording of sound, but the network does not state which features of sound it takes; "
            "compute them, save them as .npy, and give their range with --range LOW HIGH"
        )
    if shape is not None and shape != features.shape:
        raise DataError(f"{path}: has features of shape {features.shape}, the network takes {shape}")
    sound, rate = samples(path)
    try:
        return quantised(features.features(sound, rate), *features.span)
    except DataError as error:
        raise error.locate(path) from None


def samples(path: Path) -> tuple[Float, int]:
    """Return the samples (S,) of a WAV file from -1 to 1, and their number per second. Channels are averaged.

    Raises:
        DataError: The file is not a WAV file of integers of 8 to 32 bits, is damaged, or longer than a minute.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate, count = file.getparams()[:4]
            _check_form(path, channels, width, rate)
            if count > MOST_SECONDS * rate:
                raise DataError(
                    f"{path}: lasts {count / rate:,.0f} s; a recording has at most {MOST_SECONDS} s: cut it into parts"
                )
            content = file.readframes(count)
    except (wave.Error, EOFError, OSError, ValueError, RuntimeError) as error:
        reason = str(error) or "it ends early"
        raise DataError(f"{path}: not a WAV file of integer samples ({reason}); save it as 16-bit PCM") from None
    if len(content) != count * channels * width or count == 0:
        raise DataError(f"{path}: is cut off: its header states {count:,} samples, found {len(content):,} bytes")
    return _whole_samples(content, width).reshape(-1, channels).mean(1) / 2.0 ** (8 * width - 1), rate


def _check_form(path: Path, channels: int, width: int, rate: int) -> None:
    if not 1 <= channels <= MOST_CHANNELS or width not in SAMPLE_BYTES or not 0 < rate <= 2**24:
        raise DataError(
            f"{path}: has {channels} channels of {8 * width} bits, {rate} times per second; expected 1…{MOST_CHANNELS} "
            "channels of 8 to 32 bits"
        )


def _whole_samples(content: bytes, width: int) -> Float:
    """Return little-endian integers of `width` bytes; those of one byte have an offset of 128."""
    if width == 1:
        return np.frombuffer(content, np.uint8).astype(np.float64) - 128
    padded = np.zeros((len(content) // width, 4), np.uint8)
    padded[:, 4 - width :] = np.frombuffer(content, np.uint8).reshape(-1, width)
    return np.asarray(padded.view("<i4")[:, 0] // 2 ** (8 * (4 - width)), np.float64)
