"""Output on consoles of other encodings: no command ends with an error of the encoding, and texts stay readable."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

from hostile.bundles import bases, put_together
from spikelet import cli, shipped
from spikelet.cli import console
from spikelet.cli.registry import COMMANDS

ENCODINGS = ("ascii", "cp437", "cp932", "gbk", "latin-1", "cp1252")


def printed(monkeypatch, encoding, argv):
    """Return (exit code, standard output, standard error) of a command on a console of an encoding."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", streams[0])
        patch.setattr(sys, "stderr", streams[1])
        try:
            code = cli.main([str(argument) for argument in argv])
        except SystemExit as end:  # --help
            code = end.code
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode(encoding))
    return code, *texts


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_help_of_every_command(monkeypatch, encoding):
    for name in (*COMMANDS, "convert", "validate", "train", "study", "gui", "residuals"):
        code, out, _ = printed(monkeypatch, encoding, [name, "--help"])
        assert code == 0
        assert "example: spikelet" in out


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_commands_that_measure(monkeypatch, encoding, tmp_path):
    """The shipped network is run once; a small network prints the same texts."""
    monkeypatch.chdir(tmp_path)
    if encoding == ENCODINGS[0]:
        bundle = next(path for path in shipped.files() if path.name == "vgg5-fashion-mnist.snnb")
        images = shipped.images_for((1, 28, 28), None)
        np.savez("photos.npz", images=images.images[:2], labels=images.labels[:2])
    else:
        bundle = tmp_path / "small.snnb"
        bundle.write_bytes(put_together(bases()[0]))
        np.savez("photos.npz", images=np.zeros((2, 3, 6, 6), np.uint8), labels=[0, 1])
    short = ["--steps", "2", "--engine", "numpy"]
    for argv in (
        ["inspect", bundle],
        ["run", bundle, "photos.npz", *short],
        ["energy", bundle, "photos.npz", *short],
        ["compare", bundle, bundle, "photos.npz", *short],
        ["robustness", bundle, "photos.npz", "--steps", "2", "--faults", "dropped", "--levels", "0.1", "--seeds", "0"],
        ["doctor"],
    ):
        code, out, err = printed(monkeypatch, encoding, argv)
        assert (code, err) == (0, "")
        assert out.strip()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_errors_are_printed_with_their_numbers(monkeypatch, encoding, tmp_path):
    np.save(tmp_path / "scaled.npy", np.full((1, 28, 28), 0.5))
    bundle = next(path for path in shipped.files() if path.name == "vgg5-fashion-mnist.snnb")
    code, _, err = printed(monkeypatch, encoding, ["run", bundle, tmp_path / "scaled.npy"])
    assert code == 1
    assert "expected whole pixel values 0" in err
    if encoding == "ascii":
        assert "pixel values 0...255, found 0.5...0.5 (float64)" in err


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8", reason="needs a locale whose file names are UTF-8")
def test_file_names_that_are_no_text(monkeypatch, tmp_path):
    name = os.fsdecode(b"bundle-\xff-\xe7\x8c\xab.snnb")
    code, _, err = printed(monkeypatch, "utf-8", ["inspect", tmp_path / name])
    assert code == 2
    assert "bundle-\\xff-猫.snnb: no such file" in err
    code, _, err = printed(monkeypatch, "ascii", ["inspect", tmp_path / name])
    assert "bundle-\\xff-\\u732b.snnb: no such file" in err


def test_class_names_of_other_scripts(monkeypatch, tmp_path):
    labels = ["猫é1", "猫é2", "猫é3"]
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 6, 6)))
    (tmp_path / "a.snnb").write_bytes(put_together(bases()[0], labels=labels))
    code, out, err = printed(monkeypatch, "ascii", ["run", tmp_path / "a.snnb", tmp_path / "a.npy", "--steps", "2"])
    assert (code, err) == (0, "")
    assert "\\u732be" in out  # in the table of answers


def test_every_character_of_the_source_has_a_fallback_that_is_no_escape():
    root = os.path.dirname(os.path.dirname(os.path.abspath(cli.__file__)))
    characters = set()
    for folder, _, files in os.walk(root):
        for file in files:
            if file.endswith(".py"):
                with open(os.path.join(folder, file), encoding="utf-8") as source:
                    characters |= set(source.read())
    foreign = sorted(character for character in characters if ord(character) > 127)
    assert len(foreign) > 10
    assert all(console.fallback(character).isascii() for character in foreign)
    escaped = [character for character in foreign if console.fallback(character).startswith("\\")]
    assert escaped == ["猫"], "the example of an escape in console.py"


def test_streams_that_cannot_be_reconfigured(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # pythonw has none
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    console.replace_unencodable()


def test_a_process_with_an_ascii_console():
    bundle = next(path for path in shipped.files() if path.name == "vgg5-fashion-mnist.snnb")
    done = subprocess.run(
        [sys.executable, "-m", "spikelet", "run", str(bundle), "no-such-file"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 2
    assert b"no such file" in done.stderr
    assert b"Traceback" not in done.stderr


LINES = [["--help"], ["inspect", "vgg5-fashion-mnist", "--json"], ["inspekt", "--json"]]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")
@pytest.mark.parametrize("unbuffered", [[], ["-u"]], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("sink", ["pipe", "full"])
@pytest.mark.parametrize("line", LINES)
def test_output_that_cannot_be_written_gives_one_line_at_most(unbuffered, sink, line):
    command = [sys.executable, *unbuffered, "-m", "spikelet", *line]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, out = os.pipe() if sink == "pipe" else (os.open(os.devnull, os.O_RDONLY), os.open("/dev/full", os.O_WRONLY))
    os.close(reader)
    try:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    finally:
        os.close(out)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.stderr.count("\n") <= 2
    if line == ["inspekt", "--json"]:
        assert (done.returncode, "did you mean inspect?" in done.stderr) == (2, True)
    else:
        assert done.returncode == 1
        assert ("No space left on device" in done.stderr) == (sink == "full")
