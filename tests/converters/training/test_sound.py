"""A network of sound, from recordings to the class of a recording, with the commands."""

import json
import wave

import numpy as np
import pytest

from spikelet import cli
from spikelet.bundle import read
from spikelet.data.log_mel import LogMel, stated_features
from spikelet.data.options import stated_span

RATE = 8000
TONES = {"high": 2500, "low": 400}


def write(path, frequency, rng):
    noise = rng.normal(0, 300, 3000)
    sound = 9000 * np.sin(2 * np.pi * frequency * np.arange(3000) / RATE) + noise
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(sound.astype("<i2").tobytes())


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 3)):
        for name, frequency in TONES.items():
            (folder / split / name).mkdir(parents=True)
            for index in range(count):
                write(folder / split / name / f"{index}.wav", frequency * rng.uniform(0.9, 1.1), rng)
    return folder


def call(line, capsys):
    assert cli.main(line.split()) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_recordings_train_a_network_that_classifies_recordings(sounds, tmp_path, capsys):
    options = "--features log-mel --model line5 --recipe qcfs --epochs 3 --batch 12 --augment shift --seed 1 --json"
    call(f"train --data {sounds} {options} --out {tmp_path}/run", capsys)
    converted = call(f"convert {tmp_path}/run/best.pt -o {tmp_path}/a.snnb --data {sounds} --json", capsys)
    assert converted["results"][0]["images"] == 6
    bundle = read(tmp_path / "a.snnb")
    assert bundle.graph.input.shape == (32, 1, 48)
    assert stated_features(bundle.manifest.provenance) == LogMel()
    assert stated_span(bundle.manifest.provenance) == (-60, 0)
    result = call(f"run {tmp_path}/a.snnb {sounds} --steps 4 --engine numpy --json", capsys)
    assert result["accuracy"][-1] == 1.0
    for name in TONES:
        result = call(f"run {tmp_path}/a.snnb {sounds}/test/{name}/1.wav --steps 4 --engine numpy --json", capsys)
        assert result["answers"][0]["answer"] == name
    copied = call(f"convert {tmp_path}/a.snnb --copies 2 -o {tmp_path}/b.snnb --data {sounds} --json", capsys)
    assert copied["results"][0]["accuracy"][-1] == 1.0


def test_measured_arrays_train_a_network(tmp_path, capsys):
    rng = np.random.default_rng(1)
    labels = np.arange(40) % 2
    values = rng.normal(0, 0.3, (40, 6, 16)) + np.where(labels == 0, -1, 1)[:, None, None]
    np.savez(tmp_path / "a.npz", x_train=values, y_train=labels)
    options = "--range -2 2 --layout NCL --model line5 --recipe qcfs --epochs 2 --batch 12 --augment none --json"
    call(f"train --data {tmp_path}/a.npz {options} --out {tmp_path}/run", capsys)
    call(f"convert {tmp_path}/run/best.pt -o {tmp_path}/a.snnb --json", capsys)
    bundle = read(tmp_path / "a.snnb")
    assert bundle.graph.input.shape == (6, 1, 16)
    assert stated_span(bundle.manifest.provenance) == (-2, 2)
    np.save(tmp_path / "one.npy", values[0])
    assert call(f"run {tmp_path}/a.snnb {tmp_path}/one.npy --engine numpy --json", capsys)["images"] == 1


def test_images_are_not_features_of_sound(tmp_path, capsys):
    np.savez(tmp_path / "a.npz", x_train=np.zeros((60, 28, 28), np.uint8), y_train=np.zeros(60, np.int64))
    assert cli.main(f"train --data {tmp_path}/a.npz --features log-mel --out {tmp_path}/run".split()) == 1
    message = (
        "expected recordings of sound (.wav) or arrays of their features, of shape (32, 1, 48), found shape (1, 28, 28)"
    )
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", ["--range 0 1", "--white 255"])
def test_features_have_a_range_of_their_own(options, sounds, tmp_path, capsys):
    assert cli.main(f"train --data {sounds} --features log-mel {options} --out {tmp_path}/run".split()) == 2
    assert "--features states the range of its values" in capsys.readouterr().err
