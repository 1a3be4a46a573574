"""Exported C in a firmware: no C library, a main of its own, facts for its sensor."""

import dataclasses
import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest

from c_projects import c_project
from networks import small_graph
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.graph import Graph
from spikelet.nodes import IF, Conv2d, Flatten, Input, Linear, Output
from spikelet.verify import record_golden

FORMS = {"host": ["-std=gnu11"], "mcu": ["-std=c99", "-pedantic"]}
STRICT = ["-Wall", "-Wextra", "-Werror", "-Wmissing-prototypes"]
BARE = [*STRICT, "-O2", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wundef", "-Wcast-qual", "-pedantic"]


def bundle(steps=None, provenance=None, digest=""):
    graph = small_graph()
    proven = exact_steps(graph) if steps is None else steps
    pixels = np.random.default_rng(0).integers(0, 256, (2, *graph.input.shape)).astype(np.float32)
    manifest = Manifest("small", None, 8, proven, provenance or {})
    return Bundle(graph, manifest, record_golden(graph, pixels, min(4, proven)), "# card\n", digest=digest)


def write(folder, files):
    for name, text in files.items():
        (folder / name).write_text(text)


def printed(folder, program, *sources, flags=()):
    """Compile a program with other sources, run it and return what it prints."""
    if shutil.which("cc") is None:
        pytest.skip("cc is not installed")
    (folder / "firmware.c").write_text(program)
    subprocess.run(["cc", *STRICT, *flags, "firmware.c", *sources, "-o", "firmware"], cwd=folder, check=True)
    return subprocess.run(["./firmware"], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "command",
    [
        "gcc -std=c99",
        "g++ -std=c++20 -x c++",
        "riscv64-unknown-elf-gcc -std=c99 -march=rv32imc -mabi=ilp32",
        "arm-none-eabi-gcc -std=c99 -mcpu=cortex-m0plus",
        "arm-none-eabi-gcc -std=c99 -mcpu=cortex-m4",
    ],
)
def test_the_mcu_form_needs_no_c_library_but_memset(command, tmp_path):
    """Toolchains without a C library have the headers of the compiler alone: no string.h."""
    compiler = command.split()
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"{compiler[0]} is not installed")
    write(tmp_path, c_project(bundle(), "mcu")[0])
    where = [compiler[0], "-print-file-name=include"]
    headers = subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip()
    flags = [flag for flag in BARE if flag != "-Wmissing-prototypes" or "++" not in command]
    flags += ["-ffreestanding", "-nostdinc", "-isystem", headers, "-c", "model.c"]
    done = subprocess.run([*compiler, *flags], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_constants_take_the_flash_that_the_header_states(tmp_path):
    """Alignment to vector registers would add a third to the constants of a small network."""
    if shutil.which("cc") is None or shutil.which("size") is None:
        pytest.skip("cc or size is not installed")
    files, sizes = c_project(bundle(), "mcu")
    write(tmp_path, files)
    subprocess.run(["cc", "-std=c99", "-c", "model_weights.c"], cwd=tmp_path, check=True)
    command = ["size", "model_weights.o"]
    report = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    arrays = files["model_weights.c"].count(" ALIGNED = {")
    text, data, bss = map(int, report.splitlines()[1].split()[:3])
    assert 0 <= text + data - sizes.flash <= arrays * (8 + 7), "a pointer to every array, and its alignment"
    assert bss == 0


SELF_TESTS = """
#include <stdio.h>
#include "left.h"
#include "right.h"
int left_selftest(left_state *state);
int right_selftest(right_state *state);

int main(void)
{
    static union {
        left_state left;
        right_state right;
    } memory;
    printf("%d ", left_selftest(&memory.left));
    printf("%d\\n", right_selftest(&memory.right));
    return 0;
}
"""


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_self_tests_of_two_networks_are_functions_of_one_firmware(form, tmp_path):
    """They print nothing and return 0, or 1 if a logit differs. They share memory of the caller."""
    good = bundle()
    logits = good.golden.logits.copy()
    logits[0, 0, 0] += 1
    wrong = dataclasses.replace(good, golden=dataclasses.replace(good.golden, logits=logits))
    sources = []
    for prefix, network in (("left", good), ("right", wrong)):
        files, _ = c_project(network, form=form, prefix=prefix)
        write(tmp_path, {f"{prefix}_selftest.c" if name == "main.c" else name: text for name, text in files.items()})
        sources += [f"{prefix}.c", f"{prefix}_weights.c", f"{prefix}_selftest.c"]
    flags = [*FORMS[form], "-DLEFT_SELFTEST", "-DRIGHT_SELFTEST", "-DLEFT_NO_STATIC", "-DRIGHT_NO_STATIC"]
    assert printed(tmp_path, SELF_TESTS, *sources, flags=flags) == "0 1\n"


AVR = r"""
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include "model.h"
int model_selftest(model_state *state);
static model_state state;

int main(void)
{
    const char *text = model_selftest(&state) ? "differ\n" : "passed\n";
    while (*text) {
        UDR0 = (unsigned char)*text++;
        while (!(UCSR0A & _BV(UDRE0)))
            ;
    }
    cli(); /* the simulator ends when the processor sleeps without interrupts */
    sleep_enable();
    sleep_cpu();
    return 0;
}
"""


def with_large_products():
    """Return a bundle with sums of two products above 2^15, and outputs for which 256 spikes select 256 rows."""
    rng = np.random.default_rng(0)
    image = Input((1, 6, 6), np.zeros(1, np.int16), 0, 255)
    first = Conv2d(np.full((16, 1, 3, 3), 127, np.int8), np.zeros(16, np.int32), (1, 1), (1, 1))
    second = Conv2d(rng.choice(np.array([-127, 127], np.int8), (8, 16, 4, 4)), np.zeros(8, np.int32))
    theta, zeros = np.full(16, 50000, np.int32), np.zeros(16, np.int32)
    nodes = {
        "input": image,
        "conv1": first,
        "if1": IF(theta, zeros),
        "conv2": second,
        "if2": IF(np.full(8, 500, np.int32), zeros[:8]),
        "flat": Flatten(),
        "fc": Linear(rng.integers(-9, 9, (3, 72)).astype(np.int8), np.zeros(3, np.int32)),
        "output": Output(),
    }
    names = list(nodes)
    graph = Graph(nodes, list(itertools.pairwise(names)))
    pixels = np.full((2, 1, 6, 6), 255, np.float32)
    return Bundle(graph, Manifest("wide", None, 8, exact_steps(graph)), record_golden(graph, pixels, 3), "# card\n")


@pytest.mark.skipif(
    not (shutil.which("avr-gcc") and shutil.which("simavr")), reason="avr-gcc or simavr is not installed"
)
def test_processors_whose_int_has_16_bits_compute_the_same(tmp_path):
    network = with_large_products()
    assert network.golden.spikes["if1"][-1].all(), "4 x 4 pixels of 16 channels select 256 rows"
    write(tmp_path, c_project(network, "mcu")[0] | {"avr.c": AVR})
    sources = ["model.c", "model_weights.c", "main.c", "avr.c"]
    flags = ["-mmcu=atmega1284p", "-std=gnu99", "-O2", "-Wall", "-Wextra", "-Werror", "-DMODEL_SELFTEST"]
    subprocess.run(["avr-gcc", *flags, "-DMODEL_NO_STATIC", *sources, "-o", "avr.elf"], cwd=tmp_path, check=True)
    board = ["simavr", "-m", "atmega1284p", "-f", "16000000", "avr.elf"]
    done = subprocess.run(board, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert b"passed" in done.stdout, done.stdout


FACTS = """
#include <stdio.h>
#include "net.h"

int main(void)
{
    const double pixel = 255 * (3.0 - NET_RANGE_LOW) / (NET_RANGE_HIGH - NET_RANGE_LOW);
    const int pixels = NET_HEIGHT * NET_WIDTH * NET_CHANNELS;
    printf("%d %d %s\\n", pixels - NET_PIXELS, (int)(pixel + 0.5), NET_BUNDLE);
    return 0;
}
"""


def test_the_header_states_the_bundle_the_sizes_and_the_range_of_measured_values(tmp_path):
    files, _ = c_project(bundle(provenance={"input_range": [-2.0, 8.0]}, digest="ab" * 32), "mcu", prefix="net")
    assert re.search(r"LOW = -2.0 and\s+HIGH = 8.0, which are `NET_RANGE_LOW`", files["README.md"])
    write(tmp_path, files)
    assert printed(tmp_path, FACTS) == f"0 128 {'ab' * 32}\n"
    assert "RANGE" not in c_project(bundle(), "mcu")[0]["model.h"], "an image has no measured range"


def test_the_example_of_the_header_runs_no_more_time_steps_than_are_proven():
    assert "t < 3; t++" in c_project(bundle(steps=3))[0]["model.h"]
    assert "t < 4; t++" in c_project(bundle(steps=5))[0]["model.h"]
