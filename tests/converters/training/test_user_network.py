"""Networks of the user are trained, converted and studied; their code runs only if it is named."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from converters_support import colours
from spikelet import cli
from spikelet.bundle import read
from spikelet.data import arrays
from spikelet.errors import UsageError
from spikelet.session import Model
from spikelet_converters.frontends.torch.python_file import factory
from spikelet_converters.source_model import networks
from spikelet_converters.source_model.activation import spiking_layers
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.simulation import spiking_logits
from spikelet_converters.training import behaviour
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.user_network import define
from studies import write_idx

ASSETS = Path(__file__).resolve().parents[3] / "assets"
RESIDUAL_BLOCKS = """
from pathlib import Path

import torch
from torch import nn

Path("has_run").touch()

class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + x)

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.bn = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.block, self.drop = Block(6), nn.Dropout(0.1)
        self.fc1, self.norm, self.fc2 = nn.Linear(96, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x):
        x = self.block(nn.functional.relu(self.bn(self.stem(x))))
        x = nn.functional.avg_pool2d(x, 2).flatten(1)
        return self.fc2(self.drop(torch.relu(self.norm(self.fc1(x)))))
"""
MASKED = """
import torch
from torch import nn

class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.last, self.mask = nn.Linear(192, 16), nn.Linear(16, 5), 4 * torch.randn(16)

    def forward(self, x):
        return self.last(torch.relu(self.mask * self.fc(x.flatten(1))))
"""
LAYERS = ["relu", "block_relu", "block_relu_1", "relu_1"]


def test_known_names_are_not_defined_again():
    with pytest.raises(UsageError, match="vgg9: is the name of a network of spikelet"):
        define("vgg9", nn.Identity)


def test_a_network_defined_in_python_is_read_with_its_code(tmp_path, monkeypatch):
    """Its name in the checkpoint is any name. The code has a data class with annotations as text."""
    code = """
from __future__ import annotations
from dataclasses import dataclass
from torch import nn

@dataclass
class Options:
    width: int = 8

def network():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, Options().width), nn.ReLU(), nn.Linear(8, 5))
"""
    (tmp_path / "code.py").write_text(code)
    network = factory(f"{tmp_path / 'code.py'}:network")
    define("lines", network)
    specification = NetworkSpec("lines", (3, 8, 8), 5, (120,) * 3, (60.0,) * 3)
    Checkpoint(specification, specification.build().state_dict(), {}).save(tmp_path / "lines.pt")
    monkeypatch.delitem(networks.USER_NETWORKS, "lines")
    with pytest.raises(UsageError, match="unknown network 'lines'; .* --network FILE.py:NAME"):
        load_checkpoint(tmp_path / "lines.pt").network()
    assert spiking_layers(load_checkpoint(tmp_path / "lines.pt", f"{tmp_path / 'code.py'}:network").network())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with images and code of a network, and a run that trained it."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "networks.py").write_text(RESIDUAL_BLOCKS)
    arrays.write(folder / "data.npz", colours(120))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        line = "train --data data.npz --model networks.py:Network --epochs 3 --finish-epochs 2 --batch 16 --seed 1 --json -o run"
        assert cli.main(line.split()) == 0
    return folder


def test_it_is_trained_and_converted(call):
    call("convert run/best.pt --network networks.py:Network --data data.npz --json -o own.snnb")
    bundle = read("own.snnb")
    assert list(bundle.graph.spiking) == LAYERS
    assert bundle.manifest.provenance["network"] == "networks.py:Network"
    images, network = colours(120), load_checkpoint("run/best.pt", "networks.py:Network").network()
    accuracy = Model(bundle).run(images.images, 4).accuracy(images.labels)[-1]
    simulated = spiking_logits(network, torch.from_numpy(images.images).float(), 4)[-1].argmax(1).numpy()
    assert abs(accuracy - (simulated == images.labels).mean()) < 0.05
    assert accuracy > 0.6, "chance is 0.33"
    measured = json.loads(call("residuals run/best.pt --network networks.py:Network --data data.npz --json").out)
    assert [layer["layer"] for layer in measured["layers"]] == LAYERS


def test_the_weights_of_a_trained_network_are_a_start(call, folder):
    torch.manual_seed(5)
    source = factory("networks.py:Network")()
    torch.save({"model": source.state_dict()}, "relu.pt")
    call("train --data data.npz --model networks.py:Network --weights relu.pt --learning-rate 1e-9 --epochs 1 "
         "--residual none --batch 16 --seed 1 --json -o fine")  # fmt: skip
    weights = load_checkpoint("fine/best.pt").weights
    assert torch.allclose(weights["block.conv1.weight"], source.block.conv1.weight, atol=1e-6)
    line = "train --data data.npz --weights relu.pt --json -o x"
    assert "--weights is for networks of your own, --model FILE.py:NAME" in call(f"{line} --model vgg5", 2).err
    assert "both give the initial weights; omit one" in call(f"{line} --start run/best.pt", 2).err
    torch.save(nn.Linear(2, 2).state_dict(), "relu.pt")
    assert "not a state dict of networks.py:Network; missing" in call(f"{line} --model networks.py:Network", 1).err


def test_a_run_is_resumed_and_its_weights_fit_no_other_network(call):
    line = "train --data data.npz --residual none --batch 16 --seed 1 --json --start run/best.pt"
    own = f"{line} --model networks.py:Network -o more"
    call(f"{own} --epochs 1")
    assert "was started with epochs = 1, now 2" in call(f"{own} --epochs 2 --resume", 1).err
    call(f"{own} --epochs 1 --resume")
    refused = call(f"{line} --model vgg5 --epochs 1 -o other", 1).err
    assert "is a networks.py:Network with other layers" in refused


@pytest.mark.parametrize("command", ["convert run/best.pt -o x.snnb", "residuals run/best.pt --data data.npz"])
def test_no_code_runs_without_the_option(call, folder, monkeypatch, command):
    monkeypatch.setattr(networks, "USER_NETWORKS", {})
    (folder / "has_run").unlink(missing_ok=True)
    message = (
        "Python code, networks.py:Network, which a checkpoint does not contain; name it with --network FILE.py:NAME"
    )
    assert message in call(command, 2).err
    assert not (folder / "has_run").exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("convert run/best.pt --network networks.py:Other -o x.snnb", "networks.py:Other: networks.py has no Other"),
        ("convert run/best.pt --network networks.py:Block -o x.snnb", "networks.py:Block: TypeError: .*width"),
        ("convert other.onnx --network networks.py:Network -o x.snnb", "--network is for checkpoints of train --model"),
        ("train --data . --model networks.py -o x", "--model: expected vgg9, .*, line5 or FILE.py:NAME, found 'networks.py'"),
        ("train --data data.npz --model no.py:N -o x", "no.py:N: expected FILE.py:NAME, an existing file and a name in it"),
    ],
)  # fmt: skip
def test_wrong_arguments(call, folder, command, message):
    (folder / "other.onnx").touch()
    assert re.search(message, call(command, 1 if "Block" in command else 2).err)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("96, 8), nn.BatchNorm1d(8), nn.Linear(8", "96, 9), nn.BatchNorm1d(9), nn.Linear(9", "fc1.weight is (8, 96), in the network (9, 96); "),
        ("fc1", "fc3", "missing fc3.weight, fc3.bias; unexpected fc1.weight, fc1.bias"),
    ],
)  # fmt: skip
def test_code_that_was_changed_after_the_training(call, folder, before, after, message):
    file = folder / f"changed_{len(message)}.py"
    file.write_text(RESIDUAL_BLOCKS.replace(before, after))
    refused = call(f"convert run/best.pt --network {file.name}:Network -o x.snnb", 1).err
    assert f"run/best.pt: its weights do not fit networks.py:Network: {message}" in refused


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "self.relu(self.bn1(self.conv1(x)))",
            "self.bn1(self.relu(self.conv1(x)))",
            r"a call was block\.bn1: BatchNorm2d\(.*\)\(block\.conv1\), now block_relu: SpikingActivation\(block\.conv1\)",
        ),
        ("+ x)", "- x)", r"a call was value\d+: add\(block\.bn2, relu\), now value\d+: sub\(block\.bn2, relu\)"),
        (
            "(6, 6, 3, padding=1",
            "(6, 6, 3, padding=2, dilation=2",
            r"a call was block\.conv1: .* padding=\(1, 1\).*, now block\.conv1: .* dilation=\(2, 2\)",
        ),
        ("avg_pool2d", "max_pool2d", r"a call was value\d+: avg_pool2d\(.*, 2\), now value\d+: max_pool2d"),
        (
            "self.fc1(x)",
            "self.fc1(x) * 3",
            r"a call was norm: .*, now value\d+: mul\(fc1, 3\)",
        ),
    ],
)
def test_code_that_computes_something_else_with_the_same_weights(call, folder, before, after, message):
    before = before.replace("(6, 6", "(width, width")
    changed = RESIDUAL_BLOCKS.replace(before, after.replace("(6, 6", "(width, width"))
    assert changed != RESIDUAL_BLOCKS
    (folder / "other.py").write_text(changed)
    refused = call("convert run/best.pt --network other.py:Network -o x.snnb", 1).err
    assert re.search(f"run/best.pt: was trained with other code of networks.py:Network: {message}", refused)
    assert "; undo the change of the code, or train the network again" in refused
    assert not (folder / "x.snnb").exists()


def test_code_of_another_style_computes_the_same(folder, monkeypatch):
    """Dropout is not part of a trained network, and modules without weights have any name."""
    monkeypatch.chdir(folder)
    changed = RESIDUAL_BLOCKS.replace("nn.functional.avg_pool2d(x, 2)", "self.pool(x)")
    changed = changed.replace("nn.Dropout(0.1)", "nn.Dropout(0.5)\n        self.pool = nn.AvgPool2d(kernel_size=2)")
    changed = changed.replace("self.bn2(self.conv2(y)) + x", "torch.add(x, self.bn2(self.conv2(y)))")
    (folder / "style.py").write_text(changed)
    network = load_checkpoint("run/best.pt", "style.py:Network").network()
    assert {"drop", "pool"} <= set(dict(network.named_modules()))


BRANCHES = """
from torch import nn

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.first, self.second, self.fc = nn.ReLU(), nn.ReLU(), nn.Linear(144, 5)

    def forward(self, x):
        a = self.first(self.a(x))
        b = self.second(self.b(x))
        return self.fc((a + b).flatten(1))
"""


def test_branches_in_another_order_compute_the_same(tmp_path):
    lines = BRANCHES.splitlines(keepends=True)
    lines[10:12] = lines[11:9:-1]
    specification = NetworkSpec("branches", (3, 8, 8), 5, (120,) * 3, (60.0,) * 3)
    (tmp_path / "before.py").write_text(BRANCHES)
    (tmp_path / "after.py").write_text("".join(lines))
    define("branches", factory(f"{tmp_path / 'before.py'}:Network"))
    network = specification.build()
    facts = behaviour.record(network, specification.shape)
    define("branches", factory(f"{tmp_path / 'after.py'}:Network"))
    assert behaviour.record(specification.build(), specification.shape)["calls"] != facts["calls"]
    assert Checkpoint(specification, network.state_dict(), {}, behaviour=facts).network()


def test_constants_of_the_code_are_stored_with_the_weights(folder, tmp_path):
    """A mask of random numbers is another one whenever the network is made."""
    (tmp_path / "masked.py").write_text(MASKED)
    define("masked", factory(f"{tmp_path / 'masked.py'}:Masked"))
    specification = NetworkSpec("masked", (3, 8, 8), 5, (120,) * 3, (60.0,) * 3)
    network = specification.build()
    facts = behaviour.record(network, specification.shape)
    stored = Checkpoint(specification, network.state_dict(), {}, behaviour=facts).network()
    images = torch.full((1, 3, 8, 8), 200.0)
    assert torch.equal(stored(images), network(images))
    assert not torch.equal(stored(images), specification.build()(images))


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ("self.fc1(x)", "self.fc1(x) * self.factor", r"a call was .*: mul\(fc1, \S+\), now .*: mul\(fc1, \S+\);"),
        ("8), nn.Linear(8, 3)", "8), nn.Linear(8, 3, bias=next(DRAWS))", r"missing fc2\.bias;"),
    ],
    ids=["factor", "layer"],
)
def test_code_that_makes_another_network_each_time_is_not_trained(call, folder, before, after, difference):
    code = RESIDUAL_BLOCKS.replace("nn.Dropout(0.1)", "nn.Dropout(0.1)\n        self.factor = next(DRAWS)")
    changed = code.replace(before, after)
    assert changed != code
    (folder / "drawn.py").write_text(f"DRAWS = iter([1.5, 0, 3.5, 1, 5.5, 0])\n{changed}")
    refused = call("train --data data.npz --model drawn.py:Network --epochs 1 --batch 16 -o drawn", 1).err
    assert re.search(f"drawn.py:Network: makes another network each time its code runs: .*{difference}", refused)
    assert not (folder / "drawn").exists()


def test_random_settings_that_change_no_value_are_trained(call, folder):
    (folder / "dropped.py").write_text(
        f"DRAWS = iter([0.1, 0.2, 0.3, 0.4, 0.5])\n{RESIDUAL_BLOCKS.replace('nn.Dropout(0.1)', 'nn.Dropout(next(DRAWS))')}"
    )
    call("train --data data.npz --model dropped.py:Network --epochs 1 --batch 16 -o dropped")
    assert (folder / "dropped" / "best.pt").exists()


def test_checkpoints_without_the_calls_of_their_network_are_read(folder, tmp_path, monkeypatch):
    """Earlier versions stored none."""
    monkeypatch.chdir(folder)
    content = torch.load("run/best.pt", weights_only=True)
    assert [value.shape for value in content["behaviour"]["values"]] == [(4, 3), *[(4,)] * 4]
    del content["behaviour"]
    torch.save(content, tmp_path / "earlier.pt")
    assert load_checkpoint(tmp_path / "earlier.pt", "networks.py:Network").network()


def test_a_checkpoint_of_a_known_network_takes_no_code():
    with pytest.raises(UsageError, match="contains a vgg9, which needs no code; omit --network x.py:N"):
        load_checkpoint(ASSETS / "vgg9-cifar10.pt", "x.py:N")


STUDY = """
title = "own"
reference = "qcfs"
[data]
path = "images"
[test]
time_steps = [1, 4]
engine = "numpy"
[grid]
seed = [1]
model = ["networks.py:Network"]
[common]
levels = 4
batch = 16
epochs = 1
validation_steps = [1, 4]
[start]
epochs = 1
[method.qcfs]
residual = "none"
"""


def test_a_study_of_it(call, folder):
    """The code is beside the study, not in the working directory."""
    study = folder / "study"
    (study / "images").mkdir(parents=True)
    (study / "networks.py").write_text(RESIDUAL_BLOCKS.replace("Conv2d(3, 6", "Conv2d(1, 6"))
    (study / "study.toml").write_text(STUDY)
    for split, count in (("train", 120), ("t10k", 30)):
        images = colours(count)
        write_idx(study / "images", split, images.images[:, 0], images.labels)
    call("study study/study.toml --out runs --json")
    metrics = folder / "runs/qcfs-networks.py_Network-s1/metrics.json"
    finished = metrics.read_text()
    assert json.loads(finished)["point"]["model"] == "networks.py:Network"
    call("study study/study.toml --out runs --json")
    code = (study / "networks.py").read_text()
    (study / "networks.py").write_text(
        code.replace("self.relu(self.bn1(self.conv1(x)))", "self.bn1(self.relu(self.conv1(x)))")
    )
    failed = json.loads(call("study study/study.toml --out runs --json", 1).out)["failed"]
    assert failed.keys() == {"start-networks.py_Network-s1", "qcfs-networks.py_Network-s1"}
    assert "was trained with other code of networks.py:Network: a call was" in failed["start-networks.py_Network-s1"]
    (metrics.parent.parent / "start-networks.py_Network-s1/last.pt").unlink()  # a run without a start
    assert metrics.read_text() == finished
