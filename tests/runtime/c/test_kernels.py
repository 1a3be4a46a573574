"""The C files of the folder `kernels` compile on their own, and all of them are used."""

import os
import platform
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from networks import Builder, small_graph
from spikelet.engines import create
from spikelet.lowering.c import HostProgram, McuProgram
from spikelet.lowering.c.interface import library_source
from spikelet.lowering.c.text.sources import Kernel, assemble, content, dependencies

FOLDER = Path(str(resources.files("spikelet.lowering.c").joinpath("kernels")))
FILES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.[ch]"))
# static functions and tables of a file that is compiled alone have no caller
FLAGS = ["-fsyntax-only", "-x", "c", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function"]
FLAGS += ["-Wno-unused-const-variable"]
HOST = [
    ["-DLANES=16", "-DWEIGHT=int8", "-DSPIKE=uint16_t", "-DPIXEL=uint8_t"],
    ["-DLANES=32", "-DWEIGHT=int16", "-DSPIKE=uint32_t", "-DPIXEL=int16_t"],
    ["-DLANES=64", "-DWEIGHT=int32", "-DSPIKE=uint16_t", "-DPIXEL=int16_t"],
    ["-DLANES=128", "-DWEIGHT=int32", "-DSPIKE=uint32_t", "-DPIXEL=uint8_t"],
]
MCU = [
    ["-DMCU", f"-DWEIGHT={weight}", f"-DPIXEL={pixel}"]
    for weight in ("int8", "int16", "int32")
    for pixel in ("uint8_t", "int16_t")
]


CASES = [("-std=gnu11", ("host", "shared"), macros) for macros in HOST]
CASES += [("-std=c99", ("mcu", "shared"), macros) for macros in MCU]
ONE_OF_EACH = [CASES[0], CASES[len(HOST)]]  # of each form
SELF_TEST = "shared/selftest.c"
# A file that misses an include misses it for every type and compiler: the short form compiles the files one by one for
# one case of each form.
ONE_BY_ONE = [(compiler, *case) for compiler in ("gcc", "clang") for case in CASES]
ONE_BY_ONE = ONE_BY_ONE if "SPIKELET_CONFORMANCE" in os.environ else [("gcc", *case) for case in ONE_OF_EACH]


def check_syntax(compiler, standard, macros, files, text=None):
    """Check files of the folder `kernels`, or a text that includes them, for errors and warnings."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    strict = ["-pedantic"] if standard == "-std=c99" else []
    command = [compiler, standard, *strict, *FLAGS, *macros, "-I.", *files]
    done = subprocess.run(command, input=text, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def files_of(folders):
    files = [file for file in FILES if file.startswith(folders) and file != "shared/join.h"]
    assert len(files) > 10
    return files


def macros_of(value):
    return "".join(value) if isinstance(value, list) else None


@pytest.mark.parametrize(("compiler", "standard", "folders", "macros"), ONE_BY_ONE, ids=macros_of)
def test_every_file_compiles_as_it_is(compiler, standard, folders, macros):
    check_syntax(compiler, standard, macros, files_of(folders))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize(("standard", "folders", "macros"), CASES, ids=macros_of)
def test_all_files_compile_together_for_every_type(compiler, standard, folders, macros):
    files = files_of(folders)
    # the self-test sees the public header of an exported program, with its own type of a pixel, as its stand-in
    apart = [SELF_TEST] if (standard, folders, macros) in ONE_OF_EACH else []
    text = "".join(f'#include "{file}"\n' for file in files if file != SELF_TEST)
    check_syntax(compiler, standard, macros, ["-", *apart], text)


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("stand_in")])
def test_a_file_follows_the_files_that_it_includes(file):
    paths = [*dependencies(file), file]
    assert len(paths) == len(set(paths))
    for position, path in enumerate(paths):
        assert set(dependencies(path)) <= set(paths[:position])
    assert '#include "' not in content(file)
    assert "_H\n" not in content(file), "an include guard"


def test_kernels_are_written_once_for_every_value_of_their_macro():
    kernels = [Kernel("convolve", "WEIGHT", value) for value in ("int8", "int16", "int8")] + [Kernel("add_dense")] * 2
    text = assemble("host", kernels)
    assert re.findall(r"#define WEIGHT (\w+)", text) == ["int8", "int16"]
    assert text.count("#undef WEIGHT") == 2
    assert text.count("static void add_dense(") == text.count("static void clip(") == 1


@pytest.mark.parametrize("program", [HostProgram, McuProgram])
def test_nothing_of_the_stand_ins_is_generated(program):
    source = program(small_graph()).source()
    assert "STAND_IN" not in source
    assert "stand_in" not in source
    assert source.count("typedef PIXEL") == 0


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="counts are stored with AVX2 only")
@pytest.mark.parametrize("copies", [1, 4])
def test_kernels_of_copies_and_counts_are_compiled_only_for_networks_that_have_them(copies):
    net = Builder((3, 8, 8), np.random.default_rng(0))
    net.conv("conv1", 16)
    net.neuron("if1", copies=copies, start="even")
    net.conv("conv2", 16)
    net.neuron("if2")
    graph = net.graph()
    program = HostProgram(graph)
    assert [name for name in graph.spiking if program.plan.stores_counts(name)] == (["if1"] if copies > 1 else [])
    command = ["cc", "-std=gnu11", "-E", "-P", "-mavx2", "-x", "c", "-"]
    code = subprocess.run(command, input=library_source(program), capture_output=True, text=True, check=True).stdout
    for kernel in ("fire_copies", "fire_counts", "list_numbers"):
        assert (f"{kernel}(" in code) == (copies > 1), kernel


@pytest.mark.parametrize(("width", "entry", "scale"), [(70_000, "uint32_t", 1), (4_100, "uint16_t", 1)])
def test_rows_of_many_pixels(width, entry, scale, tmp_path):
    """Entries of 32 bits, or of 16 bits that cannot be scaled, compile without a warning and give the spikes of numpy."""
    net = Builder((1, 2, width), np.random.default_rng(0))
    net.neuron("if1", scale=200)
    net.conv("conv", 2, (1, 1), (1, 1), (0, 0))
    net.neuron("if2")
    net.conv("grouped", 2, (2, 2), (2, width // 2), (0, 0), groups=2)
    net.neuron("if3")
    graph = net.graph()
    program = HostProgram(graph)
    assert (program.plan.spike_type, program.plan.scale) == (entry, scale)
    (tmp_path / "model.c").write_text(library_source(program))
    command = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-c", "model.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    images = np.random.default_rng(1).integers(0, 256, (1, *graph.input.shape)).astype(np.float32)
    spikes = []
    for name in ("numpy", "native"):
        engine = create(graph, name, graph.spiking)
        engine.reset(1)
        logits = engine.step(images)
        spikes.append([logits, *(engine.spikes(layer) for layer in graph.spiking)])
    assert all(np.array_equal(a, b) for a, b in zip(*spikes, strict=True))
