"""Names and texts of a bundle become plain identifiers, strings and comments in generated C."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c_projects import c_project
from networks import NAMES_OF_NODES, Builder
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.engines import create
from spikelet.graph import NAME, Graph
from spikelet.lowering.c import HostProgram, McuProgram
from spikelet.lowering.c.interface import library_source
from spikelet.lowering.c.text import names
from spikelet.nodes import Add, Output, Scale
from spikelet.verify import record_golden

OPTIMISED = "-O1" if "SPIKELET_CONFORMANCE" in os.environ else "-O0"  # names do not depend on it
TEXTS, NETWORKS = (4000, 1000) if "SPIKELET_CONFORMANCE" in os.environ else (200, 50)
ANY = st.text(st.characters(), max_size=60) | st.text(st.sampled_from('*/\\?"\n\r\u2028%{}#=<'), max_size=30)
HOSTILE = [
    # names that differ by a separator, by case or by a number that the generator may add
    *["a.b", "a_b", "a..b", "A.B", "a.b.", "a_b2", "a_b3", "a.b2", "x", "X", "x2", "x_2", "x22", "_", "_2", "_._._."],
    # fields and functions of the generator, and names in its style
    *["logits", "fired", "current", "state", "work", "parameters", "weight", "bias", "x_weight", "x_bias", "x_weight_weight"],
    *["run_x", "x_x", "x_v", "x_start", "start", "list", "x_list", "model", "model_parameters", "model_step", "total"],
    # variables, kernels, types and macros of the generated code
    *["p", "s", "w", "t", "g", "n", "in", "out", "image", "steps", "reset", "step", "fire", "fire_all", "positions"],
    *["convolve", "convolve_int8", "convolve_spikes_16", "add", "add_dense", "initialise", "fresh", "spikes", "geometry", "spike_t"],
    *["LANES", "WEIGHT", "JOIN", "LAYERS", "WINDOW", "SLACK", "ALIGNED", "MODEL_CLASSES", "VECTOR_BYTES"],
    # C: keywords, types, macros and functions of the standard library; of C++ as well
    *["int", "int8", "int8_t", "struct", "return", "main", "memset", "memcpy", "printf", "size_t", "NULL", "INT8_MAX"],
    *["restrict", "inline", "_Bool", "errno", "linux", "unix", "i386", "__FILE__", "__LINE__", "class", "this", "asm"],
    # 64 characters, of which a C99 compiler need not read the last ones
    *["l" * 64, "l" * 63 + "m", "l" * 62 + "mm", "l" * 63, "L" * 64, "l." * 32, "l_" * 32],
]  # fmt: skip


@settings(max_examples=TEXTS, deadline=None)
@given(text=ANY)
def test_a_comment_cannot_be_ended_by_its_text(text):
    comment = names.comment(text)
    assert re.fullmatch(r"[ -~]*", comment)
    for forbidden in ("*/", "/*", "//", "\\", "??"):
        assert forbidden not in comment
    assert f"/* {comment}: x */".count("*/") == 1


@settings(max_examples=TEXTS, deadline=None)
@given(text=ANY.filter(lambda text: not re.search("[\ud800-\udfff]", text)))  # a bundle cannot contain half a character
def test_a_string_has_the_bytes_of_its_text(text):
    literal = names.string(text)
    assert re.fullmatch(r'"([^"\\\n%?]|\\[0-7]{3})*"', literal)
    # as a C compiler reads it
    pieces = re.findall(r"\\([0-7]{3})|(.)", literal[1:-1])
    assert bytes(int(octal, 8) if octal else ord(char) for octal, char in pieces).decode() == text


@settings(max_examples=TEXTS, deadline=None)
@given(nodes=st.lists(NAMES_OF_NODES | st.sampled_from(HOSTILE), unique=True))
def test_identifiers_are_plain_and_all_different(nodes):
    identifiers = names.identifiers(nodes)
    assert list(identifiers) == nodes
    assert len({identifier.lower() for identifier in identifiers.values()}) == len(nodes)
    assert all(
        re.fullmatch(r"[A-Za-z]([A-Za-z0-9_]{0,50}[A-Za-z0-9])?", identifier) for identifier in identifiers.values()
    )


def test_many_names_with_one_beginning_take_little_time():
    nodes = ["l" * 60 + f"{index:04}" for index in range(4096)]
    assert len(set(names.identifiers(nodes).values())) == 4096


def named(nodes):
    """Return a network with nodes of these names, nine or more: a sum of chains of Linear, IF, Scale and LIF."""
    rng = np.random.default_rng(0)
    net = Builder((4,), rng)
    source, *hidden, add, linear, output = nodes
    net.nodes, net.edges, net.shapes, net.here = {source: net.nodes["input"]}, [], {source: (4,)}, source
    ends = []
    for index, name in enumerate(hidden):
        if index % 4 == 0:
            net.here = source
            net.linear(name, 4)
            ends.append(name)
        elif index % 4 == 2:
            net.add(name, Scale(net.integers(1, 3, 4, np.int8)))
        else:
            net.neuron(name, leaky=index % 4 == 3, scale=400 if index % 4 == 1 else 3)
        ends[-1] = name
    net.add(add, Add(), ends)
    net.linear(linear, 3)
    net.add(output, Output())
    return Graph(net.nodes, tuple(net.edges))


def declared(source):
    """Return the identifiers that C code defines at file scope or as fields, with the struct that has them."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    fields = []
    for struct, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", source, re.DOTALL | re.MULTILINE):
        fields += [(struct, field) for field in re.findall(r"(\w+)(?:\[\d+\])?;", body)]
    functions = [("", name) for name in re.findall(r"^static \w[\w *]*?\b(\w+)\([^)]*\)\n\{", source, re.MULTILINE)]
    return fields + functions


@settings(max_examples=NETWORKS, deadline=None)
@given(nodes=st.lists(NAMES_OF_NODES | st.sampled_from(HOSTILE), unique=True, min_size=9, max_size=40))
def test_everything_that_is_named_after_nodes_has_a_name_of_its_own(nodes):
    graph = named(nodes)
    for program in (HostProgram(graph), McuProgram(graph)):
        source = program.source()
        identifiers = declared(source)
        assert len(set(identifiers)) == len(identifiers)
        assert sum(name.startswith("run_") for _, name in identifiers) >= len(graph.spiking) // 2
        assert max(map(len, re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)))) <= 63


@pytest.mark.parametrize("order", ["as listed", "reversed"])
@pytest.mark.parametrize("form", ["host", "mcu"])
def test_hostile_names_compile_and_fire_the_same_spikes(form, order, tmp_path):
    nodes = [name for name in HOSTILE if NAME.fullmatch(name)]
    assert len(nodes) > 90
    graph = named(nodes if order == "as listed" else nodes[::-1])
    images = np.random.default_rng(1).integers(0, 256, (2, 4)).astype(np.float32)
    steps = min(4, exact_steps(graph))
    golden = record_golden(graph, images, steps)
    assert sum(spikes.any() and not spikes.all() for spikes in golden.spikes.values()) > len(graph.spiking) / 2
    files, _ = c_project(Bundle(graph, Manifest("hostile", None, 8, exact_steps(graph)), golden, ""), form=form)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    flags = {"host": ["-std=gnu11"], "mcu": ["-std=c99", "-pedantic"]}[form]
    flags += ["-Wall", "-Wextra", "-Wshadow", "-Werror", OPTIMISED]
    sources = ["main.c", "model.c", "model_weights.c"]
    subprocess.run(["cc", *flags, *sources, "-o", "selftest"], cwd=tmp_path, check=True)
    done = subprocess.run(["./selftest"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    if form == "mcu" and shutil.which("arm-none-eabi-gcc"):
        command = ["arm-none-eabi-gcc", *flags, "-mcpu=cortex-m4", "-mthumb", "-c", *sources[1:]]
        subprocess.run(command, cwd=tmp_path, check=True)


def test_the_native_engine_agrees_with_numpy_on_hostile_names(monkeypatch):
    monkeypatch.setenv("SPIKELET_CFLAGS", OPTIMISED)
    graph = named(sorted(name for name in HOSTILE if NAME.fullmatch(name)))
    images = np.random.default_rng(1).integers(0, 256, (2, 4)).astype(np.float32)
    results = []
    for name in ("numpy", "native"):
        engine = create(graph, name, graph.spiking)
        engine.reset(2)
        logits = [engine.step(images) for _ in range(min(4, exact_steps(graph)))]
        results.append([*logits, *(engine.spikes(layer) for layer in graph.spiking)])
        results[-1] += [engine.potentials(layer) for layer in graph.spiking]
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


def renamed(graph, prefix):
    to = {name: f"{prefix}{index}" for index, name in enumerate(graph.nodes)}
    nodes = {to[name]: node for name, node in graph.nodes.items()}
    return Graph(nodes, tuple((to[a], to[b]) for a, b in graph.edges))


def stripped(source):
    """Return C code without comments and line breaks, whose positions depend on the lengths of names."""
    return re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL))


def test_a_name_changes_only_identifiers_and_comments():
    """Other names of nodes change only identifiers and comments of the C code."""
    net = Builder((2, 5, 5), np.random.default_rng(0))
    net.conv("conv", 4)
    net.neuron("if1")
    graph = net.graph()
    plain, hostile = (library_source(HostProgram(renamed(graph, prefix))) for prefix in ("n", "a..._.b"))
    assert "a..._.b" not in stripped(hostile)
    assert stripped(plain) == re.sub(r"a_____b(\d)", r"n\1", stripped(hostile))
