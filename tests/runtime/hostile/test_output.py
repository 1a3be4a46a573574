"""Manifests with false or malicious free entries: commands display them safely."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from hostile.bundles import put_together
from spikelet import cli
from spikelet.bundle import decode
from spikelet.errors import BundleError, translated
from spikelet.escapes import printable, shell_line, without_folders

LIES = [
    None,
    True,
    -1,
    10**39,
    1e308,
    "x",
    "",
    [],
    {},
    [[]],
    [{}],
    {"accuracy": "x"},
    [None],
    [1, "x"],
    {"layers": 3},
]


class TestOutput:
    """Valid manifests with false statements: no command ends in a stack trace or writes control characters."""

    @pytest.mark.parametrize("key", ["provenance", "results", "conversion", "producer"])
    def test_free_entries(self, members, key, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        np.savez(
            tmp_path / "data.npz", images=rng.integers(0, 256, (4, 3, 6, 6)).astype(np.uint8), labels=np.arange(4) % 3
        )
        from spikelet.data import read as read_data

        digest = read_data(tmp_path / "data.npz", "test", (3, 6, 6)).digest
        values = list(LIES)
        known = [
            "data",
            "images",
            "steps",
            "float_accuracy",
            "accuracy",
            "accuracy_before_quantisation",
            "agreement_with_float",
        ]
        if key == "results":
            values += [
                [{"digest": digest, "data": "d", "images": 4, "accuracy": [0.5], "float_accuracy": 0.5} | {name: lie}]
                for name in known
                for lie in LIES
            ]
        if key == "conversion":
            values += [{"layers": [{"layer": "if1", "by_step": lie}]} for lie in LIES]
            values += [{"layers": [lie]} for lie in LIES]
            values += [
                {"layers": [{"layer": "if1", "neurons": 1, "activation": lie, "by_step": [{"steps": lie}]}]}
                for lie in LIES
            ]
        for index, value in enumerate(values[:: 1 if len(values) < 40 else 3]):
            content = put_together(members, **{key: value})
            try:
                decode(content)
            except BundleError:
                continue
            (tmp_path / "x.snnb").write_bytes(content)
            for line in ("inspect x.snnb", "inspect x.snnb --json", "run x.snnb data.npz --steps 1 --engine numpy"):
                assert cli.main(line.split()) in (0, 1), (value, line)
            if index % 6 == 0:  # a page takes longer
                line = "report x.snnb data.npz --steps 2 --engine numpy --no-latency -o x.html --profile cmos45-int8"
                assert cli.main(line.split()) in (0, 1), value
            out = capsys.readouterr()
            assert "Traceback" not in out.err
            assert "\x1b" not in out.out + out.err


FORGED = "a\nFORGED ok\t\x1b[31m\u202e\"'*-&<b>"


@pytest.fixture
def forged(members, tmp_path):
    """A bundle and images, each in a folder and a file whose names would begin lines of the output."""
    if sys.platform == "win32":
        pytest.skip("Windows does not permit such names")
    folder = tmp_path / FORGED
    folder.mkdir()
    (folder / f"{FORGED}.snnb").write_bytes(put_together(members))
    np.savez(folder / f"d{FORGED}.npz", images=np.zeros((2, 3, 6, 6), np.uint8), labels=[0, 1])
    return folder / f"{FORGED}.snnb", folder / f"d{FORGED}.npz"


def test_names_of_files_begin_no_line(forged, capsys):
    bundle, data = map(str, forged)
    lines = [
        ["verify", bundle, "--engine", "numpy"],
        ["run", bundle, data, "--engine", "numpy"],
        ["energy", bundle, data, "--engine", "numpy"],
        ["inspect", data],
        ["inspect", f"{bundle}\nFORGED"],
        ["run", bundle, f"{data}.txt"],
        ["run", bundle, data, "--engine", "x\nFORGED"],
        ["FORGED\nFORGED"],
    ]
    for line in lines:
        code = cli.main(line)
        out, err = capsys.readouterr()
        assert not [text for text in f"{out}\n{err}".splitlines() if text.startswith("FORGED")]
        assert "\x1b" not in out + err
        assert "\u202e" not in out + err
        assert err.count("\n") == (code != 0)


def test_errors_of_other_packages_are_one_line():
    error = translated(ValueError("a\n\tb\x85c"), "work")
    assert str(error) == "work: failed with ValueError: a b c"


def test_the_command_of_a_result_is_one_line_that_a_shell_reads(forged):
    arguments = ["spikelet", "run", *map(str, forged), "it's", "\\n", "\x85", "\udcff", ""]
    line = shell_line(arguments)
    assert line == printable(line)
    assert "\n" not in line
    if shell := shutil.which("bash"):
        done = subprocess.run(
            [shell, "-c", f"printf '%s\\0' {line}"], capture_output=True, env={"LC_ALL": "C.UTF-8"}, check=True
        )
        assert done.stdout == b"".join(os.fsencode(argument) + b"\0" for argument in arguments)


def test_a_stored_command_names_no_folders_of_its_author(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    arguments = [f"{folder}/runs/a.pt", f"{tmp_path}/data", f"--out={tmp_path}/b", "c/d", "/", "--steps", "8", ""]
    expected = ["runs/a.pt", "data", "--out=b", "c/d", "/", "--steps", "8", ""]
    assert without_folders(arguments) == expected
    if os.name == "posix":  # Windows does not remove it
        folder.rmdir()
        assert without_folders(arguments) == ["a.pt", *expected[1:]]
