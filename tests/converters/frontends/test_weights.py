"""Weight files: each is loaded into the network, or refused with a remedy; none executes code."""

import argparse
import io
import os
import pickle
import re
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn.utils import prune

from counts.calls import peak_bytes
from spikelet.errors import ConversionError, UsageError
from spikelet_converters import weights
from spikelet_converters.frontends.open import kind_of, open_source
from spikelet_converters.frontends.torch import load_module
from spikelet_converters.training.checkpoint import load_checkpoint
from spikelet_converters.weights.state_dicts import matched

MODEL = """
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
        self.fc = nn.Linear(2, 3)
    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))
"""


class Settings:
    """An object of the user's training program."""

    def __init__(self):
        self.rate = 0.1


def state(seed=1):
    scope: dict = {}
    exec(MODEL, scope)
    torch.manual_seed(seed)
    network = scope["Net"]()
    with torch.no_grad():
        network.features[1].running_mean.normal_()
    return network.state_dict()


def prefixed(prefix, values=None):
    return {f"{prefix}{name}": value for name, value in (values or state()).items()}


def inserted(where, part):
    return {name.replace(where, f"{where}{part}.", 1): value for name, value in state().items()}


FORMS = {
    "state dict": state,
    "ordered": lambda: OrderedDict(state()),
    "DataParallel": lambda: prefixed("module."),
    "torch.compile": lambda: prefixed("_orig_mod."),
    "compiled and parallel": lambda: prefixed("module._orig_mod."),
    "parallel part": lambda: inserted("features.", "module"),
    "compiled part": lambda: inserted("features.", "_orig_mod"),
    "model.": lambda: prefixed("model."),
    "other name and a loss": lambda: {**prefixed("student."), "loss.weight": torch.ones(3)},
    "state_dict": lambda: {"state_dict": state(), "epoch": 3},
    "model_state_dict": lambda: {"model_state_dict": state(), "optimizer_state_dict": {"state": {0: {}}, "lr": 0.1}},
    "model": lambda: {"model": state()},
    "net": lambda: {"net": state(), "acc": 91.0, "epoch": 7},
    "nested": lambda: {"trainer": {"net": {"weights": prefixed("module.")}}},
    "NumPy extras": lambda: {"net": state(), "acc": np.float64(0.9), "history": np.arange(3)},
    "Namespace extras": lambda: {"model": state(), "args": argparse.Namespace(lr=0.1), "path": Path("a")},
    "objects of other classes": lambda: {"model": state(), "config": Settings()},
    "Lightning": lambda: {
        "state_dict": prefixed("model."), "pytorch-lightning_version": "2", "hyper_parameters": {"lr": np.float32(1)},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9)}}, "optimizer_states": [{"state": {}}],
    },
    "equal twice": lambda: {"model": state(), "best": state()},
    "float16": lambda: {name: value.half() if value.is_floating_point() else value for name, value in state().items()},
    "without batch counts": lambda: {n: v for n, v in state().items() if "num_batches" not in n},
    "parameters": lambda: {name: nn.Parameter(v, requires_grad=False) for name, v in state().items()},
}  # fmt: skip


@pytest.mark.parametrize(
    ("prepare", "wrapper"),
    [
        (lambda layer: prune.l1_unstructured(layer, "weight", 0.5), "module."),
        (lambda layer: prune.random_unstructured(layer, "bias", 0.5), ""),
        (nn.utils.spectral_norm, "model."),
        (nn.utils.parametrizations.spectral_norm, ""),
        (nn.utils.parametrizations.weight_norm, "module."),
        (lambda layer: nn.utils.parametrizations.weight_norm(layer, dim=None), ""),
        (lambda layer: nn.utils.parametrizations.weight_norm(layer, dim=1), ""),
    ],
)
def test_weights_that_torch_computes_before_every_call(network, tmp_path, prepare, wrapper):
    """A network without pruning or normalisation gets the weights that the network with it had."""
    trained = load_module(network, None)
    trained.load_state_dict(state())
    for layer in (trained.features[0], trained.fc):
        prepare(layer)
    torch.save(prefixed(wrapper, trained.state_dict()), tmp_path / "a.pt")
    x = torch.rand(3, 1, 6, 6)
    with torch.no_grad():
        expected, loaded = trained.eval()(x), load_module(network, tmp_path / "a.pt")(x)
    assert torch.allclose(loaded, expected, rtol=1e-5, atol=1e-6)


def test_parts_of_other_weights_are_refused(network, tmp_path):
    for parts in (
        {"fc.weight_g": torch.ones(4, 1), "fc.weight_v": torch.ones(3, 2)},
        {"fc.weight_orig": torch.ones(3, 2), "fc.weight_u": torch.ones(5), "fc.weight_v": torch.ones(2)},
        {"fc.weight_orig": torch.ones(3, 2), "fc.weight_mask": torch.ones(2, 2)},
    ):
        torch.save({name: value for name, value in state().items() if name != "fc.weight"} | parts, tmp_path / "a.pt")
        with pytest.raises(
            ConversionError, match=r"not a state dict of .*; missing fc\.weight; unexpected fc\.weight_"
        ):
            load_module(network, tmp_path / "a.pt")


@pytest.fixture
def network(tmp_path):
    (tmp_path / "model.py").write_text(MODEL, "utf-8")
    return f"{tmp_path / 'model.py'}:Net"


@pytest.mark.parametrize("form", FORMS)
def test_weights_are_loaded(network, tmp_path, form):
    torch.save(FORMS[form](), tmp_path / "a.pt")
    loaded = load_module(network, tmp_path / "a.pt").state_dict()
    for name, value in state().items():
        if "num_batches" not in name:
            assert torch.allclose(loaded[name], value, atol=1e-3 if form == "float16" else 0), name


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_formats_of_other_programs(network, tmp_path, suffix, prefix):
    path, values = tmp_path / f"a{suffix}", prefixed(prefix)
    if suffix == ".npz":
        np.savez(path, **{name: value.numpy().astype(">f4") for name, value in values.items()})
    else:
        halves = {name: value.bfloat16() if name.endswith("fc.weight") else value for name, value in values.items()}
        safetensors.torch.save_file({**halves}, path, {"format": "pt"})
    loaded = load_module(network, path).state_dict()
    for name, value in state().items():
        assert torch.allclose(loaded[name].float(), value.float(), atol=1e-2 if name == "fc.weight" else 0), name


WEIGHTS = ("a.pt", "a.safetensors", "a.npz")
DAMAGED = [b"a", b"PK" + bytes(20), (99).to_bytes(8, "little") + b"{}", (8).to_bytes(8, "little") + b'{"a": 1}']


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_safetensors_are_refused(network, tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(ConversionError, match=r"a\.safetensors: not a safetensors file .*; save it again"):
        load_module(network, tmp_path / "a.safetensors")


def test_other_files_as_weights(network, tmp_path):
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    with pytest.raises(
        ConversionError, match=r"expected weights of torch.save, .safetensors or .npz; a network of another"
    ):
        load_module(network, tmp_path / "a.h5")
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 3)), names=np.array(["a", "b"]))
    with pytest.raises(ConversionError, match=r"a\.npz: not weights by name"):
        load_module(network, tmp_path / "a.npz")
    for name in (*WEIGHTS, "a.onnx", "a.nir", "a.pt2"):
        for content, reason in (
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
                "is a Git LFS pointer.* `git lfs pull`",
            ),
            (b"<html>", "is a web page"),
            (b"PK\3\4" + bytes(22) + b"\4\0\0\0a.pt" + bytes(99), "is a ZIP archive; unpack it first"),
        ):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ConversionError, match=f"{name}: {reason}"):
                load_module(network, tmp_path / name) if name in WEIGHTS else open_source(str(tmp_path / name))
    (tmp_path / "a.onnx.gz").touch()
    with pytest.raises(UsageError, match=r"a\.onnx\.gz: unknown file type; unpack it first"):
        open_source(str(tmp_path / "a.onnx.gz"))


@pytest.mark.parametrize("legacy", [False, True])
def test_the_older_format_of_torch(network, tmp_path, legacy):
    torch.save(FORMS["DataParallel"](), tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
    assert torch.equal(load_module(network, tmp_path / "a.pt").fc.weight, state()["fc.weight"])


def test_a_pickled_module_gives_its_weights_and_executes_nothing(network, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "elsewhere.py").write_text(f"{MODEL}\nprint('imported')\n", "utf-8")
    import elsewhere

    module = elsewhere.Net()
    module.load_state_dict(state())
    module.register_buffer("scratch", torch.zeros(2), persistent=False)
    torch.save(module, tmp_path / "a.pt")
    monkeypatch.delitem(__import__("sys").modules, "elsewhere")
    (tmp_path / "elsewhere.py").write_text("raise SystemExit('executed')", "utf-8")
    assert torch.equal(load_module(network, tmp_path / "a.pt").fc.weight, state()["fc.weight"])
    with pytest.raises(
        ConversionError,
        match=r"contains the weights of a network \(9 tensors: .*, and not the layers: convert model\.py:NAME",
    ):
        load_checkpoint(tmp_path / "a.pt")


def test_a_file_with_a_call_is_not_executed(network, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "called"),)

    torch.save({"model": state(), "extra": Evil()}, tmp_path / "a.pt")
    assert torch.equal(load_module(network, tmp_path / "a.pt").fc.weight, state()["fc.weight"])
    assert not (tmp_path / "called").exists()
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ConversionError, match="not a file that torch can read safely"):
        load_module(network, tmp_path / "b.pt")
    assert not (tmp_path / "called").exists()


def test_a_file_with_several_sets_of_weights_needs_a_key(network, tmp_path):
    torch.save({"model": state(), "model_ema": state(2)}, tmp_path / "a.pt")
    with pytest.raises(
        ConversionError, match="several sets of weights that fit .*: model, model_ema; name one with --w"
    ):
        load_module(network, tmp_path / "a.pt")
    loaded = load_module(network, tmp_path / "a.pt", "model_ema")
    assert torch.equal(loaded.fc.weight, state(2)["fc.weight"])
    with pytest.raises(ConversionError, match="holds no weights named ema; expected one of model, model_ema"):
        load_module(network, tmp_path / "a.pt", "ema")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 3, "lr": 0.1}, "holds no weights, but a dictionary of epoch, lr; save them with torch.save"),
        ({}, "holds no weights, but an empty dictionary"),
        ({0: torch.zeros(3)}, "but a dictionary with keys of type int; expected names of weights, such as conv1"),
        ({b"fc.weight": torch.zeros(3), "a": torch.zeros(1)}, "a dictionary with keys of type bytes; expected names"),
        (torch.zeros(3), "holds no weights, but an object of type Tensor"),
        (
            {"conv.weight": torch.zeros(3)},
            r"not a state dict of .*; missing features.0.weight, .*; unexpected conv.weight",
        ),
        (
            {**state(), "fc.weight": torch.zeros(9, 9)},
            r"not a state dict of .* \(fc.weight has shape \(9, 9\), expected .*make the network with the sizes",
        ),
        (
            {**state(), "fc.weight": state()["fc.weight"] * 1j},
            "fc.weight is a tensor of torch.complex64 .*expected real",
        ),
        ({**state(), "fc.weight": state()["fc.weight"].to_sparse()}, "fc.weight is a tensor .*sparse_coo.* in float32"),
        ({k: v for k, v in state().items() if k != "fc.bias"}, "missing fc.bias"),
    ],
)
def test_files_without_fitting_weights(network, tmp_path, content, message):
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(ConversionError, match=message):
        load_module(network, tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys\nsys.exit()", r"the file ends the program .*move the rest below `if __name__ == \"__main__\":`"),
        (
            "import argparse as a\np = a.ArgumentParser()\np.add_argument('data')\np.parse_args()",
            "options that it requires",
        ),
        (
            "import torch, warnings\nwarnings.simplefilter('ignore')\nnetwork = torch.jit.script(torch.nn.ReLU())",
            r"is a TorchScript program; expected the torch.nn",
        ),
    ],
)
def test_programs_that_define_no_network(tmp_path, text, message):
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(ConversionError, match=message):
        load_module(f"{tmp_path / 'a.py'}:network", None)


def test_a_program_that_parses_its_options_finds_none(tmp_path, monkeypatch):
    """Options of the command are not those of the program."""
    monkeypatch.setattr("sys.argv", ["spikelet", "convert", "--width", "9"])
    text = (
        "import argparse\nimport torch\np = argparse.ArgumentParser()\np.add_argument('--width', type=int, default=4)\n"
    )
    (tmp_path / "a.py").write_text(text + "network = torch.nn.Linear(2, p.parse_args().width)\n")
    assert load_module(f"{tmp_path / 'a.py'}:network", None).out_features == 4
    assert sys.argv[0] == "spikelet"


@pytest.mark.parametrize("suffix", [".keras", ".tflite", ".pdmodel", ".PKL", ".safetensors"])
def test_files_of_other_programs_are_refused_with_a_remedy(tmp_path, suffix):
    (tmp_path / f"a{suffix}").write_bytes(b"junk")
    with pytest.raises(
        UsageError, match=r"unknown file type; .*(export it as ONNX|with --weights weights.safetensors)"
    ):
        kind_of(str(tmp_path / f"a{suffix}"))


def test_a_state_dict_as_source_is_refused_with_a_remedy(tmp_path):
    torch.save(state(), tmp_path / "a.pt")
    with pytest.raises(
        ConversionError, match=r"the weights of a network \(9 tensors: .*\), .* --weights .*a.pt --input"
    ):
        load_checkpoint(tmp_path / "a.pt")
    torch.save({"net": state()}, tmp_path / "a.pt")
    with pytest.raises(ConversionError, match=r"it contains net, the weights of a network"):
        load_checkpoint(tmp_path / "a.pt")
    torch.save({"epoch": 3}, tmp_path / "a.pt")
    with pytest.raises(ConversionError, match=r"which is the file `best.pt` that `spikelet train` writes$"):
        load_checkpoint(tmp_path / "a.pt")


def archive(path, names):
    import zipfile

    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a/data.pkl", "a/constants.pkl", "a/code/__torch__.py"], "is a TorchScript program; export the network with"),
        (["a/models/model.json"], "is a torch.export program; give it a name that ends in .pt2"),
        (["readme.txt"], "not a complete torch file"),
    ],
)
def test_programs_are_refused_by_name(network, tmp_path, names, message):
    archive(tmp_path / "a.pt", names)
    with pytest.raises(ConversionError, match=message):
        load_module(network, tmp_path / "a.pt")
    with pytest.raises(ConversionError, match=message):
        load_checkpoint(tmp_path / "a.pt")


def test_a_program_of_torchscript_under_the_name_of_an_exported_one(tmp_path):
    archive(tmp_path / "a.PT2", ["a/data.pkl", "a/constants.pkl"])
    with pytest.raises(ConversionError, match=r"a\.PT2: is a TorchScript program; export the network with torch.onnx"):
        open_source(str(tmp_path / "a.PT2"))


def test_files_that_are_cut_off(network, tmp_path):
    torch.save({"model": state(), "config": Settings()}, tmp_path / "a.pt")
    whole = (tmp_path / "a.pt").read_bytes()
    for length in (1, 10, len(whole) // 2, len(whole) - 30):
        (tmp_path / "a.pt").write_bytes(whole[:length])
        with pytest.raises(ConversionError, match=r"a\.pt: not a"):
            load_module(network, tmp_path / "a.pt")


def test_prefixes_that_do_not_decide():
    expected = {"fc.weight": torch.zeros(1)}
    assert matched({"a.fc.weight": torch.ones(1), "b.fc.weight": torch.ones(1)}, expected) is None
    assert matched({"a.fc.weight": torch.ones(1)}, expected) == {"fc.weight": torch.ones(1)}


def _record_that_states_more(content):
    """The largest record of an archive states 4 GB."""
    data = bytearray(content)
    position = data.rindex(b"PK\1\2")
    sizes = [
        (struct.unpack_from("<I", data, at.start() + 24)[0], at.start())
        for at in re.finditer(rb"PK\x01\x02", bytes(data[: position + 4]))
    ]
    _, position = max(sizes)
    data[position + 20 : position + 28] = struct.pack("<II", 400, 2**32 - 2)
    return bytes(data)


def _pickle_that_is_stored_in_more(content):
    """The pickle of an archive has 0 bytes, stored in 256 MB."""
    data = bytearray(content)
    position = data.index(b"PK\1\2")  # the first record
    data[position + 20 : position + 28] = struct.pack("<II", 2**28, 0)
    return bytes(data)


def _archive_of(storage):
    """An archive whose pickle refers to a storage of any size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "a/data.pkl",
            b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpu" + storage + b"tQ.",
        )
        archive.writestr("a/version", "3\n")
        archive.writestr("a/data/0", bytes(16))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_record_that_states_more, r"a record states 4,294,967,294 bytes, of which 400 are stored"),
        (_pickle_that_is_stored_in_more, "a record states 268,435,456 stored bytes, the file has"),
        (lambda _: _archive_of(b"J\0\0\0\x40"), "storage 0 states 4,294,967,296 bytes, 16 are stored"),
        (lambda _: _archive_of(b"N"), "a storage whose size is not stated"),
        (lambda _: b"\x80\x02X\xff\xff\xff\x7fa", "not a file that torch can read safely"),
        (lambda _: b"\x80\x02.", "not a file that torch can read safely"),
    ],
    ids=["record", "pickle", "storage", "no size", "text", "nothing"],
)
def test_stated_sizes_are_compared_with_the_file_before_torch_allocates_them(change, message, tmp_path):
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(100)}, buffer)
    path = tmp_path / "w.pt"
    path.write_bytes(change(buffer.getvalue()))

    def refused():
        with pytest.raises(ConversionError, match=message):
            weights.load(path)

    assert peak_bytes(refused) < 2**22
