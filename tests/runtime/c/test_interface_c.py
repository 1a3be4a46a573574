"""The interface of exported C: prefixes, instances, statuses, image layouts, margins, and strict compilers."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from c_projects import c_project, drawn, in_one_file, run_together
from networks import graphs, small_graph
from spikelet import Margin, Model, cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.errors import UsageError
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.text.prefix import PUBLIC, renamed
from spikelet.verify import record_golden

EXAMPLES = int(os.environ.get("SPIKELET_CONFORMANCE", "150")) // 50
FORMS = {"host": ["-std=gnu11"], "mcu": ["-std=c99", "-pedantic"]}
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Wundef", "-Werror", "-pedantic"]
COMPILERS = [("gcc", "-std=c99"), ("clang", "-std=c99"), ("g++", "-std=c++20"), ("clang++", "-std=c++20")]
# Code that is not optimised compiles in half the time, and Clang instruments in half of the time of GCC.
LONG = "SPIKELET_CONFORMANCE" in os.environ or shutil.which("clang++") is None
CC, CXX = ("cc", "g++") if LONG else ("clang", "clang++")
CODE = ["model_and_main.c", "model_weights.c"]
SANITIZED = ["-O1" if "SPIKELET_CONFORMANCE" in os.environ else "-O0"]
SANITIZED += ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
STRICT = [*SANITIZED, "-Wall", "-Wextra", "-Werror"]


def bundle(graph, seed=0, steps=None):
    proven = exact_steps(graph) if steps is None else steps
    pixels = np.random.default_rng(seed).integers(0, 256, (2, *graph.input.shape)).astype(np.float32)
    golden = record_golden(graph, pixels, min(4, proven))
    return Bundle(graph, Manifest("small", None, 8, proven), golden, "# card\n")


def export(folder, graph, form="mcu", **options):
    files, _ = c_project(bundle(graph), form=form, **options)
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / CODE[0]).write_text('#include "model.c"\n#include "main.c"\n')


def compiled(folder, program, *sources, form="mcu", compiler=CC, flags=()):
    """Compile `program` with other sources, run it and return what it prints."""
    suffix = "c" if compiler == CC else "cpp"
    (folder / f"program.{suffix}").write_text(program)
    objects = [source.replace(".c", ".o") for source in sources]
    if sources:
        command = [CC, *FORMS[form], *STRICT, "-c", *sources]
        subprocess.run(command, cwd=folder, check=True)
    command = [compiler, *flags, *STRICT, f"program.{suffix}", *objects, "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    return subprocess.run(["./program"], cwd=folder, capture_output=True, text=True, check=True).stdout


def image(graph, layout="chw"):
    """Return an image and the C array of its pixels."""
    pixels = np.random.default_rng(3).integers(0, 256, graph.input.shape)
    values = np.moveaxis(pixels, 0, -1) if layout == "hwc" else pixels
    return pixels, "{" + ", ".join(map(str, values.reshape(-1))) + "}"


@pytest.mark.parametrize(("compiler", "standard"), COMPILERS)
@settings(max_examples=max(2, EXAMPLES), deadline=None, phases=[Phase.generate])
@given(graph=graphs(), layout=st.sampled_from(["chw", "hwc"]))
def test_the_mcu_form_converts_no_sign_and_no_width(compiler, standard, graph, layout, tmp_path_factory):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    folder = tmp_path_factory.mktemp("c")
    export(folder, graph, layout=layout)
    language = ["-x", "c++" if "++" in compiler else "c"]
    command = [compiler, standard, *WARNINGS, *language, "-fsyntax-only", *CODE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@settings(max_examples=max(2, EXAMPLES), deadline=None, phases=[Phase.generate])
@given(graph=graphs(), layout=st.sampled_from(["chw", "hwc"]))
def test_the_host_form_compiles_without_a_warning(compiler, graph, layout, tmp_path_factory):
    """The GNU C code converts sizes, which are int, to addresses without a cast, and disables the warning for this."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    folder = tmp_path_factory.mktemp("c")
    export(folder, graph, "host", layout=layout)
    strict = [warning for warning in WARNINGS if warning != "-pedantic"]
    command = [compiler, "-std=gnu11", *strict, "-fsyntax-only", *CODE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("compiler", "standard"), [("gcc", "-std=c99"), ("g++", "-std=c++11"), ("clang++", "-std=c++11")]
)
@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_header_and_its_examples_are_c_and_cpp(form, compiler, standard, tmp_path):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    export(tmp_path, small_graph(), form)
    header = (tmp_path / "model.h").read_text()
    examples = re.findall(r"^ \*     (.*)$", header, re.MULTILINE)
    assert len(examples) == 6
    body = "\n".join([*examples[:2], "{", examples[2], *examples[4:], "}", examples[3], "return answer;"])
    (tmp_path / "program").write_text(f'#include "model.h"\nint run(const model_pixel *image);\n'
                                      f"int run(const model_pixel *image)\n{{\n{body}\n}}\n")  # fmt: skip
    language = "c++" if "++" in compiler else "c"
    command = [compiler, standard, *WARNINGS, "-x", language, "-fsyntax-only", "program"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_file_of_code_states_its_licence(tmp_path):
    export(tmp_path, small_graph())
    for name in ("model.h", "model.c", "main.c"):
        assert (tmp_path / name).read_text().startswith("/* SPDX-License-Identifier: Apache-2.0 */\n")


TWO = """
#include <cstdio>
#include <initializer_list>
#include <thread>
#include "left.h"
#include "right_one.h"

static const left_pixel left_image[] = @LEFT@;
static const right_one_pixel right_image[] = @RIGHT@;
static left_state first, second;
static right_one_state third;

int main()
{
    auto left = [](left_state *state) {
        left_state_reset(state);
        for (int t = 0; t < 4; t++)
            if (left_state_step(state, left_image) != LEFT_OK)
                return;
    };
    std::thread one(left, &first), two(left, &second);
    right_one_state_reset(&third);
    right_one_reset();
    for (int t = 0; t < 4; t++) { /* two instances in turn */
        right_one_state_step(&third, right_image);
        right_one_step(t % 2 ? nullptr : right_image);
    }
    one.join(), two.join();
    for (const left_state *state : {&first, &second})
        for (int k = 0; k < LEFT_CLASSES; k++)
            std::printf("%d ", (int)left_state_logits(state)[k]);
    for (const int32_t *logits : {right_one_state_logits(&third), right_one_logits()})
        for (int k = 0; k < RIGHT_ONE_CLASSES; k++)
            std::printf("%d ", (int)logits[k]);
    std::printf("%d %d", LEFT_PIXELS, RIGHT_ONE_PIXELS);
}
"""


def test_two_networks_and_several_instances_in_one_program(tmp_path):
    """Both forms, in C++ and in threads: every instance has the logits of the numpy engine."""
    left, right = small_graph(0), small_graph(1, size=8)
    export(tmp_path, left, "mcu", prefix="left", layout="hwc")
    export(tmp_path, right, "host", prefix="right_one")
    (pixels, values), (right_pixels, right_values) = image(left, "hwc"), image(right)
    program = TWO.replace("@LEFT@", values).replace("@RIGHT@", right_values)
    sources = ["left.c", "left_weights.c", "right_one.c", "right_one_weights.c"]
    if shutil.which(CXX) is None:
        pytest.skip(f"{CXX} is not installed")
    printed = compiled(tmp_path, program, *sources, form="host", compiler=CXX, flags=["-pthread"])
    expected = [
        Model(bundle(graph), "numpy").run(values, 4).sums[-1, 0].astype(int).tolist()
        for graph, values in ((left, pixels), (right, right_pixels))
    ]
    assert expected[0] != expected[1]
    assert [int(number) for number in printed.split()] == [*expected[0] * 2, *expected[1] * 2, 3 * 36, 3 * 64]


def test_no_public_name_is_without_the_prefix(tmp_path):
    """Objects of two networks share no symbol, and all names are listed, so that a conflicting prefix is refused."""
    export(tmp_path, small_graph(), "host", prefix="left")
    command = ["cc", *FORMS["host"], "-c", "left.c", "left_weights.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    command = ["nm", "-g", "--defined-only", "left.o", "left_weights.o"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    symbols = set(re.findall(r" [A-Z] (\w+)", printed))
    assert len(symbols) > 14
    assert symbols <= {f"left_{suffix}" for suffix in PUBLIC}
    header = re.sub(r"/\*.*?\*/", "", (tmp_path / "left.h").read_text(), flags=re.DOTALL)
    assert "#ifndef LEFT_H" in header
    assert not re.search(r"\b(model|MODEL)_", header)


def test_the_static_instance_can_be_left_out(tmp_path):
    export(tmp_path, small_graph())
    subprocess.run(["cc", "-std=c99", "-DMODEL_NO_STATIC", "-c", "model.c"], cwd=tmp_path, check=True)
    sizes = subprocess.run(["size", "model.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert int(sizes.splitlines()[1].split()[2]) == 0  # memory that is not constant


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("Model", "cannot begin names of C and C"),
        ("2", "cannot begin names"),
        ("_a", "cannot begin names"),
        ("a__b", "cannot begin names"),
        ("a_", "cannot begin names"),
        ("", "cannot begin names"),
        ("../a", "cannot begin names"),
        ("a" * 41, "cannot begin names"),
        ("main", "main.h or main.c is a file that programs already have"),
        ("stdint", "stdint.h or stdint.c is a file"),
        ("add", "add_spikes is already the name of a function"),
        ("run", "run_logits is already the name of a function"),
    ],
)
def test_a_prefix_that_would_clash_is_refused(prefix, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        c_project(bundle(small_graph()), prefix=prefix)


def test_a_longest_prefix_has_names_that_compilers_distinguish():
    assert max(len(f"{'a' * 40}_{suffix}") for suffix in PUBLIC) <= 63
    assert renamed("model.h model_step MODEL_H a_model_x xmodel_y models.c", "net") == (
        "net.h net_step NET_H a_model_x xmodel_y models.c"
    )


STATUSES = """
#include <stdio.h>
#include "model.h"

static const model_pixel image[] = @IMAGE@;
static model_state zero;

static void show(const char *when, int status)
{
    printf("%s: %d after %ld steps, %ld\\n", when, status, (long)model_steps(), (long)model_logits()[0]);
}

int main(void)
{
    show("before", model_step(image));
    printf("%d %ld\\n", model_state_step(&zero, image), (long)model_state_steps(&zero));
    model_reset();
    show("NULL first", model_step(NULL));
    show("image", model_step(image));
    show("NULL", model_step(NULL));
    show("image", model_step(image));
    show("image", model_step(image));
    show("beyond", model_step(image));
    model_reset();
    show("NULL after reset", model_step(NULL));
    return MODEL_OK + MODEL_KEEPS_IMAGE;
}
"""


def test_calls_out_of_order_have_a_status_and_change_nothing(tmp_path):
    graph = small_graph()
    pixels, values = image(graph)
    logits = Model(bundle(graph), "numpy").run(pixels, 3).sums[:, 0, 0].astype(int)
    program = STATUSES.replace("@IMAGE@", values).replace("return MODEL_OK + MODEL_KEEPS_IMAGE;", "return 0;")
    program = program.replace('#include "model.h"', '#include <stddef.h>\n#include "model.h"')
    projects = [c_project(bundle(graph, steps=3), form)[0] | {"main.c": program} for form in sorted(FORMS)]
    runs = run_together(list(map(in_one_file, projects)), [CC, "-std=gnu11", *STRICT], tmp_path)
    for form, run in zip(sorted(FORMS), runs, strict=True):
        assert run.returncode == 0, f"{form}: {run.stderr}"
        assert run.stdout.splitlines() == lines_of_statuses(logits, kept=form == "host"), form


def lines_of_statuses(logits, kept):
    """Return what STATUSES prints. kept: whether NULL means the previous image."""
    reached = [1, 2, 3] if kept else [1, 1, 2]
    third = 2 if kept else 0  # MODEL_NOT_PROVEN, the host form has run three time-steps
    last = 3
    return [
        "before: 1 after 0 steps, 0",
        "1 0",
        "NULL first: 3 after 0 steps, 0",
        f"image: 0 after 1 steps, {logits[0]}",
        f"NULL: {0 if kept else 3} after {reached[1]} steps, {logits[reached[1] - 1]}",
        f"image: 0 after {reached[2]} steps, {logits[reached[2] - 1]}",
        f"image: {third} after {last} steps, {logits[last - 1]}",
        f"beyond: 2 after 3 steps, {logits[2]}",
        "NULL after reset: 3 after 0 steps, 0",
    ]


EXITS = """
#include <stdio.h>
#include "model.h"

static const model_pixel image[] = @IMAGE@;

int main(void)
{
    model_reset();
    for (int t = 0; t < @STEPS@; t++) {
        model_step(image);
        printf("%ld %d\\n", (long)model_margin(), model_margin() >= model_steps() * MODEL_MARGIN(@THRESHOLD@));
    }
    return 0;
}
"""


def test_early_exit_by_integers_is_that_of_margin(tmp_path):
    """Logits are multiples of 1/2 and thresholds lie between them, so that rounding has no effect. With one class the margin is infinite."""
    cases = st.tuples(graphs(), st.sampled_from(sorted(FORMS)), st.sampled_from([0.25, 1.25, 10.75]))
    examples, sources = drawn(cases, max(2, EXAMPLES)), []
    for graph, form, threshold in examples:
        program = EXITS.replace("@IMAGE@", image(graph)[1]).replace("@STEPS@", str(min(4, exact_steps(graph))))
        files, _ = c_project(bundle(graph), form)
        sources.append(in_one_file(files | {"main.c": program.replace("@THRESHOLD@", str(threshold))}))
    for run, (graph, _, threshold) in zip(
        run_together(sources, [CC, "-std=gnu11", *STRICT], tmp_path), examples, strict=True
    ):
        assert run.returncode == 0, run.stderr
        check_exits(graph, threshold, run.stdout.splitlines())


def check_exits(graph, threshold, lines):
    pixels, steps = image(graph)[0], min(4, exact_steps(graph))
    margins, stops = np.array([line.split() for line in lines], int).T
    model = Model(bundle(graph), "numpy")
    sums = np.sort(model.run(pixels, steps).sums[:, 0], axis=1)
    expected = sums[:, -1] - sums[:, -2] if graph.classes > 1 else np.full(steps, 2**31 - 1)
    assert margins.tolist() == expected.tolist()
    per_step = np.ceil(threshold / graph.output.scale) * graph.output.scale
    leaves = model.run(pixels, steps, early_exit=Margin(per_step)).exit_steps[0]
    assert leaves == (np.flatnonzero(stops)[0] + 1 if stops.any() else steps)


@pytest.mark.parametrize("form", sorted(FORMS))
def test_an_interleaved_camera_image_needs_no_reordering(form, tmp_path, capsys):
    graph = small_graph()
    write(bundle(graph), tmp_path / "small.snnb")
    arguments = [
        "export",
        "c",
        str(tmp_path / "small.snnb"),
        str(tmp_path / "out"),
        "--layout",
        "hwc",
        "--prefix",
        "eye",
    ]
    assert cli.main([*arguments, *(["--mcu"] if form == "mcu" else [])]) == 0
    assert "eye.c, eye.h, eye_weights.c" in capsys.readouterr().out
    done = subprocess.run(["make", "-C", tmp_path / "out", "test"], capture_output=True, text=True, check=True)
    assert "pass: 2 images" in done.stdout
    for name in ("eye.h", "README.md"):
        assert "[y][x][channel]" in (tmp_path / "out" / name).read_text()
    chw, _ = c_project(bundle(graph), form=form)
    assert "[channel][y][x]" in chw["model.h"]
    assert "[channel][y][x]" in chw["README.md"]


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_memory_that_is_stated_is_the_size_of_an_instance(form, tmp_path):
    networks = drawn(graphs(), max(2, EXAMPLES))
    projects = [c_project(bundle(graph), form) for graph in networks]
    program = '#include <stdio.h>\nint main(void) { return printf("%d", MODEL_RAM_BYTES) < 0; }\n'
    sources = [files["model.h"] + program for files, _ in projects]
    runs = run_together(sources, [CC, *FORMS[form], *STRICT], tmp_path)
    for graph, (_, sizes), run in zip(networks, projects, runs, strict=True):
        assert run.stdout == str(sizes.ram), graph


def test_the_native_engine_declares_its_structs_itself():
    source = HostProgram(small_graph()).source()
    assert "struct state {" in source
    assert "struct model_state" not in source
