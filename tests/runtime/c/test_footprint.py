"""Code size and stack of exported C: the call graph is read from GCC's output, and the stack is compared with a run."""

import functools
import json
import shutil
import subprocess

import numpy as np
import pytest

from c_projects import c_project
from networks import Builder, small_graph
from spikelet import cli, shipped
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, read, write
from spikelet.deploy.firmware import c_program
from spikelet.deploy.footprint import depths, footprint
from spikelet.errors import EngineError
from spikelet.lowering.c.shares import SHARED, shares
from spikelet.nodes import Flatten, SumPool2d
from spikelet.verify import record_golden

GRAPH = r"""graph: { title: "model.c"
node: { title: "model.c:run_a.constprop.0" label: "run_a.constprop\nmodel.c:7:1\n16 bytes (static)" }
node: { title: "model.c:leaf" label: "leaf\nmodel.c:9:1\n100 bytes (static)" }
node: { title: "memset" label: "__builtin_memset\n<built-in>" shape : ellipse }
node: { title: "model_step" label: "model_step\nmodel.c:20:5\n32 bytes (dynamic,bounded)" }
edge: { sourcename: "model.c:run_a.constprop.0" targetname: "model.c:leaf" label: "model.c:8:1" }
edge: { sourcename: "model.c:run_a.constprop.0" targetname: "memset" }
edge: { sourcename: "model_step" targetname: "model.c:run_a.constprop.0" label: "model.c:21:1" }
edge: { sourcename: "model_step" targetname: "model.c:leaf" label: "model.c:22:1" }
}
"""
# runs a time-step on a stack of its own, filled with a pattern, and prints how much of it was used
PROGRAM = """
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include "model.h"

static unsigned char stack[1 << 20];
static ucontext_t before, other;
static model_pixel image[MODEL_PIXELS];
static model_state state;

static void run(void)
{
    model_state_step(&state, image);
}

int main(void)
{
    size_t free_bytes = 0;
    model_state_reset(&state);
    memset(stack, 0xa5, sizeof stack);
    getcontext(&other);
    other.uc_stack.ss_sp = stack;
    other.uc_stack.ss_size = sizeof stack;
    other.uc_link = &before;
    makecontext(&other, run, 0);
    swapcontext(&before, &other);
    while (stack[free_bytes] == 0xa5)
        free_bytes++;
    printf("%zu", sizeof stack - free_bytes);
    return 0;
}
"""
footprint_once = functools.cache(footprint)  # several tests measure the same code
OUTSIDE = 512  # bytes of stack for the context, the caller and the C library


def bundle():
    graph = small_graph()
    pixels = np.zeros((1, *graph.input.shape), np.float32)
    return Bundle(graph, Manifest("small", None, 8, exact_steps(graph)), record_golden(graph, pixels, 2), "# card\n")


def test_the_stack_is_the_longest_path_of_calls():
    assert depths(GRAPH) == {"run_a": 116, "leaf": 100, "model_step": 148}
    assert depths(GRAPH.replace("dynamic,bounded", "dynamic")) == {}, "an array of variable size has no bound"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("form", ["mcu", "host"])
def test_a_run_needs_no_more_stack_than_stated(form, tmp_path):
    files, _ = c_project(bundle(), form)
    measured = footprint_once(files["model.h"], files["model.c"], "model", form, "gcc")
    assert measured.stack is not None
    assert 0 < max(measured.stacks.values()) <= measured.stack + OUTSIDE
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "program.c").write_text(PROGRAM)
    (tmp_path / "Makefile").unlink()
    bound = "-Wl,-z,now"  # functions of the C library are found at the start, which takes kilobytes of stack
    command = ["gcc", "-std=gnu11", "-O2", "-w", bound, "program.c", "model_weights.c", "model.c", "-o", "program"]
    if form == "mcu":
        command[1] = "-std=c99"
    subprocess.run([*measured.command.split(), "-c", "model.c", "-o", "model.o"], cwd=tmp_path, check=True)
    command[-3] = "model.o"
    subprocess.run(command, cwd=tmp_path, check=True)
    used = int(subprocess.run(["./program"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout)
    assert used <= measured.stack + OUTSIDE
    size = subprocess.run(["size", "model.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert measured.code == int(size.splitlines()[1].split()[0])


def test_the_list_of_rows_on_the_stack_is_as_long_as_the_network_needs():
    """All rows of an output and a word of 32 spikes, at most 256."""
    net = Builder((1, 8, 8), np.random.default_rng(0), exact=True)
    net.conv("conv1", 3)
    net.neuron("if1")
    net.add("pool1", SumPool2d((2, 2), (2, 2)))
    net.conv("conv2", 2)  # of 3 x 3 sums of 2 x 2 pixels
    net.neuron("if2")
    net.add("flat", Flatten())
    net.linear("fc", 2)
    pooled = net.graph()
    assert "MAX_ROWS = 140 }" in c_program(pooled, "mcu", "chw").source()
    assert "MAX_ROWS = 68 }" in c_program(small_graph(), "mcu", "chw").source(), "fc1 reads 36 spikes"
    large = read(shipped.named("vgg5-fashion-mnist")).graph
    assert "MAX_ROWS = 256 }" in c_program(large, "mcu", "chw").source()


@pytest.mark.parametrize("form", ["host", "mcu"])
def test_the_shares_of_the_nodes_add_up(form):
    network = bundle()
    _, sizes = c_project(network, form)
    rows = shares(c_program(network.graph, form, "chw"))
    assert sum(row.constants for row in rows) == sizes.flash
    bookkeeping = 4 * (2 + network.graph.classes)
    gaps = sizes.ram - bookkeeping - sum(row.memory for row in rows)
    assert 0 <= gaps < 8 * len(rows), "arrays are aligned"
    assert {row.node for row in rows} <= {*network.graph.nodes, SHARED}
    assert all(row.memory for row in rows if row.node in network.graph.spiking)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("package", [[], ["--package", "zephyr"]])
def test_the_command_states_code_stack_and_shares(package, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("spikelet.deploy.footprint.footprint", footprint_once)
    write(bundle(), tmp_path / "a.snnb")
    line = [
        "export",
        "c",
        str(tmp_path / "a.snnb"),
        str(tmp_path / "out"),
        "--mcu",
        *package,
        "--footprint",
        "--compiler",
        "gcc",
    ]
    assert cli.main([*line, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["code_bytes"] > 100
    assert facts["stack_bytes"] >= 16
    assert sum(row["constant_bytes"] for row in facts["layers"]) == facts["flash_bytes"]
    assert facts["compiler"] == "gcc -std=c99 -O2"
    assert cli.main(line) == 0
    text = capsys.readouterr().out
    assert f"code: {facts['code_bytes']:,} bytes; stack of a time-step: {facts['stack_bytes']:,} bytes" in text
    assert "node" in text


def test_without_the_compiler_nothing_is_written(tmp_path, capsys):
    write(bundle(), tmp_path / "a.snnb")
    line = ["export", "c", str(tmp_path / "a.snnb"), str(tmp_path / "out"), "--compiler", "no-such-cc -O1"]
    assert cli.main(line) == 1
    assert (
        "expected a C compiler (no-such-cc -O1), found no such program; install it, or name another"
        in capsys.readouterr().err
    )
    assert cli.main([*line[:-1], "gcc '-O1"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("spikelet export c: footprint: expected a command with its flags, found")
    assert not (tmp_path / "out").exists()
    files, _ = c_project(bundle(), "mcu")
    with pytest.raises(EngineError, match="footprint: the compiler failed"):
        footprint(files["model.h"], "no C", "model", "mcu", "cc")
