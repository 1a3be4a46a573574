"""A chain of commands: train, resume, convert, verify, run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from converters_support import colours
from spikelet.data import ImageSet, arrays

TRAIN = "train --data colours.npz --model vgg5 --batch 16 --learning-rate 0.05 --lambda-init 1 --seed 3 --out run"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    arrays.write(folder / "colours.npz", colours(90))
    return folder


def test_the_whole_chain(call, folder, tmp_path):
    out = call(f"{TRAIN} --residual gaussian --epochs 2").out
    assert out.count("validation: source network") == 2
    assert "run/best.pt" in out
    assert "contains a training run" in call(f"{TRAIN} --residual gaussian --epochs 2", code=1).err
    out = call(f"{TRAIN} --residual gaussian --epochs 3 --resume", code=1).err
    assert "was started with epochs = 2, now 3" in out

    shutil.copy(folder / "colours.npz", tmp_path)
    tuned = TRAIN.replace("--out run", "--out tuned").replace("colours.npz", f"{tmp_path}/colours.npz")
    report = call(
        f"{tuned} --residual exact --epochs 1 --start {folder}/run/best.pt --freeze-norm --time-steps 1 2 4 "
        "--data-name Colours --json"
    ).out
    report = json.loads(report)
    assert report["checkpoint"] == "tuned/best.pt"
    assert report["data"] == "Colours"
    assert set(report["validation"]) >= {"spiking_accuracy.T1", "spiking_accuracy.T2", "spiking_accuracy.T4"}

    convert = f"convert {folder}/tuned/best.pt -o tuned.snnb --data={tmp_path}/colours.npz --count 40 --json"
    report = json.loads(call(convert).out)
    assert report["results"][0]["command"] == (
        "spikelet convert tuned/best.pt -o tuned.snnb --data=colours.npz --count 40 --json"
    )
    for stored in filter(Path.is_file, (*(folder / "tuned").rglob("*"), folder / "tuned.snnb")):
        assert str(folder.parent).encode() not in stored.read_bytes(), "the folders of the author are not passed on"
    assert report["bits"] == 8
    assert report["exact_steps"] >= 8
    assert report["results"][0]["images"] == 40
    assert len(report["layers"]) == 4
    assert json.loads(call("verify tuned.snnb --json").out)["ok"]
    result = json.loads(call("run tuned.snnb colours.npz --count 40 --steps 8 --json").out)
    assert result["accuracy"] == pytest.approx(report["results"][0]["accuracy"])
    assert result["float_accuracy"] == report["results"][0]["float_accuracy"]
    provenance = json.loads(call("inspect tuned.snnb --json").out)["provenance"]
    assert provenance["residual"] == "exact"
    assert provenance["start"]["recipe"]["epochs"] == 2, "where its weights began is told as well"

    text = call("convert tuned/best.pt -o float.snnb --float32").out
    assert "no shipped images fit this network, so nothing was measured; give images with --data" in text
    assert "cost" in call("convert tuned/best.pt -o tuned.snnb --bits 6 --data colours.npz").out


def test_starting_from_another_form_is_refused(call):
    line = TRAIN.replace("--out run", "--out other").replace("vgg5", "resnet20")
    assert "is a vgg5 with other layers than this network" in call(f"{line} --epochs 1 --start run/best.pt", code=1).err


def test_data_without_labels_is_refused(call, folder):
    np.save(folder / "bare.npy", np.zeros((40, 3, 8, 8), np.uint8))
    assert "has no labels" in call(TRAIN.replace("colours.npz", "bare.npy"), code=1).err
    arrays.write(folder / "wide.npz", ImageSet(np.zeros((40, 3, 8, 12), np.uint8), np.arange(40) % 2, None, "wide"))
    wide = TRAIN.replace("colours.npz", "wide.npz").replace("run", "w")
    assert "best epoch" in call(f"{wide} --epochs 1").out, "images need not be square"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("--learning-rate -1", "learning_rate: expected a number of 0 or more, found -1.0"),
        ("--lambda-init 0", "lambda_init: expected a number above 0"),
        ("--model vgg16", "the images are too small for 5 pools that halve them"),
    ],
)
def test_options_that_make_no_sense(call, more, message):
    assert message in call(f"{TRAIN.replace('--out run', '--out odd')} {more}", code=2).err
