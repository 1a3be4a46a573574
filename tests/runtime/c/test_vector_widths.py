"""Vectors of every width, and the operations of a processor and their portable forms, give the same spikes."""

import os
import shutil
import subprocess
from importlib import resources

import numpy as np
import pytest

from c_projects import c_project
from networks import Builder
from processor import macros
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.text.sources import Kernel, assemble
from spikelet.nodes import SumPool2d
from spikelet.verify import record_golden

# flags of a processor, and the macros that the compiler then defines
WIDTHS = {
    "x86-64": (["-march=x86-64"], {"__SSE2__"}),
    "x86-64-v2": (["-march=x86-64-v2"], {"__SSE4_2__", "__POPCNT__"}),
    "x86-64-v3": (["-march=x86-64-v3"], {"__AVX2__"}),
    "x86-64-v4": (["-march=x86-64-v4"], {"__AVX512BW__", "__AVX512DQ__"}),
    "x86-64-v4 with VNNI": (["-march=x86-64-v4", "-mavx512vnni"], {"__AVX512BW__", "__AVX512DQ__", "__AVX512VNNI__"}),
    "AVX-VNNI": (["-march=x86-64-v3", "-mavxvnni"], {"__AVX2__", "__AVXVNNI__"}),
    "portable": (["-march=native", "-DSPIKELET_PORTABLE"], set()),
    "portable products of 16 bytes": (["-march=x86-64-v3", "-DDOT_BYTES=16"], {"__AVX2__"}),
    "portable products of 64 bytes": (["-march=x86-64-v3", "-DDOT_BYTES=64", "-Wno-psabi"], {"__AVX2__"}),
}
AARCH64 = {"aarch64": [], "aarch64 with dot products": ["-march=armv8.2-a+dotprod"]}
CROSS, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64-static"
# Code that is not optimised compiles in half the time; the long form optimises.
OPTIMISED = "-O1" if "SPIKELET_CONFORMANCE" in os.environ else "-O0"
STRICT = ["-std=gnu11", OPTIMISED, "-Wall", "-Wextra", "-Werror"]
EVERY_PATTERN = """
#include <stdio.h>
int main(void)
{
    const int32_t negative[] = {-1, INT32_MIN, -40000, -200}, others[] = {0, INT32_MAX, 40000, 200};
    for (unsigned bits = 0; bits < 65536; bits++) {
        int32_vector numbers[16 / INT32S], zero = {0};
        for (int i = 0; i < 16; i++)
            numbers[i / INT32S][i % INT32S] = (bits >> i & 1 ? others : negative)[(bits + i) % 4];
        const struct patterns ones = not_negative(numbers);
        if (ones.low != (bits & 255) || ones.high != bits >> 8 || count_bits(ones.low) != __builtin_popcount(ones.low))
            return printf("%u: %u, %u\\n", bits, ones.low, ones.high), 1;
        for (int i = 0; i < 16; i++)
            if (where_negative(numbers[i / INT32S], zero + 5, zero + 6)[i % INT32S] != 5 + (int)(bits >> i & 1))
                return printf("%u: value %d\\n", bits, i), 1;
    }
    return 0;
}
"""


def compile_command(target, compiler="gcc"):
    """Return the compiler of a target with its options, or skip the test."""
    program = CROSS if target in AARCH64 else compiler
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    if target in AARCH64:
        return [program, *STRICT, "-static", *AARCH64[target]]
    if target != "portable" and "__x86_64__" not in macros(program):
        pytest.skip("this processor is not an x86-64")
    return [program, *STRICT, *WIDTHS[target][0]]


def emulator_of(target, compiler="gcc"):
    """Return the command that runs programs of a target, empty for this processor, or skip the test."""
    if target in AARCH64:
        if shutil.which(EMULATOR) is None:
            pytest.skip(f"{EMULATOR} is not installed")
        return [EMULATOR]
    missing = WIDTHS[target][1] - macros(compiler)
    if missing:
        pytest.skip(f"compiled, but not run: this processor lacks {', '.join(sorted(missing))}")
    return []


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Write the C project of a network with neurons of all kinds, layers of 16 to 200 channels, and a constant image.

    Two layers multiply counts of spikes, of neurons with copies and of sums of them, where a processor can.
    """
    net = Builder((3, 9, 8), np.random.default_rng(5))
    net.conv("conv1", 48)
    net.neuron("if1", scale=20_000, copies=4, start="rounded")
    net.conv("conv2", 20, (3, 1), (1, 2), (1, 0))
    net.neuron("if2", scale=200, tie=">", copies=3, start="even")
    net.add("pool", SumPool2d((2, 2), (2, 2)))
    net.conv("conv3", 112)
    net.neuron("if3", reset="zero")
    net.conv("conv4", 200)
    net.neuron("if4", leaky=True, reset="zero", tie=">")
    net.conv("conv5", 6)
    net.neuron("if5", scale=400)
    graph = net.graph()
    plan = HostProgram(graph).plan
    assert [name for name in graph.order if plan.multiplies_counts(name)] == ["conv2", "conv3"]
    assert plan.skipped("pool")
    pixels = np.random.default_rng(6).integers(0, 256, (2, *graph.input.shape)).astype(np.float32)
    steps = min(4, exact_steps(graph))
    golden = record_golden(graph, pixels, steps)
    assert all(golden.spikes[name].any() for name in graph.spiking), "a layer without spikes tests nothing"
    bundle = Bundle(graph, Manifest("widths", None, 8, exact_steps(graph)), golden, "# card\n")
    folder = tmp_path_factory.mktemp("widths")
    for name, text in c_project(bundle)[0].items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def weights(project):
    """Objects of the files without vectors, one for each compiler: they are the same at every width."""
    objects = {}

    def compiled(compiler):
        if compiler not in objects:
            for source in ("main", "model_weights"):
                command = [compiler, *STRICT, "-c", f"{source}.c", "-o", f"{source}-{compiler}.o"]
                subprocess.run(command, cwd=project, check=True)
            objects[compiler] = [f"{source}-{compiler}.o" for source in ("main", "model_weights")]
        return objects[compiler]

    return compiled


@pytest.mark.parametrize(
    ("target", "compiler"),
    [
        *((target, compiler) for target in WIDTHS for compiler in ("gcc", "clang")),
        *((target, "gcc") for target in AARCH64),
    ],
)
def test_every_width_has_the_same_spikes(project, weights, target, compiler):
    build = compile_command(target, compiler)
    program = project / f"selftest-{target.replace(' ', '-')}-{compiler}"
    subprocess.run([*build, "model.c", *weights(build[0]), "-o", program], cwd=project, check=True)
    done = subprocess.run([*emulator_of(target, compiler), program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "pass: 2 images" in done.stdout


@pytest.mark.parametrize("target", [*WIDTHS, *AARCH64])
def test_the_signs_of_16_numbers(target, tmp_path):
    build = compile_command(target)
    kernels = str(resources.files("spikelet.lowering.c").joinpath("kernels"))
    (tmp_path / "bits.c").write_text(
        '#include "host/vectors/count_bits.h"\n#include "host/vectors/signs.h"\n' + EVERY_PATTERN
    )
    program = tmp_path / "bits"
    subprocess.run([*build, "-I", kernels, tmp_path / "bits.c", "-o", program], check=True)
    done = subprocess.run([*emulator_of(target), program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_without_an_operation_of_the_processor_nothing_is_chosen():
    """-DSPIKELET_PORTABLE disables all of them, so that the test above compares two forms."""
    text = assemble("host", [Kernel("fire_all")])
    assert "#if defined SPIKELET_PORTABLE || !defined __has_builtin\n#elif VECTOR_BYTES" in text
