"""The command line: calls that fail end with a sentence, and names of files do not control a terminal."""

import errno
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from spikelet import cli
from spikelet.data import ImageSet, arrays

CONTROLS = "a\nb", "c\x1b[2J", "d\x9b31m", "e\u202ef", "g\t", "h\u2028"
LETTERS = set("\x1b\x9b\u202e\u2028\r\t")


@pytest.mark.parametrize("command", ["run small.snnb FOLDER --steps 2", "watch small.snnb FOLDER --once"])
def test_names_of_files_do_not_control_a_terminal(command, call, tmp_path):
    """File names may come from other users: no name starts a line, moves the cursor or reverses text."""
    for name in CONTROLS:
        Image.fromarray(np.zeros((6, 6, 3), np.uint8)).save(tmp_path / f"{name}.png")
    code, out, err = call(command, {"FOLDER": str(tmp_path)})
    assert (code, err) == (0, "")
    assert all(f"{repr(name)[1:-1]}.png" in out for name in CONTROLS)
    assert not LETTERS & set(out)
    assert not any(line.startswith("b.png") for line in out.splitlines())


@pytest.mark.parametrize("command", ["run small.snnb FILE", "watch small.snnb FOLDER --once", "inspect FILE"])
def test_names_in_errors_do_not_control_a_terminal(command, call, tmp_path):
    damaged = tmp_path / "i\x1b[1m\u202e.png"
    damaged.write_bytes(b"no image")
    _, out, err = call(command, {"FOLDER": str(tmp_path), "FILE": str(damaged)})
    assert "i\\x1b[1m\\u202e.png" in err
    assert not LETTERS & set(out + err)


class TestWrongCalls:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("fly", "unknown command 'fly'"),
            ("run", "the following arguments are required: BUNDLE"),
            ("run none.snnb", "none.snnb: no such file or folder"),
            ("run small.snnb none.npz", "none.npz: no such file or folder"),
            ("run small.snnb --steps 0", "expected a whole number of 1 or more, found '0'"),
            ("run small.snnb --steps x", "expected a whole number of 1 or more, found 'x'"),
            ("run small.snnb --early-exit nan", "--early-exit: expected a number, found 'nan'"),
            ("run small.snnb --early-exit x", "--early-exit: expected a number, found 'x'"),
            ("robustness small.snnb --levels 0.1 inf", "--levels: expected a number, found 'inf'"),
            ("watch small.snnb . --every 0", "--every: expected a number above 0, found '0'"),
            ("run small.snnb --engine fast", "invalid choice: 'fast'"),
            ("run small.snnb --early-exit 1 --early-exit-confidence 1", "not allowed with argument"),
            ("run small.snnb insects.npz --early-exit -1", "early exit, margin: expected a number of 0 or more"),
            ("run small.snnb insects.npz --steps 60000", "proven exact for"),
            ("run small.snnb", "no shipped images fit an input of (3, 6, 6) with these classes; name a DATA path"),
            ("run vgg9-cifar10 --split train", "--split train: describes images of your own, and none are named"),
            ("energy vgg9-cifar10 --layout NHWC", "--layout NHWC: describes images of your own"),
            ("robustness vgg9-cifar10 --white 1", "--white: describes images of your own"),
            ("export spikes vgg9-cifar10 x.csv --range 0 1", "--range: describes images of your own"),
            ("convert small.snnb -o x.zip", "x.zip: expected a name that ends in .snnb"),
            ("convert small.snnb -o none/x.snnb", "none: no such folder"),
            ("convert small.snnb -o x.snnb --bits 3", "invalid choice: 3"),
            ("convert net.nir -o x.snnb --dt 0", "--dt: expected a number above 0, found '0'"),
            ("convert net.nir -o x.snnb --dt nan", "--dt: expected a number, found 'nan'"),
            ("convert net.nir -o x.snnb --dt inf", "--dt: expected a number, found 'inf'"),
            ("convert net.nir -o x.snnb --std nan", "--std: expected a number, found 'nan'"),
            ("convert net.onnx -o x.snnb --percentile 101", "--percentile: expected a number above 0, at most 100"),
            ("run small.snnb insects.npz --classes none.txt", "none.txt: no such file, and a single name"),
            ("convert none.py:net -o x.snnb", "none.py: no such file"),
            ("convert . -o x.snnb", ".: is a folder; expected a file"),
            ("export nir small.snnb x.nir --dt -1", "--dt: expected a number above 0, found '-1'"),
            ("study small.snnb --others insects.npz", "--others: expected together with --page"),
            ("convert insects.npz -o x.snnb", "insects.npz: unknown file type; expected .onnx"),
        ],
    )
    def test_end_with_two_and_a_sentence(self, call, line, message):
        code, out, err = call(line)
        assert code == 2
        assert message in err
        assert "Traceback" not in err
        assert err.count("\n") == 1, "one line, not the usage"
        assert out == ""
        code, out, err = call(f"{line} --json" if line else "--json")
        assert code == 2
        if line:
            assert message in json.loads(out)["error"]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("run broken.snnb insects.npz", "broken.snnb: member weights.safetensors: its bytes were changed"),
            ("verify broken.snnb", "its bytes were changed"),
            ("inspect broken.snnb", "its bytes were changed"),
            ("bench broken.snnb", "its bytes were changed"),
            ("run small.snnb wide.npz", "expected one sample of shape (3, 6, 6)"),
            ("run small.snnb nan.npy", "nan.npy: contains NaN or infinity"),
            ("run small.snnb high.npz", "high.npz: has a label of 7, the network's classes are 0…2"),
            ("run small.snnb empty", "no images in it"),
        ],
    )
    def test_work_that_fails_ends_with_one_and_a_sentence(self, call, folder, images, line, message):
        content = bytearray((folder / "small.snnb").read_bytes())
        content[content.index(b'"dtype"')] ^= 1  # the header of the weights
        (folder / "broken.snnb").write_bytes(content)
        arrays.write(folder / "wide.npz", ImageSet(np.zeros((1, 3, 6, 9), np.uint8), None, None, "wide.npz"))
        np.save(folder / "nan.npy", np.full((1, 3, 6, 6), np.nan))
        arrays.write(folder / "high.npz", ImageSet(images.images[:1], np.array([7]), None, "high.npz"))
        (folder / "empty").mkdir(exist_ok=True)
        before = (folder / "small.snnb").read_bytes()
        code, out, err = call(line)
        assert code == 1
        assert message in err
        assert "Traceback" not in err
        assert out == ""
        assert (folder / "small.snnb").read_bytes() == before
        code, out, err = call(f"{line} --json")
        assert message in json.loads(out)["error"]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        RuntimeError("could not create a primitive"),
        SystemError("error return without exception set"),
    ],
    ids=["python", "system", "thread", "onednn", "import"],
)
def test_out_of_memory_is_reported_for_every_cause(call, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("spikelet.bundle.read", fail)
    code, out, err = call("inspect small.snnb")
    assert (code, out) == (1, "")
    assert err.startswith("spikelet inspect: out of memory; ")


@pytest.mark.parametrize("name", ["parse", "_failed"])
def test_memory_that_runs_out_in_the_command_line_itself_is_one_line(name, monkeypatch, capfd, tmp_path):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(f"spikelet.cli.{name}", fail)
    (tmp_path / "damaged.snnb").write_bytes(b"damaged")
    assert cli.main(["inspect", str(tmp_path / "damaged.snnb")]) == 1
    assert capfd.readouterr() == ("", "spikelet: out of memory\n")


def test_any_error_is_one_of_memory_where_memory_is_short(call, monkeypatch):
    def fail(*_, **__):
        raise ImportError("cannot import name 'x' from partially initialized module 'y'")

    monkeypatch.setattr("spikelet.bundle.read", fail)
    monkeypatch.setattr("spikelet.errors._memory_is_short", lambda: True)
    code, _, err = call("inspect small.snnb")
    assert code == 1
    assert "out of memory; " in err
    assert (
        "ImportError: cannot import name 'x' from partially initialized module 'y'" in err
    )  # the cause may be another
    monkeypatch.setattr("spikelet.errors._memory_is_short", lambda: False)
    with pytest.raises(ImportError):
        call("inspect small.snnb")


def test_missing_packages_are_reported_with_the_extra(folder):
    script = (
        "import sys\n"
        "for name in ('torch', 'onnxruntime', 'PIL'): sys.modules[name] = None\n"
        "from spikelet.cli import main\n"
        "sys.exit(sum(main(line.split()) for line in sys.argv[1:]))\n"
    )
    Image.new("RGB", (6, 6)).save(folder / "one.png")
    (folder / "any.pt").write_bytes(b"")
    messages = {
        "run small.snnb insects.npz --engine onnx": 'ONNX Runtime is not installed: pip install "spikelet[ort]"',
        "run small.snnb one.png": 'Pillow is not installed: pip install "spikelet[images]"',
        "convert any.pt -o x.snnb": 'torch is not installed: pip install "spikelet[convert]"',
    }
    done = subprocess.run(
        [sys.executable, "-c", script, *messages], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == len(messages), done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == len(messages)
    assert all(message in line for line, message in zip(lines, messages.values(), strict=True))
