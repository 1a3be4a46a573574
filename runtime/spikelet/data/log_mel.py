"""Log-mel features of sound: power in bands of the mel scale, in decibels, per time frame.

Mel scale: m = 2595 log10(1 + f / 700 Hz) (O'Shaughnessy, 1987). All settings are in Hz and seconds, so that the
features do not depend on the sampling rate if that is at least twice `high`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from spikelet import features, options
from spikelet.errors import DataError
from spikelet.features import KIND
from spikelet.nodes import Shape

Float = npt.NDArray[np.float64]
INPUT_FEATURES = "input_features"
"""Key in the provenance of a bundle: settings of the sound features that its network takes."""

MOST_RATE = 2**31  # samples per second
MOST_VALUES = 2**25  # of all frames of a recording and of the filters, 256 MiB


@dataclass(frozen=True)
class LogMel:
    """Settings of log-mel features.

    Attributes:
        bands: Number of bands.
        frames: Number of frames of a recording. A longer recording is cut to the frames with the largest total power;
            a shorter one is centred in silence.
        window: Length of a frame, in seconds.
        hop: Time between frames, in seconds.
        low, high: Lowest and highest frequency, in Hz, at least 1 Hz apart.
        floor: Least value, in dB relative to the largest value of the recording, which is 0.

    Raises:
        UsageError: A setting is of a wrong type or out of range; `spikelet.features` has the bounds.
    """

    bands: int = 32
    frames: int = 48
    window: float = 0.032
    hop: float = 0.016
    low: float = 50.0
    high: float = 4000.0
    floor: float = -60.0

    def __post_init__(self) -> None:
        for name, value in features.log_mel(KIND, asdict(self)).items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> Shape:
        """(bands, 1, frames): one row with one channel per band."""
        return self.bands, 1, self.frames

    @property
    def span(self) -> tuple[float, float]:
        """The values in dB that are converted to 0 and 255."""
        return float(self.floor), 0.0

    def as_dict(self) -> dict[str, object]:
        """Return the settings as an entry of a bundle's provenance."""
        return {"kind": KIND, **asdict(self)}

    def features(self, samples: Float, rate: int) -> Float:
        """Return the features (bands, 1, frames) in dB, from `floor` to 0.

        Args:
            samples: (S,) samples, in any unit, at most 2^64 in magnitude.
            rate: Samples per second.

        Raises:
            DataError: Samples are not finite numbers, the rate is less than twice `high`, the recording is silent, or
                its frames need too much memory.
            UsageError: An argument is of a wrong type.
        """
        samples, rate = _checked_samples(samples), options.whole("rate", rate, 1, MOST_RATE)
        if rate < 2 * self.high:
            raise DataError(
                f"has {rate:,} samples per second; frequencies up to {self.high:g} Hz need {2 * self.high:,.0f} or more"
            )
        self._check_size(len(samples), rate)
        frames = self._frames(samples, rate)
        spectrum = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), axis=1)) ** 2
        energy = np.einsum("tf,bf->bt", spectrum, self.filters(frames.shape[1], rate))
        energy = self._loudest(energy)
        largest = energy.max()
        if largest <= 0:
            raise DataError("is silent: all samples are 0, or the sound lies outside the bands")
        decibels = 10 * np.log10(np.maximum(energy / largest, 10 ** (self.floor / 10)))
        return np.asarray(decibels[:, None], np.float64)

    def filters(self, size: int, rate: int) -> Float:
        """Return the weight of each frequency of a transform in each band, (bands, size // 2 + 1).

        The bands are triangles that overlap by half, of equal width on the mel scale.

        Args:
            size: Samples of a frame.
            rate: Samples per second.
        """
        edges = self._edges()
        frequencies = np.arange(size // 2 + 1) * (rate / size)
        rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
        falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
        return np.asarray(np.maximum(np.minimum(rising, falling), 0.0), np.float64)

    @property
    def centres(self) -> Float:
        """Centre frequencies of the bands, (bands,), in Hz."""
        return self._edges()[1:-1]

    def _edges(self) -> Float:
        mels = np.linspace(_mel(self.low), _mel(self.high), self.bands + 2)
        return np.asarray(700 * (10 ** (mels / 2595) - 1), np.float64)

    def _sizes(self, samples: int, rate: int) -> tuple[int, int, int]:
        """Return the number of frames, and their length and hop in samples."""
        size, hop = max(round(self.window * rate), 2), max(round(self.hop * rate), 1)
        return 1 + max(0, math.ceil((samples - size) / hop)), size, hop

    def _check_size(self, samples: int, rate: int) -> None:
        """Raise DataError if the frames or the filters need too much memory. Settings and rates come from files."""
        count, size, _ = self._sizes(samples, rate)
        values = count * size + self.bands * (size // 2 + 1)
        if values > MOST_VALUES:
            raise DataError(
                f"{KIND}: {count:,} frames of {size:,} samples and {self.bands} bands are {values:,} values, expected "
                f"at most {MOST_VALUES:,}; take a lower sampling rate, a shorter window or a longer hop"
            )

    def _frames(self, samples: Float, rate: int) -> Float:
        """Return overlapping frames (T, window); the last is filled with zeros."""
        count, size, hop = self._sizes(len(samples), rate)
        padded = np.zeros((count - 1) * hop + size)
        padded[: len(samples)] = samples[: len(padded)]
        return np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]

    def _loudest(self, energy: Float) -> Float:
        """Return the `frames` frames with the largest total energy, (bands, frames), or all of them padded by zeros."""
        count = energy.shape[1]
        if count <= self.frames:
            before = (self.frames - count) // 2
            return np.pad(energy, ((0, 0), (before, self.frames - count - before)))
        sums = np.concatenate([[0.0], np.cumsum(energy.sum(0))])
        start = int(np.argmax(sums[self.frames :] - sums[: -self.frames]))
        return energy[:, start : start + self.frames]


def stated_features(provenance: Mapping[str, object]) -> LogMel | None:
    """Return the sound features that a bundle states, or None if it states none or another kind.

    Raises:
        UsageError: The stated features are invalid.
    """
    options.instance("provenance", provenance, Mapping)
    if INPUT_FEATURES not in provenance:
        return None
    stated = features.stated_log_mel(f"provenance.{INPUT_FEATURES}", provenance[INPUT_FEATURES])
    return None if stated is None else LogMel(**stated)  # type: ignore[arg-type]


def _checked_samples(samples: object) -> Float:
    options.instance("samples", samples, np.ndarray)
    values = np.asarray(samples)
    if values.ndim != 1 or not len(values) or values.dtype.kind not in "uif":
        raise DataError(f"samples: expected numbers (S,), found {values.shape} of {values.dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = values.astype(np.float64)
    if not (np.abs(numbers) <= options.LARGEST).all():
        raise DataError("samples: expected finite numbers of at most 2^64 in magnitude")
    return numbers


def _mel(frequency: float) -> float:
    return 2595 * math.log10(1 + frequency / 700)
