"""Networks of the user: their rectifiers become spiking activations, and they are trained, converted and studied."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from converters_support import colours, counts
from source_networks import blocks
from spikelet import cli
from spikelet.bundle import read
from spikelet.data import arrays
from spikelet.errors import ConversionError, UsageError
from spikelet.session import Model
from spikelet_converters.frontends.torch.fx import trace
from spikelet_converters.frontends.torch.python_file import factory
from spikelet_converters.frontends.values import node_name
from spikelet_converters.source_model import networks
from spikelet_converters.source_model.activation import Mode, spiking_layers
from spikelet_converters.source_model.networks import NetworkSpec
from spikelet_converters.source_model.networks.parts import Normalise
from spikelet_converters.source_model.simulation import layer_rates, spiking_logits
from spikelet_converters.training.checkpoint import Checkpoint, load_checkpoint
from spikelet_converters.training.training_pass import TrainingPass
from spikelet_converters.training.user_network import define
from studies import write_idx

ASSETS = Path(__file__).resolve().parents[3] / "assets"
MEAN, STD = 120, 60.0
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
LAYERS = ["relu", "block_relu", "block_relu_1", "relu_1"]


class Net(nn.Module):
    def __init__(self, between, **modules):
        super().__init__()
        self.c1, self.c2, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.Linear(4, 5)
        self.between = between
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.fc(self.between(self, x).mean((2, 3)))


def spec(**options):
    return NetworkSpec("test", (3, 8, 8), 5, (MEAN,) * 3, (STD,) * 3, 4, lambda_init=8.0, **options)


def built(between, **modules):
    """Return a network as it is trained, and as its author wrote it, with the same weights."""
    torch.manual_seed(0)
    source = Net(between, **modules)
    define("test", lambda: copy.deepcopy(source))
    return spec(train_potential=True).build(), source.eval()


def functions(self, x):
    return F.relu(input=self.c2(torch.relu(self.c1(x))))


def methods(self, x):
    return self.c2(self.c1(x).relu()).relu_()


def one_module(self, x):
    return self.rectifier(self.c2(self.rectifier(self.c1(x))))


def in_place(self, x):
    """The sum takes the rectified value."""
    y = self.c1(x)
    z = self.rectifier(y)
    return F.relu(self.c2(z) + y)


def not_in_place(self, x):
    y = self.c1(x)
    z = F.relu(y)
    return F.relu(self.c2(z) + y)


def ignored_result(self, x):
    y = self.c2(F.relu(self.c1(x)))
    F.relu(y, inplace=True)
    return F.max_pool2d(y, 2)


def limited(self, x):
    return self.c2(F.relu6(self.c1(x))).clamp(min=0)


def clipped(self, x):
    return self.clip(self.c2(self.six(self.c1(x))))


def taken_names(self, x):
    return self.normalise(self.relu(self.c2(torch.relu(self.c1(x)))))


FORMS = [
    (functions, {}, ["relu", "relu_1"]),
    (methods, {}, ["relu", "relu_"]),
    (one_module, {"rectifier": nn.ReLU()}, ["rectifier_2", "rectifier_1"]),
    (in_place, {"rectifier": nn.ReLU(inplace=True)}, ["rectifier", "relu"]),
    (not_in_place, {}, ["relu", "relu_1"]),
    (ignored_result, {}, ["relu", "relu_1"]),
    (limited, {}, ["relu6", "clamp"]),
    (clipped, {"clip": nn.Hardtanh(0, 100), "six": nn.ReLU6()}, ["clip", "six"]),
    (taken_names, {"normalise": nn.Identity(), "relu": nn.ReLU()}, ["relu_2", "relu"]),
]


@pytest.mark.parametrize(("between", "modules", "names"), FORMS, ids=[form[0].__name__ for form in FORMS])
def test_each_call_of_a_rectifier_becomes_an_activation(between, modules, names):
    """With very many levels an activation is the rectifier, so that the network computes what its author wrote."""
    network, source = built(between, **modules)
    layers = spiking_layers(network)
    assert sorted(layers) == sorted(names)
    for layer in layers.values():
        assert layer.shift.shape == (4,)
        layer.levels, layer.shift = 10**6, None
    pixels = torch.randint(0, 256, (2, 3, 8, 8)).float()
    with torch.no_grad():
        assert (network(pixels) - source((pixels - MEAN) / STD)).abs().max() < 1e-5


@pytest.mark.parametrize("model", ["googlenet", "mobilenet_v2", "resnet18"])
def test_the_graph_fires_the_spikes_of_the_training(model):
    """In float arithmetic ties may differ: nearly all counts are equal. The graph has further neurons, for max pools."""
    define("test", lambda: blocks.network(model))
    network = NetworkSpec("test", (3, 32, 32), 5, (MEAN,) * 3, (STD,) * 3, 4, lambda_init=1.0).build()
    pixels, steps = torch.randint(0, 256, (2, 3, 32, 32)).float(), 3
    rates, layers = layer_rates(network, pixels, Mode.SPIKES, steps), spiking_layers(network)
    fired = counts(trace(network, (3, 32, 32)), pixels, steps)
    assert len(rates) == len(layers) > 5
    for name, rate in rates.items():
        expected = (steps * rate / layers[name].lam).detach().numpy()
        assert (np.abs(fired[node_name(name)] - expected) > 0.5).mean() < 5e-3, name
    assert 0.01 < np.mean([count.mean() for count in fired.values()]) / steps < 0.6


def joined(self, x):
    """A block whose shortcut precedes its first rectifier, as in a pre-activation residual network."""
    x = self.c1(x)
    return F.relu(self.c2(F.relu(x)) + x)


def partly_rectified(self, x):
    first, second = self.c1(x).chunk(2, 1)
    return F.relu(self.c2(torch.cat([F.relu(first), second], 1)))


def size_of_the_input(self, x):
    images = x.shape[0]
    return F.relu(self.c2(F.relu(self.c1(x)).reshape(images, 4, 8, 8)))


@pytest.mark.parametrize("between", [joined, partly_rectified, size_of_the_input])
def test_values_before_all_rectifiers_are_used_after_one(between):
    """In the simulation of the training they have a row for each time-step, as the spikes have."""
    network, _ = built(between)
    pixels, steps = torch.randint(0, 256, (2, 3, 8, 8)).float(), 3
    layers = spiking_layers(network)
    for layer in layers.values():
        layer.rho.data.fill_(0.5)
    rates = layer_rates(network, pixels, Mode.SPIKES, steps)
    fired = counts(trace(copy.deepcopy(network), (3, 8, 8)), pixels, steps)
    for name, rate in rates.items():
        assert (np.abs(fired[name] - (steps * rate / layers[name].lam).detach().numpy()) > 0.5).mean() < 0.01
        assert fired[name].mean() > 0.05
    assert network(pixels).shape == (2, 5), "the input is repeated in a simulation only"


@pytest.mark.parametrize(("between", "repeated"), [(functions, False), (in_place, False), (joined, True)])
def test_the_input_is_repeated_only_if_it_is_joined_with_spikes(between, repeated):
    network, _ = built(between, rectifier=nn.ReLU(inplace=True))
    assert [module.every_step for module in network.modules() if isinstance(module, Normalise)] == [repeated]


def dropped(self, x):
    return F.dropout(F.relu(self.c1(x)), 0.1, self.training)


def branches(self, x):
    return F.relu(self.c1(x)) if x.sum() > 0 else F.relu(self.c1(-x))


def longer_in_training(self, x):
    return F.relu(self.c2(F.relu(self.c1(x)))) if self.training else F.relu(self.c1(x))


def view_in_place(self, x):
    y = self.c2(F.relu(self.c1(x)))
    F.relu(y.flatten(1), inplace=True)
    return y


def constant_in_training(self, x):
    return F.relu(self.c1(x) * torch.tensor(2.0 if self.training else 1.0))


@pytest.mark.parametrize(
    ("between", "message"),
    [
        (view_in_place, "test: `relu` at node relu_1 .* in view_in_place .* changes a value, or a part of it, in place"),
        (constant_in_training, "test: .* in constant_in_training .* differs in training and evaluation"),
        (lambda self, x: F.relu(self.c1(x) + torch.randn(1)), "test: .* differs in training and evaluation"),
        (lambda self, x: self.c1(x) * F.relu(x.mean((1, 2, 3))).reshape(-1, 1, 1, 1), r"test: `relu` .* has an input \(2,\) for 2 images; expected \(N, C"),
        (lambda self, x: self.c2(self.c1(x)), "test: has no ReLU; expected ReLUs"),
        (dropped, r"test: `dropout` at node dropout of .* in dropped .* differs in training .* use modules .* nn.Dropout"),
        (longer_in_training, "test: .* differs in training and evaluation"),
        (branches, "test: Net.forward: cannot be traced .* it may not branch on values"),
        (lambda self, x: F.gelu(F.relu(self.c1(x))), "test: cannot be converted: `gelu` at node gelu of the traced network: "),
        (lambda self, x: F.leaky_relu(F.relu(self.c1(x))), "training replaces ReLU, ReLU6 and clamps from 0"),
        (lambda self, x: F.relu(self.c1(x[:, :2])), r"test: cannot be evaluated on images \(3, 8, 8\): "),
        (lambda self, x: F.relu(self.c1(x)).repeat(1, 1, 1, 1)[:1], r"test: .*"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_named_before_the_training(between, message):
    with pytest.raises(ConversionError, match=message):
        built(between)


@pytest.mark.parametrize(
    ("make", "returned"),
    [
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 6)), r"\(6,\)"),
        (lambda: nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU()), r"\(5, 6, 6\)"),
    ],
)
def test_outputs_that_are_not_logits_of_the_classes(make, returned):
    define("test", make)
    with pytest.raises(
        UsageError, match=rf"test: returns {returned} for an image; expected \(5,\), a value for each class"
    ):
        spec().build()


def test_hooks_are_refused():
    """torch.fx records the calls of no hook, and a rectifier that is replaced would lose its own."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 5))
    for module in (network, network[1], network[2]):
        hook = module.register_forward_pre_hook(lambda module, values: (values[0] * 2,))
        define("test", lambda: copy.deepcopy(network))
        with pytest.raises(
            ConversionError, match="test: has forward hooks, which are not recorded; call them in forward"
        ):
            spec().build()
        hook.remove()


@pytest.mark.parametrize("end", [nn.Softmax(1), nn.Sequential(nn.Softmax(1), nn.Identity())])
def test_probabilities_are_refused(end):
    define("test", lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 5), end))
    with pytest.raises(UsageError, match="test: returns probabilities; expected logits: omit the softmax"):
        spec().build()


def test_networks_of_other_types_are_trained_in_float32():
    define("test", lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.ReLU(), nn.Linear(8, 5)).double())
    assert spec().build()(torch.zeros(2, 3, 8, 8)).dtype == torch.float32


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
    specification = NetworkSpec("lines", (3, 8, 8), 5, (MEAN,) * 3, (STD,) * 3)
    Checkpoint(specification, specification.build().state_dict(), {}).save(tmp_path / "lines.pt")
    monkeypatch.delitem(networks.USER_NETWORKS, "lines")
    with pytest.raises(UsageError, match="unknown network 'lines'; .* --network FILE.py:NAME"):
        load_checkpoint(tmp_path / "lines.pt").network()
    assert spiking_layers(load_checkpoint(tmp_path / "lines.pt", f"{tmp_path / 'code.py'}:network").network())


def test_rectifiers_of_features_on_the_last_axis_are_refused():
    """Their thresholds and initial potentials would be those of another axis."""
    define(
        "test", lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.Linear(8, 8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 5))
    )
    with pytest.raises(
        ConversionError, match=r"has an input \(2, 8, 8, 8\) with the features last; expected channels first"
    ):
        spec().build()


def test_layers_get_their_shapes_from_the_images():
    define("test", lambda: nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)))
    assert spec().build()(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_frozen_batch_norms_are_those_of_lines_too():
    define(
        "test", lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5))
    )
    network = spec().build()
    recipe = type("Recipe", (), {"freeze_norm": True})
    TrainingPass._set_mode(type("Pass", (), {"network": network, "recipe": recipe}))
    assert network.training
    assert not network.get_submodule("2").training


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
    assert f"checkpoint: its weights do not fit the network networks.py:Network: {message}" in refused


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
    metrics = json.loads((folder / "runs/qcfs-networks.py_Network-s1/metrics.json").read_text())
    assert metrics["point"]["model"] == "networks.py:Network"
