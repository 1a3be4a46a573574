"""Calibration images that cannot set thresholds are refused; their folders need not be the network's classes."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from converters_support import SHAPE
from source_networks.relu import smooth_pixels
from spikelet import cli
from spikelet.data import ImageSet, arrays
from spikelet.errors import ConversionError
from spikelet_converters.cli import convert_view
from spikelet_converters.conversion.source import Calibration, convert_source
from spikelet_converters.frontends.torch import from_module


@pytest.fixture(scope="module")
def source():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)).eval()
    return from_module(network, SHAPE)


def images(pixels):
    return ImageSet(np.asarray(pixels, np.uint8), None, None, "train")


RAMP = np.arange(192).reshape(1, *SHAPE)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((20, *SHAPE)), r"train: every image has a single pixel value \(0\)"),
        (np.full((20, *SHAPE), 9), r"every image has a single pixel value \(9\)"),
        (np.zeros((20, *SHAPE)) + np.arange(20).reshape(-1, 1, 1, 1), r"every image has a single pixel value \(0…19\)"),
        (RAMP, "train: one image cannot calibrate, 2 different ones or more are needed; name a few hundred images"),
        (np.repeat(RAMP, 9, 0), "9 equal images cannot calibrate"),
        (np.zeros((0, *SHAPE)), "has no images to calibrate with"),
    ],
)
def test_images_that_cannot_calibrate(source, pixels, message):
    with pytest.raises(ConversionError, match=message):
        convert_source(source, "small", calibration=Calibration(images(pixels), steps=4))


def test_images_that_the_network_does_not_distinguish():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)).eval()
    with torch.no_grad():
        network[0].bias.fill_(-1e6)  # every neuron of the layer is silent
    with pytest.raises(ConversionError, match="has equal logits for all images, .* check --mean, --std"):
        convert_source(from_module(network, SHAPE), "small", calibration=Calibration(images(smooth_pixels()), steps=4))


def test_labels_in_another_order_are_noted(tmp_path):
    """Images of three grey values, whose class is the nearest one, and labels that begin with 1."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 3), nn.ReLU(), nn.Linear(3, 3)).eval()
    with torch.no_grad():
        network[1].weight.fill_(1 / 192)
        network[1].bias.copy_(torch.tensor([0.0, -0.3, -0.6]))
        network[3].weight.copy_(torch.tensor([[-4.0, 0, 0], [6, -20, 0], [-8, 12, 40]]))
        network[3].bias.copy_(torch.tensor([1.0, -1, -1]))
    classes = np.arange(60) % 3
    noise = np.random.default_rng(0).integers(0, 20, (60, *SHAPE))
    pixels = (noise + np.array([10, 110, 220]).reshape(3, 1, 1, 1)[classes]).astype(np.uint8)
    with torch.no_grad():
        predictions = network(torch.from_numpy(pixels / np.float32(255))).argmax(1).numpy()
    for labels, note in ((predictions, None), (predictions + 1, "subtract 1 from labels that begin with 1.")):
        data = ImageSet(pixels, labels.astype(np.int64), None, "grey")
        calibration = Calibration(images(pixels), steps=16)
        bundle = convert_source(from_module(network, SHAPE), "grey", calibration=calibration, data=[data])
        shown = convert_view.text(tmp_path, bundle)
        assert (note or "no note") in bundle.manifest.results[0].get("note_on_labels", "no note")
        assert ("begin with 1" in shown) == (note is not None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A module without class names, in a working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(
        "import torch\nfrom torch import nn\ntorch.manual_seed(0)\n"
        "network = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Linear(6, 3))\n"
    )
    return tmp_path


LINE = ["convert", "model.py:network", "--input", "3x8x8", "--steps", "4", "-o", "a.snnb", "--calibration", "photos"]


def put(root, names):
    for index, pixels in enumerate(smooth_pixels()[:20]):
        target = root / names[index % len(names)]
        target.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(target / f"{index}.png")


def test_folders_that_are_no_classes_give_images_without_labels(folder, capsys):
    put(folder / "photos", ["monday", "tuesday"])
    assert cli.main(LINE) == 0
    out = capsys.readouterr().out
    assert "note: calibration images are used without labels: photos: has 2 classes, the network has 3" in out
    assert "20 images without labels" in out


def test_names_of_the_classes_are_given(folder, capsys):
    """With --classes, folders in any order and number have the right labels, and the bundle has the names."""
    put(folder / "photos", ["wren", "Ant"])
    assert cli.main([*LINE, "--classes", "wren,bee,ant", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["results"][0]
    assert "accuracy" in result
    assert cli.main(["inspect", "a.snnb", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == ["wren", "bee", "ant"]
    (folder / "names.txt").write_text("wren\nbee\nant\n", "utf-8")
    assert cli.main([*LINE, "--classes", "names.txt", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["float_accuracy"] == result["float_accuracy"]
    assert cli.main([*LINE, "--classes", "wren,bee"]) == 2
    assert "--classes: found 2 names, the network has 3 classes" in capsys.readouterr().err
    assert cli.main([*LINE, "--classes", "wren,wren,bee"]) == 2
    assert "expected two or more different names" in capsys.readouterr().err


def test_options_of_the_readers_reach_every_command(folder, capsys):
    put(folder / "photos", ["ant", "bee", "cat"])
    assert cli.main(LINE) == 0
    np.save(folder / "scaled.npy", (smooth_pixels()[:6] / 255).astype(np.float32).transpose(0, 2, 3, 1))
    arrays.write(folder / "pixels.npz", images(smooth_pixels()[:6]))
    for command in (["run"], ["energy"], ["robustness", "--faults", "weight-bits", "--seeds", "0"]):
        capsys.readouterr()
        command = [command[0], "a.snnb", "DATA", *command[1:], "--steps", "4", "--json"]
        scaled = ["scaled.npy" if argument == "DATA" else argument for argument in command]
        assert cli.main(scaled) == 1
        assert "--white: 1 for images scaled to 0…1" in capsys.readouterr().err
        assert cli.main([*scaled, "--white", "1", "--layout", "NHWC"]) == 0
        scaled_facts = json.loads(capsys.readouterr().out)
        assert cli.main(["pixels.npz" if argument == "DATA" else argument for argument in command]) == 0
        facts = json.loads(capsys.readouterr().out)
        key = "data_digest" if "data_digest" in facts else "digest"
        assert scaled_facts[key] == facts[key]


def test_equal_answers_are_reported(folder, capsys):
    put(folder / "photos", ["ant", "bee", "cat"])
    (folder / "model.py").write_text(
        "import torch\nfrom torch import nn\ntorch.manual_seed(0)\n"
        "network = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Linear(6, 3))\n"
        "network[3].bias.data[1] = 100.0\n"
    )
    assert cli.main(LINE) == 0
    assert "the source network has the same prediction for all of them" in capsys.readouterr().out
