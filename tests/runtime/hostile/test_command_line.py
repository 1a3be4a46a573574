"""Texts of every kind as every argument of every command, and JSON files of other programs."""

import argparse
import json
from contextlib import suppress

import pytest

from spikelet import cli
from spikelet.cli import registry
from spikelet.cli.command import configure_command
from spikelet.cli.parser import Parser
from spikelet.errors import UsageError
from spikelet.files.json_object import read_object
from spikelet.files.texts import MAX_DEPTH

TEXTS = [
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "-1",
    "0",
    "0.5",
    "-0.0",
    "1e400",
    "1e-400",
    "1e18",
    "9" * 30,
    "9" * 5000,
    "a" * 5000,
    "a/" * 3000,
]
TEXTS += [
    "/dev/null/a",
    "/proc/self/mem",
    "~",
    "*",
    "1,2",
    "1=2",
    "1x2",
    "3:4",
    "a,a",
    "\x1b[31m",
    "é",
    "🐈",
    "٣",
    "1_000",
    "0x10",
    "8G",
    "-",
]


def arguments(parser):
    """Yield the actions of a parser and of its subcommands that convert a text."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from arguments(sub)
        elif action.type is not None:
            yield parser, action


@pytest.mark.parametrize("name", registry.names())
def test_every_text_as_every_argument_is_converted_or_refused(name, tmp_path, monkeypatch):
    """They include names that are too long for the system, for which the existence of a file is unknown."""
    monkeypatch.chdir(tmp_path)
    parser = Parser(prog=name)
    configure_command(parser, registry.find(name))
    for owner, action in arguments(parser):
        for text in TEXTS:
            with suppress(argparse.ArgumentError):
                owner._get_value(action, text)


@pytest.mark.parametrize("line", ["verify LONG", "run LONG", "export c LONG out", "verify LONG --json"])
def test_a_name_that_is_too_long_is_one_line(line, capsys):
    assert cli.main(line.replace("LONG", "a" * 5000).split()) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "a: File name too long (spikelet" in error


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "not a JSON file"),
        (b'{"a":' * 100_000, "not a JSON file"),
        (b"[]", "expected one JSON object"),
        (b"\xff", "not a JSON file"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not a JSON file"),
        (json.dumps({"a": [[]] * 3}).encode().replace(b"[]", b"[" * MAX_DEPTH + b"]" * MAX_DEPTH), "nested deeper than 32 levels"),
        (b"", "not a JSON file"),
    ],
    ids=["lists", "objects", "a list", "no text", "a long number", "deep", "empty"],
)  # fmt: skip
def test_files_of_json_are_read_or_refused(content, message, tmp_path):
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"facts\.json: {message}"):
        read_object(path)


def test_nesting_within_the_limit_is_read(tmp_path):
    path, value = tmp_path / "facts.json", {}
    for _ in range(MAX_DEPTH - 1):
        value = {"a": value, "b": 1}
    path.write_text(json.dumps(value))
    assert read_object(path) == value
    path.write_text(json.dumps({"a": value}))
    with pytest.raises(UsageError, match="nested deeper than"):
        read_object(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_object(tmp_path)
