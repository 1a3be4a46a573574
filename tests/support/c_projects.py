"""Exported C as texts, for tests that compile it."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from joined_c import joined
from spikelet.deploy.firmware import c_files

LOCAL = re.compile(r'#include "(.+)"\n')


def c_project(bundle, form="host", *arguments, **options):
    """Return the files of `spikelet.deploy.firmware.c_files` as texts, and the sizes. Arguments are those of `c_files`."""
    files, sizes = c_files(bundle, form, *arguments, **options)
    return {path: str(text) for path, text in files.items()}, sizes


def self_tests(
    projects: Sequence[Mapping[str, str]], command: Sequence[str], folder: Path
) -> list[subprocess.CompletedProcess[str]]:
    """Compile the self-tests of exported folders together, and return their runs.

    Args:
        projects: Files of each folder, with the prefix "model".
        command: Compiler and flags.
        folder: Where the program is built. The files of a self-test that fails are written to the folder of its number.
    """
    runs = run_together([in_one_file(files) for files in projects], command, folder)
    for number, (run, files) in enumerate(zip(runs, projects, strict=True)):
        if run.returncode:
            (folder / str(number)).mkdir()
            for file, content in files.items():
                (folder / str(number) / file).write_text(content)
    return runs


def run_together(
    sources: Sequence[str], command: Sequence[str], folder: Path, inputs: Iterable[bytes] = itertools.repeat(b"")
) -> list[subprocess.CompletedProcess[str]]:
    """Compile C files to one program, and return the runs of their functions `main(void)`, each in a process of its own.

    Most of the C of small networks is the same, and is compiled once; see `joined_c`. In the long form
    (SPIKELET_CONFORMANCE) each file is a program.
    """
    if "SPIKELET_CONFORMANCE" in os.environ and len(sources) > 1:
        pairs = zip(sources, inputs, strict=False)
        return [run for source, data in pairs for run in run_together([source], command, folder, [data])]
    text, names = joined([f"#define main main_of_one\n{source}" for source in sources], command)
    cases = "".join(f"case {number}: return {of['main_of_one']}();\n" for number, of in enumerate(names))
    main = f"int main(int count, char **arguments)\n{{\nswitch (atoi(arguments[1])) {{\n{cases}}}\nreturn count;\n}}\n"
    (folder / "together.c").write_text(text + main)
    subprocess.run([*command, "together.c", "-o", "together"], cwd=folder, check=True)
    runs = []
    for number, data in zip(range(len(sources)), inputs, strict=False):
        run = subprocess.run(["./together", str(number)], cwd=folder, input=data, capture_output=True, check=False)
        output, errors = (stream.decode(errors="replace") for stream in (run.stdout, run.stderr))
        runs.append(subprocess.CompletedProcess(run.args, run.returncode, output, errors))
    return runs


def in_one_file(files):
    """Return the C files of an exported folder as one."""
    included = set()

    def text_of(file):
        included.add(file)
        return LOCAL.sub(lambda line: "" if line[1] in included else text_of(line[1]), files[file])

    return "".join(map(text_of, ("model.c", "model_weights.c", "main.c")))


def drawn(strategy: SearchStrategy, number: int) -> list:
    """Return `number` examples, for tests that compile all of them together."""
    examples = []

    @settings(max_examples=number, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example):
        examples.append(example)

    collect()
    return examples
