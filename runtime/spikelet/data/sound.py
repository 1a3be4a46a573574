"""Convert sound recordings (WAV files) to the features that a network takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet.data.formats.wav import channels_of
from spikelet.data.log_mel import LogMel
from spikelet.data.pixels import Pixels, quantised
from spikelet.errors import DataError
from spikelet.nodes import Shape

Float = npt.NDArray[np.float64]
SUFFIX = ".wav"
MOST_SECONDS = 60  # of a recording


def is_recording(path: Path) -> bool:
    """Whether a file name has the suffix of a sound recording."""
    return path.suffix.lower() == SUFFIX and not path.name.startswith(".")


def read_recording(path: Path, features: LogMel | None, shape: Shape | None = None) -> Pixels:
    """Read a recording as the features (bands, 1, frames) of a network, 0…255.

    Args:
        path: The WAV file.
        features: The features that the network takes, or None.
        shape: Shape of the network's input, or None if it is not known.

    Raises:
        DataError: The network takes no sound features, their shape is not `shape`, or the file is damaged.
    """
    if features is None:
        raise DataError(
            f"{path}: is a sound recording, but the network does not state which sound features it takes; "
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
    """Return the samples (S,) of a WAV file, -1…1, and the sampling rate in Hz. Channels are averaged.

    Raises:
        DataError: The file is not a WAV file that can be read, is damaged, or longer than a minute.
    """
    values, rate = channels_of(path, MOST_SECONDS)
    return values.mean(1), rate
