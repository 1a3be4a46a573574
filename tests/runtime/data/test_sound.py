"""Recordings of sound: samples and log-mel features are compared with known values, or refused by name."""

import json
import math
import struct
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spikelet.data import DataOptions, arrays, read, stated_options
from spikelet.data.log_mel import LogMel, stated_features
from spikelet.data.pixels import quantised
from spikelet.data.sound import read_recording, samples
from spikelet.errors import DataError, SpikeletError, UsageError

RATE = 8000
FEATURES = LogMel()
OPTIONS = DataOptions(span=FEATURES.span, features=FEATURES)
RECORDINGS = sorted((Path(__file__).resolve().parents[3] / "assets" / "spoken-digits").glob("*.wav"))


def write(path, whole, width=2, rate=RATE, channels=1):
    """Write whole numbers, (S,) or (S, channels), as little-endian samples."""
    offset = 128 if width == 1 else 0
    content = b"".join(int(v + offset).to_bytes(width, "little", signed=width > 1) for v in np.ravel(whole))
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(content)
    return path


def tone(frequency, seconds=0.5, rate=RATE):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_samples_of_every_width(width, tmp_path):
    most = 2 ** (8 * width - 1)
    whole = [-most, -1, 0, 1, most // 2, most - 1]
    value, rate = samples(write(tmp_path / "a.wav", whole, width, 16000))
    assert rate == 16000
    assert value.tolist() == [v / most for v in whole]


def extended(path, content, bits, channels=1, rate=RATE, tag=1, before=b"", size=None):
    """Write samples in the extended form, with other chunks before them."""
    width = channels * bits // 8
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    form = struct.pack("<HHIIHHHHI", 0xFFFE, channels, rate, rate * width, width, bits, 22, bits, 0) + guid
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + before
    chunks += b"data" + struct.pack("<I", len(content) if size is None else size) + content
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


def real(path, values, kind="<f4", channels=1):
    """Write floating-point samples in the plain form."""
    content = np.asarray(values, kind).tobytes()
    width = np.dtype(kind).itemsize * channels
    form = struct.pack("<HHIIHHH", 3, channels, RATE, RATE * width, width, 8 * np.dtype(kind).itemsize, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(content)) + content
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    return path


@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_floating_point_samples(kind, tmp_path):
    values = [-1.0, -0.25, 0.0, 0.5, 1.25]
    for path in (real(tmp_path / "a.wav", values, kind),
                 extended(tmp_path / "b.wav", np.asarray(values, kind).tobytes(), 8 * int(kind[2:]), tag=3)):  # fmt: skip
        value, rate = samples(path)
        assert (value.tolist(), rate) == (values, RATE)
    stereo, _ = samples(real(tmp_path / "c.wav", [[0.5, -0.25], [1.0, 0.0]], kind, channels=2))
    assert stereo.tolist() == [0.125, 0.5]


@pytest.mark.parametrize(
    ("chunk", "size"), [(b"", None), (b"LIST\x03\0\0\0abc\0fact\x04\0\0\0abcd", None), (b"", 0xFFFFFFFF), (b"", 0)]
)
def test_the_extended_form_with_other_chunks_and_of_a_pipe(chunk, size, tmp_path):
    whole = [-(2**23), -1, 0, 2**22]
    content = b"".join(v.to_bytes(3, "little", signed=True) for v in whole)
    value, rate = samples(extended(tmp_path / "a.wav", content, 24, before=chunk, size=size, rate=44100))
    assert rate == 44100
    assert value.tolist() == [v / 2**23 for v in whole]


def test_a_recording_has_the_same_features_in_every_form(tmp_path):
    sound = 0.3 * tone(700, seconds=1.0)
    plain = read(write(tmp_path / "a.wav", np.rint(sound * 2**15)), options=OPTIONS).images.astype(int)
    for path in (real(tmp_path / "b.wav", sound), real(tmp_path / "c.wav", np.stack([sound, sound], 1), channels=2)):
        assert np.abs(read(path, options=OPTIONS).images.astype(int) - plain).max() <= 3


def test_channels_are_averaged(tmp_path):
    value, _ = samples(write(tmp_path / "a.wav", [[100, 300], [-200, 0]], channels=2))
    assert (value * 2**15).tolist() == [200, -100]


@pytest.mark.parametrize("frequency", [300, 1000, 2500, 3600])
def test_a_tone_is_loudest_in_the_band_of_its_frequency(frequency):
    values = FEATURES.features(tone(frequency), RATE)
    assert values.shape == FEATURES.shape == (32, 1, 48)
    loudest = values[:, 0, 24].argmax()
    assert loudest == np.abs(FEATURES.centres - frequency).argmin()
    assert values.max() == 0
    assert values.min() == FEATURES.floor


def test_one_frame_by_the_definition():
    """The power of every band of one frame from the definitions of the transform, the mel scale and the triangles."""
    rng = np.random.default_rng(1)
    sound = rng.normal(size=256)
    n = np.arange(256)
    windowed = sound * (0.5 - 0.5 * np.cos(2 * np.pi * n / 255))
    power = np.array([abs(np.sum(windowed * np.exp(-2j * np.pi * k * n / 256))) ** 2 for k in range(129)])
    edges = 700 * (10 ** (np.linspace(*(2595 * np.log10(1 + f / 700) for f in (50, 4000)), 34) / 2595) - 1)
    bands = [np.sum(power * np.interp(np.arange(129) * 31.25, edges[b : b + 3], [0, 1, 0])) for b in range(32)]
    expected = np.maximum(10 * np.log10(bands / np.max(bands)), -60)
    values = replace(FEATURES, frames=1).features(sound, RATE)
    np.testing.assert_allclose(values[:, 0, 0], expected, atol=1e-9)


def test_features_do_not_depend_on_loudness_or_rate():
    quiet, loud = (FEATURES.features(scale * tone(700), RATE) for scale in (1e-3, 1.0))
    np.testing.assert_allclose(quiet, loud, atol=1e-9)
    fast = FEATURES.features(tone(700, rate=48000), 48000)
    assert np.abs(fast - loud)[loud > -20].max() < 0.1


def test_a_short_recording_is_centred_and_of_a_long_one_the_loudest_part_is_taken():
    short = FEATURES.features(tone(1000, 0.256), RATE)[:, 0].max(0)
    heard = np.flatnonzero(short > FEATURES.floor)
    assert (heard[0], heard[-1]) == (16, 30)  # 15 frames: 0.256 s = 1 + (0.256 - 0.032) / 0.016
    quiet = 0.001 * tone(1000, 2)
    sound = np.concatenate([np.zeros(3 * RATE), tone(1000, 0.5), quiet])
    long = FEATURES.features(sound, RATE)[:, 0].max(0)
    assert (long > -20).sum() >= 30


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_shipped_recordings(path):
    """Peaks and frames of the recordings of the demo."""
    values = read(path, options=OPTIONS).images
    assert values.shape == (1, 32, 1, 48)
    assert (values.min(), values.max()) == (0, 255)


def test_recordings_in_folders(tmp_path):
    for name in ("one", "two"):
        (tmp_path / "train" / name).mkdir(parents=True)
        write(tmp_path / "train" / name / "a.wav", 1000 * tone(500 if name == "one" else 2000))
    data = read(tmp_path, "train", options=OPTIONS)
    assert data.classes == ("one", "two")
    assert data.labels.tolist() == [0, 1]
    assert data.files == ("train/one/a.wav", "train/two/a.wav")
    loudest = data.images[:, :, 0, 10].argmax(1)
    assert [np.abs(FEATURES.centres - f).argmin() for f in (500, 2000)] == loudest.tolist()
    assert stated_options(data.provenance) == OPTIONS


def test_features_stay_the_same_in_a_file_of_arrays(tmp_path):
    """Values that are already 0…255 are not converted again if the network states a range."""
    write(tmp_path / "a.wav", 1000 * tone(500))
    data = read(tmp_path / "a.wav", options=OPTIONS)
    arrays.write(tmp_path / "a.npz", data)
    for options in (DataOptions(), OPTIONS):
        again = read(tmp_path / "a.npz", shape=(32, 1, 48), options=options)
        assert np.array_equal(again.images, data.images)
        assert again.provenance["input_range"] == [-60.0, 0.0]
    with pytest.raises(DataError, match=r"input_range: expected 0…1, found \[-60.0, 0.0\]"):
        read(tmp_path / "a.npz", shape=(32, 1, 48), options=DataOptions(span=(0, 1)))


def damaged(path, change):
    write(path, 1000 * tone(500))
    content = bytearray(path.read_bytes())
    path.write_bytes(change(content))
    return path


REFUSED = {
    "not a wav file": (lambda path: path.write_bytes(b"ID3 no sound"), r"not a WAV file \(it begins with b'ID3 '.*16-bit PCM"),
    "an empty file": (lambda path: path.write_bytes(b""), r"is empty \(0 bytes\)"),
    "without a description": (lambda path: path.write_bytes(b"RIFF\0\0\0\0WAVE"), "has no description of its samples"),
    "without samples": (lambda path: damaged(path, lambda b: b[:36]), "is cut off: it has no samples"),
    "mu-law": (lambda path: damaged(path, lambda b: b[:20] + struct.pack("<H", 7) + b[22:]), "in the format mu-law; save it as"),
    "an unknown format": (lambda path: damaged(path, lambda b: b[:20] + struct.pack("<H", 99) + b[22:]), "in the format 99; save it"),
    "no channels": (lambda path: damaged(path, lambda b: b[:22] + struct.pack("<H", 0) + b[24:]), "has 0 channels of 16 bits"),
    "NaN": (lambda path: real(path, [0.5, float("nan")]), "contains NaN or infinity"),
    "cut off": (lambda path: damaged(path, lambda b: b[:1000]), "is cut off"),
    "floating point of 16 bits": (lambda path: damaged(path, lambda b: b[:20] + struct.pack("<H", 3) + b[22:]), "16 bits .floating-point numbers.*16-bit PCM"),
    "no samples": (lambda path: write(path, []), "is cut off: its header states 0 samples"),
    "silence": (lambda path: write(path, np.zeros(4000)), "is silent"),
    "a low rate": (lambda path: write(path, 1000 * tone(500), rate=4000), "has 4,000 samples per second; frequencies up to 4000 Hz"),
    "a long recording": (lambda path: write(path, np.zeros(61 * 100), rate=100), "lasts 61 s; a recording has at most 60 s"),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSED)
def test_refused(form, tmp_path):
    make, message = REFUSED[form]
    make(tmp_path / "a.wav")
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.wav", options=OPTIONS)


def test_a_network_without_features_of_sound(tmp_path):
    write(tmp_path / "a.wav", 1000 * tone(500))
    for path in (tmp_path, tmp_path / "a.wav"):
        with pytest.raises(DataError, match="does not state which sound features it takes"):
            read(path)
    with pytest.raises(DataError, match=r"has features of shape \(32, 1, 48\), the network takes \(3, 32, 32\)"):
        read_recording(tmp_path / "a.wav", FEATURES, (3, 32, 32))
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"no recordings in it \(.wav\)"):
        read(tmp_path / "images", options=OPTIONS)


INVALID = {
    "bands": [0, 513, 1.0, True, "32", None, 10**39],
    "frames": [0, 4097, 1.5, [48]],
    "window": [0, -1, 0.0009, 10.1, math.nan, math.inf, "a", True, None, 10**400],
    "hop": [0, 1e-300, 11, -math.inf, {}],
    "low": [-1, 1e6, 3999.5, 5000, math.nan, False],
    "high": [50, 50.5, 0, 1e6 + 1, 10**39, None],
    "floor": [0, -0.5, -5e-324, -201, -math.inf, "-60"],
    "kind": [1, None, ["log-mel"]],
    "more": [1],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in INVALID for value in INVALID[name]], ids=str)
def test_features_that_a_bundle_states_are_refused_unless_they_are_valid(name, value):
    stated = FEATURES.as_dict()
    with pytest.raises(UsageError, match=r"provenance\.input_features"):
        stated_features({"input_features": {**stated, name: value}})
    if name in stated and name != "kind":
        with pytest.raises(UsageError, match="log-mel"):
            replace(FEATURES, **{name: value})


def test_features_that_a_bundle_states():
    stated = FEATURES.as_dict()
    assert stated_features({"input_features": stated}) == FEATURES
    assert stated_features({"input_features": json.loads(json.dumps({**stated, "low": 50, "floor": -60}))}) == FEATURES
    assert stated_features({"input_features": {**stated, "kind": "mfcc"}}) is None
    assert stated_features({}) is None
    for value in (None, "log-mel", [], 1):
        with pytest.raises(UsageError, match=r"provenance\.input_features: expected an object, found"):
            stated_features({"input_features": value})
    for name in stated:
        with pytest.raises(UsageError, match=rf"provenance\.input_features: '?{name}'? is missing"):
            stated_features({"input_features": {key: value for key, value in stated.items() if key != name}})


@pytest.mark.parametrize(
    "features", [LogMel(bands=512, low=0, high=1), LogMel(bands=512, low=1e6 - 1, high=1e6)], ids=str
)
def test_bands_without_a_frequency_of_the_transform_are_silent(features):
    """Warnings are errors. The edges of the bands differ."""
    assert (np.diff(features._edges()) > 0).all()
    with pytest.raises(DataError, match="is silent"):
        features.features(np.random.default_rng(0).normal(size=2**10), 2**21)


@pytest.mark.parametrize(
    "features",
    [LogMel(bands=1, frames=1), LogMel(window=0.001, hop=10, floor=-1),
     LogMel(window=0.001, hop=0.001, bands=3, floor=-200)],
    ids=str,
)  # fmt: skip
def test_settings_at_their_bounds_divide_by_no_zero(features):
    """The pixels of 0 dB and of the floor are 255 and 0."""
    assert (np.diff(features._edges()) > 0).all()
    values = features.features(np.random.default_rng(0).normal(size=2**10), 2**21)
    assert values.shape == features.shape
    assert np.isfinite(values).all()
    assert quantised(values, *features.span).max() == 255


@pytest.mark.parametrize(
    ("samples", "rate"),
    [("abc", RATE), (None, RATE), (np.ones((3, 2)), RATE), (np.array([np.nan]), RATE), (np.array([np.inf]), RATE), ([], RATE),
     (np.array([1j]), RATE), (np.array([1e300]), RATE), (np.ones(9), "8000"), (np.ones(9), None), (np.ones(9), np.nan),
     (np.ones(9), 10**400), (np.ones(9), 0)],
    ids=str,
)  # fmt: skip
def test_invalid_samples_and_rates_are_refused(samples, rate):
    with pytest.raises(SpikeletError):
        FEATURES.features(samples, rate)


@pytest.mark.parametrize(
    ("settings", "length", "rate"),
    [(LogMel(window=10, hop=0.001), 20_000, 1000 * 2**14), (LogMel(bands=512, window=10), 8, 2**24),
     (LogMel(hop=0.001, window=0.5), 20 * 96_000, 96_000)],
)  # fmt: skip
def test_settings_and_rates_that_need_too_much_memory_are_refused_before_anything_is_allocated(settings, length, rate):
    """Both come from files, which can be small; frames with these settings need more than 1 GB."""
    with pytest.raises(DataError, match=r"log-mel: .* values, expected at most 33,554,432; take a lower sampling rate"):
        settings.features(np.ones(length), rate)


def test_features_of_a_wrong_type_are_refused():
    with pytest.raises(UsageError, match="features: expected a LogMel, found"):
        DataOptions(features="log-mel")
