"""Exported C: it compiles without warnings, its self-test passes, and text of a bundle cannot become code."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from c_projects import c_project, drawn, run_together, self_tests
from networks import graphs, small_graph, wide_graphs
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.engines import create
from spikelet.errors import EngineError
from spikelet.lowering.c import HostProgram, McuProgram
from spikelet.lowering.c.interface import library_source
from spikelet.lowering.c.text import names
from spikelet.verify import record_golden

TOGETHER = 8  # networks that are compiled to one program
EXAMPLES = int(os.environ.get("SPIKELET_CONFORMANCE", "125")) // 25
# Sanitizers find the same errors in unoptimised code, which compiles in half the time. The long form also optimises.
OPTIMISED = "-O1" if "SPIKELET_CONFORMANCE" in os.environ else "-O0"
# Clang instruments in half of the time of GCC, which the long form uses.
COMPILER = "clang" if "SPIKELET_CONFORMANCE" not in os.environ and shutil.which("clang") else "cc"
STRICT = ["-Wall", "-Wextra", "-Werror", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
FORMS = {"host": ["-std=gnu11", "-march=native"], "mcu": ["-std=c99", "-pedantic"]}
NASTY = 'x"; #include </etc/passwd> */ int evil(void) { return 0; } /* \\ %s ?? \u2028 \n@TITLE@'

HARNESS = """
#include <stdio.h>
#include <stdlib.h>

static void *get(size_t size)
{
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!memory || fread(memory, 1, size, stdin) != size)
        exit(2);
    return memory;
}

int main(void)
{
    enum { STEPS = @STEPS@, SAMPLES = @SAMPLES@, K = sizeof ((struct state *)0)->logits / 4 / WINDOW };
    static const size_t lengths[] = {@LENGTHS@};
    enum { ARRAYS = sizeof lengths / sizeof *lengths };
    void *arrays[ARRAYS];
    struct parameters p;
    for (int i = 0; i < ARRAYS; i++)
        arrays[i] = get(lengths[i]);
    memcpy(&p, arrays, sizeof p);
    model_pixel *images = NULL;
    const size_t stride = (sizeof(struct state) + 63) / 64 * 64;
    char *states = aligned_alloc(64, SAMPLES * stride);
    struct work *w = malloc(WINDOW * sizeof *w);
    images = get(SAMPLES * @PIXELS@ * sizeof *images);
    spikelet_reset(&p, states, stride, SAMPLES);
    for (int t = 0; t < STEPS; t++) {
        const int place = t % WINDOW;
        if (place == 0)
            spikelet_step(NULL, &p, states, stride, SAMPLES, w, t ? NULL : images,
                          STEPS - t < WINDOW ? STEPS - t : WINDOW, NULL, NULL, NULL, NULL);
        for (int i = 0; i < SAMPLES; i++) {
            const struct state *s = (const struct state *)(states + i * stride);
            int32_t *expected = get((K + LAYERS) * sizeof *expected);
            if (memcmp(expected, s->logits + place * K, K * 4) ||
                memcmp(expected + K, s->fired + place * LAYERS, LAYERS * 4)) {
                printf("sample %d, time-step %d differs\\n", i, t + 1);
                return 1;
            }
            free(expected);
        }
    }
    for (int i = 0; i < ARRAYS; i++)
        free(arrays[i]);
    free(images), free(states), free(w);
    return 0;
}
"""


def bundle(graph, labels=None, name="small", seed=0):
    steps = min(4, exact_steps(graph))
    pixels = np.random.default_rng(seed).integers(0, 256, (2, *graph.input.shape)).astype(np.float32)
    return Bundle(graph, Manifest(name, labels, 8, exact_steps(graph)), record_golden(graph, pixels, steps), "# card\n")


def wrong():
    """Return a bundle one of whose golden logits is too large."""
    good = bundle(small_graph())
    logits = good.golden.logits.copy()
    logits[2, 1, 0] += 1
    return Bundle(good.graph, good.manifest, type(good.golden)(good.golden.inputs, logits, good.golden.spikes), "")


def run_self_tests(bundles, form, folder):
    projects = [c_project(bundle, form=form)[0] for bundle in bundles]
    return self_tests(projects, [COMPILER, *FORMS[form], *STRICT, OPTIMISED], folder)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_random_networks_under_sanitizers(form, tmp_path_factory):
    """They are compiled together, with one whose self-test fails."""
    cases = drawn(st.tuples(graphs(copies=(1, 2, 3, 4)), st.integers(0, 99)), EXAMPLES)
    for first in range(0, len(cases), TOGETHER):
        bundles = [bundle(graph, seed=seed) for graph, seed in cases[first : first + TOGETHER]]
        *runs, last = run_self_tests([*bundles, wrong()], form, folder := tmp_path_factory.mktemp("c"))
        for number, run in enumerate(runs):
            assert run.returncode == 0, f"{folder / str(number)}: {run.stdout}{run.stderr}"
            assert "pass: 2 images" in run.stdout
        assert last.returncode == 1
        assert "FAIL: image 1, time-step 3, logit 0 is" in last.stdout


def library_test(graph):
    """Return the C of the library of the native engine with a main function, and the input of this."""
    program, steps, samples = HostProgram(graph, window=3), min(5, exact_steps(graph)), 2
    images = np.random.default_rng(0).integers(0, 256, (samples, *graph.input.shape)).astype(np.uint8)
    engine = create(graph, "numpy")
    engine.reset(samples)
    expected = []
    for t in range(steps):
        logits = engine.step(images.astype(np.float32) if t == 0 else None)
        expected.append(np.column_stack([logits, *engine.spike_counts().values()]))
    arrays = [p.values.tobytes() for p in program.parameters]
    lengths = ", ".join(str(len(array)) for array in arrays)
    harness = HARNESS.replace("@LENGTHS@", lengths).replace("@STEPS@", str(steps)).replace("@SAMPLES@", str(samples))
    harness = harness.replace("@PIXELS@", str(images[0].size))
    return library_source(program) + harness, b"".join(arrays) + images.tobytes() + np.array(
        expected, np.int32
    ).tobytes()


def test_wide_layers_of_small_images_under_sanitizers(tmp_path_factory):
    """The microcontroller form, and the library of the native engine with several samples and a window."""
    networks = drawn(wide_graphs(), max(2, EXAMPLES // 4))
    for first in range(0, len(networks), TOGETHER):
        folder = tmp_path_factory.mktemp("c")
        together = networks[first : first + TOGETHER]
        for number, run in enumerate(run_self_tests(map(bundle, together), "mcu", folder)):
            assert run.returncode == 0, f"{folder / str(number)}: {run.stdout}{run.stderr}"
        sources, data = zip(*map(library_test, together), strict=True)
        runs = run_together(sources, [COMPILER, *FORMS["host"], *STRICT, OPTIMISED], folder, data)
        for number, run in enumerate(runs):
            assert run.returncode == 0, f"{networks[first + number]}: {run.stdout}{run.stderr}"


@pytest.mark.parametrize("form", sorted(FORMS))
def test_no_text_of_a_bundle_becomes_code(form, tmp_path):
    files, _ = c_project(bundle(small_graph(), (NASTY, "\\", '"'), NASTY), form=form)
    (tmp_path / "labels.c").write_text(
        '#include <stdio.h>\n#include "model.h"\nint main(void) { return puts(model_labels[0]) < 0; }\n'
    )
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    sources = ["labels.c", "model.c", "model_weights.c"]
    subprocess.run(["cc", *FORMS[form], "-Wall", "-Wextra", "-Werror", *sources], cwd=tmp_path, check=True)
    done = subprocess.run(["./a.out"], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.decode() == NASTY + "\n"
    symbols = subprocess.run(["nm", "a.out"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "evil" not in symbols


@given(st.text())
def test_a_string_stays_one_literal_and_a_comment_one_line(text):
    literal = names.string(text)
    body = literal[1:-1]
    assert set(literal[:1] + literal[-1:]) == {'"'}
    assert '"' not in body
    assert "?" not in body
    assert "\n" not in literal
    decoded = body.encode("ascii").decode("unicode_escape").encode("latin-1").decode()
    assert decoded == text
    shown = names.comment(text)
    assert shown.isascii()
    assert not {"*/", "/*", "//", "\n", "\\", "??"} & {shown[i : i + 2] for i in range(len(shown))} - {""}
    assert "\n" not in shown


def test_identifiers_differ_and_are_plain():
    identifiers = names.identifiers(["a.b", "a_b", "A_B", "_", "__x", "int", "a.b.", "0"])
    assert len({identifier.lower() for identifier in identifiers.values()}) == len(identifiers)
    assert all(identifier.isidentifier() and not identifier.startswith("_") for identifier in identifiers.values())


def test_refuses_float32():
    with pytest.raises(EngineError, match="C code is generated for exact networks, this one is float32"):
        McuProgram(small_graph(exact=False))


def test_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(bundle(small_graph(), ("ant", "bee", "cat")), tmp_path / "small.snnb")
    assert cli.main(["export", "c", "small.snnb", "out", "--mcu", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["files"] == ["Makefile", "README.md", "main.c", "model.c", "model.h", "model_weights.c"]
    assert report["form"] == "mcu"
    assert 500 < report["ram_bytes"] < 5000
    done = subprocess.run(["make", "-C", "out", "test"], capture_output=True, text=True, check=True)
    assert f"{report['flash_bytes']} bytes of constants, {report['ram_bytes']} bytes of memory" in done.stdout
    assert "pass: 2 images, 4 time-steps" in done.stdout
    assert cli.main(["export", "c", "small.snnb", "host form"]) == 0
    assert capsys.readouterr().out.endswith("self-test: make -C 'host form' test\n")
    for arguments, flags in (([], "-O3  -Wall"), (["ARCH=-march=native"], "-O3 -march=native -Wall")):
        done = subprocess.run(["make", "-C", "host form", "-n", *arguments], capture_output=True, text=True, check=True)
        assert f"-std=gnu11 {flags} -Wextra" in done.stdout, "portable unless a processor is selected"
    (tmp_path / "file").write_text("")
    assert cli.main(["export", "c", "small.snnb", "file"]) == 2
    assert capsys.readouterr().err == "spikelet export c: file: is a file; name a folder\n"
