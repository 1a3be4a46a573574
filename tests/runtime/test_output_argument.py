"""The output of an export is its last argument, or the option -o as in other commands."""

import argparse
import os
from pathlib import Path

import numpy as np
import pytest

from networks import small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.cli.deployment import export_c
from spikelet.cli.output_files import output_argument
from spikelet.verify import record_golden
from spikelet_converters.cli import export_nir, export_onnx, export_spikes, study, train


def parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle")
    output_argument(parser, "OUT", "file to write")
    parser.add_argument("--mcu", action="store_true")
    return parser


@pytest.mark.parametrize(
    "line",
    ["a out", "a -o out", "-o out a", "a --output out", "a --output=out", "a --mcu out", "--mcu a -o out", "-oout a"],
)
def test_either_form_is_the_same(line):
    args = parser().parse_args(line.split())
    assert (args.bundle, args.output) == ("a", Path("out"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a", "the following arguments are required: OUT"),
        ("-o out", "the following arguments are required: bundle"),
        ("a one -o two", "-o: the output is given twice, as one and as two"),
        ("a -o one two", "-o: the output is given twice, as one and as two"),
        ("a -o one -o two", "-o: the output is given twice, as one and as two"),
    ],
)
def test_no_output_and_two_outputs_are_refused(line, message, capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(line.split())
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["robustness a.snnb -o a.snnb", "export nir a.snnb link.snnb", "export spikes a.snnb --data a.npz a.npz"]
)
def test_an_input_is_not_overwritten(line, tmp_path, monkeypatch, capsys):
    """The files are refused before they are read."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.snnb", "a.npz"):
        Path(name).write_text("content")
    os.link("a.snnb", "link.snnb")
    assert cli.main(line.split()) == 2
    assert "is an input of the command; expected another file as its output" in capsys.readouterr().err
    assert Path("a.snnb").read_text() == Path("a.npz").read_text() == "content"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            ["export", "c", "a.snnb", ""],
            "spikelet export c: the argument after a.snnb is empty; expected a name or a value",
        ),
        (
            ["export", "c", "vgg9-cifar10", "out", "b"],
            "spikelet export c: unexpected argument b (spikelet export c --help)",
        ),
        (
            ["export", "c", "--mpu"],
            "spikelet export c: unknown option --mpu; did you mean --mcu? (spikelet export c --help)",
        ),
        (["export", "d"], "spikelet export: argument FORMAT: invalid choice: 'd'"),
        (["keygen", "."], "spikelet keygen: .: is a folder; expected a path that ends in the name of the keys"),
    ],
)
def test_errors_of_an_output_name_the_command_with_its_format(line, message, capsys):
    assert cli.main(line) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [export_c, export_nir, export_onnx, export_spikes, study, train])
def test_every_command_that_writes_a_folder_or_a_file_takes_o(command):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    assert {"-o", "--output"} <= set(parser._option_string_actions)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("export nir a.snnb a.txt", "a.txt: expected a name that ends in .nir"),
        ("export spikes a.snnb a.txt", "a.txt: expected a name that ends in .csv, .npz or .nir"),
        ("export onnx a.snnb a.onnx", "a.onnx: is the name of a file, and the output is a folder; omit .onnx"),
        ("export c a.snnb net.c", "net.c: is the name of a file, and the output is a folder; omit .c"),
        ("deploy a.snnb --target x86 -o a.zip", "a.zip: is the name of a file, and the output is a folder"),
        ("deploy a.snnb --target web -o a.zip", "a.zip: expected a name that ends in .html or .htm"),
        ("report a.snnb -o a.pdf", "a.pdf: expected a name that ends in .html or .htm"),
        ("plan a.snnb --plot a.png", "a.png: expected a name that ends in .svg"),
        ("residuals a.snnb --data a.snnb -o a.png", "a.png: expected a name that ends in .svg"),
        ("validate a.snnb -o a.pdf", "a.pdf: expected a name that ends in .html, .htm, .md or .json"),
        ("convert a.snnb -o a.pt", "a.pt: expected a name that ends in .snnb"),
    ],
)
def test_a_name_that_its_reader_would_refuse(line, message, tmp_path, monkeypatch, capsys):
    """It is refused before the bundle is read, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    Path("a.snnb").write_text("content")
    assert cli.main(line.split()) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.snnb"]


@pytest.mark.parametrize("line", ["c", "c --mcu", "c --package arduino", "onnx"])
def test_an_export_replaces_an_earlier_one_but_no_other_file(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    graph = small_graph()
    golden = record_golden(graph, np.zeros((1, *graph.input.shape), np.uint8), 2)
    write(Bundle(graph, Manifest("small", None, 4, exact_steps(graph)), golden, ""), Path("a.snnb"))
    form, *options = line.split()
    command = ["export", form, "a.snnb", "out", *options]
    assert cli.main(command) == cli.main(command) == 0  # again, into its own folder
    written = sorted(path for path in Path("out").rglob("*") if path.is_file())
    for path in written:
        mine = Path("mine", *path.parts[1:])
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.write_text("mine, and not by `spikelet export`")
        assert cli.main([*command[:3], "mine", *options]) == 2
        assert f"{mine}: already exists, and is not part of an earlier export" in capsys.readouterr().err
        assert [other for other in Path("mine").rglob("*") if other.is_file()] == [mine]
        mine.unlink()
