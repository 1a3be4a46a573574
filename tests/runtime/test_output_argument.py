"""The output of an export is its last argument, or the option -o as in other commands."""

import argparse
import os
from pathlib import Path

import pytest

from spikelet import cli
from spikelet.cli.deployment import export_c
from spikelet.cli.output_files import output_argument
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
        (["export", "c", "a.snnb", ""], "spikelet export: an argument is empty; expected a name or a value"),
        (["keygen", "."], "spikelet keygen: .: is a folder; expected a path that ends in the name of the keys"),
    ],
)
def test_an_output_without_a_name(line, message, capsys):
    assert cli.main(line) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [export_c, export_nir, export_onnx, export_spikes, study, train])
def test_every_command_that_writes_a_folder_or_a_file_takes_o(command):
    parser = argparse.ArgumentParser()
    command.configure(parser)
    assert {"-o", "--output"} <= set(parser._option_string_actions)
