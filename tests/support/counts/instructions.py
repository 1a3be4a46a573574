"""Count the instructions of generated C per image with callgrind.

Counts depend on the compiler and its flags only, not on the processor or on its load. Functions of the C library are not
counted, because it chooses them by the processor.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

import spikelet.bundle
from c_projects import c_project
from processor import macros
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest
from spikelet.bundle.golden import Activity
from spikelet.engines import create, run
from spikelet.graph import Graph
from spikelet.verify import record_golden
from spikelet_converters.conversion.copies import with_copies

DRIVER = Path(__file__).resolve().parents[2] / "benchmarks" / "drivers" / "instructions.c"
TIMES = (1, 2, 4)
LAYER = re.compile(r"run_(\w+)(?:\.\w+)*")  # GCC appends a suffix to clones
LARGE_ARRAY = re.compile(r"^static const (u?int\d+_t) (\w+)\[(\d{4,})\] ALIGNED = \{\n([-\d, \n]+)\};\n", re.MULTILINE)
LAYER_DEFINITION = re.compile(r"^static void run_", re.MULTILINE)


@dataclass(frozen=True)
class Profile:
    """Instructions of one image, the mean over images.

    Attributes:
        totals: By T, all instructions.
        functions: By name, instructions in the function itself, at the largest T.
        layers: By name, instructions of a layer with the functions that it calls, at the largest T.
        classes: (N, number of T) class after T time-steps.
    """

    totals: dict[int, float]
    functions: dict[str, float]
    layers: dict[str, float]
    classes: npt.NDArray[np.int64]


def missing(compiler: str = "gcc") -> str | None:
    """Return what is needed to count instructions and is not here, or None."""
    for program in ("valgrind", compiler):
        if shutil.which(program) is None:
            return program
    return None if "__AVX2__" in macros(compiler) else "a processor with AVX2"


def compiler_version(compiler: str = "gcc") -> str:
    """Return name and version of a compiler, as "gcc 12.2.0"."""
    option = "-dumpfullversion" if compiler.endswith("gcc") else "-dumpversion"
    text = subprocess.run([compiler, option], capture_output=True, text=True, check=True).stdout.strip()
    return f"{compiler} {text}"


def network(bundle: Path, copies: int) -> Graph:
    """Read the network of a bundle, with `copies` copies of each neuron, and measure its activity on the golden inputs."""
    source = spikelet.bundle.read(bundle)
    if copies == 1:
        return source.graph
    graph = with_copies(source.graph, copies)
    golden = record_golden(graph, source.golden.inputs.astype(np.float32), 1)
    return graph.with_activity(Activity(graph, golden.spikes))


def answers(bundle: Path, copies: int, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Return the classes that the numpy engine predicts at each T of `TIMES`, (N, number of T)."""
    graph = network(bundle, copies)
    inputs = images.reshape(1, -1, *graph.input.shape).astype(np.float32)
    logits = np.cumsum([logits for _, logits in run(create(graph, "numpy"), inputs, max(TIMES))], axis=0)
    return logits.argmax(2)[[t - 1 for t in TIMES]].T


def export(bundle: Path, folder: Path, *, mcu: bool = False, copies: int = 1) -> Path:
    """Write the C code of a bundle, with `copies` copies of each neuron, and return its folder."""
    graph = network(bundle, copies)
    golden = record_golden(graph, np.zeros((1, *graph.input.shape), np.float32), 1)
    files, _ = c_project(
        Bundle(graph, Manifest("counted", bits=8, exact_steps=exact_steps(graph)), golden, ""), "mcu" if mcu else "host"
    )
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def build(exported: Path, march: str, *, layers: bool = False, compiler: str = "gcc", keeps_image: bool = True) -> Path:
    """Compile an exported model with the driver and return the program.

    Args:
        exported: Folder written by `spikelet export c`.
        march: Value of `-march`.
        layers: Keep a function for each layer, so that its instructions are counted separately; totals grow a little.
        compiler: Name of the compiler.
        keeps_image: Whether the model keeps the image after the first time-step (host form).
    """
    program = exported / f"instructions-{compiler}-{march}{'-layers' if layers else ''}"
    flags = ["-std=gnu11", "-O3", f"-march={march}", "-I", str(exported)]
    model = exported / "model.c"
    if layers:
        text = LAYER_DEFINITION.sub("__attribute__((noinline)) static void run_", model.read_text())
        model = exported / "model-layers.c"
        model.write_text(text)
    driver = program.with_suffix(".o")
    options = [f"-DKEEPS_IMAGE={int(keeps_image)}", "-ffreestanding"]  # loops are not replaced by calls of memset
    options += ["-fno-tree-loop-distribute-patterns"] if compiler == "gcc" else []
    for command in (
        [compiler, *flags, *options, "-c", str(DRIVER), "-o", str(driver)],
        [compiler, *flags, str(model), str(_weights(exported)), str(driver), "-o", str(program)],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return program


def _weights(exported: Path) -> Path:
    """Return model_weights.c with the values of large arrays in binary files: a compiler reads a million numbers in 1.5 s."""

    def with_file(definition):
        kind, name, count, values = definition.groups()
        file = exported / f"{name}.values"
        file.write_bytes(np.fromstring(values, kind.removesuffix("_t"), sep=",").tobytes())
        text = f'.section .rodata\\n.balign 64\\n{name}: .incbin \\"{file}\\"\\n.previous'
        return f'extern const {kind} {name}[{count}];\n__asm__("{text}");\n'

    path = exported / "binary_weights.c"
    path.write_text(LARGE_ARRAY.sub(with_file, (exported / "model_weights.c").read_text()))
    return path


def profile(program: Path, images: npt.NDArray[np.uint8], last: int = TIMES[-1]) -> Profile:
    """Run images through a program under callgrind.

    Args:
        program: Program built by `build`.
        images: (N, C, H, W) uint8.
        last: Largest number of time-steps that is measured, one of `TIMES`.
    """
    times = [t for t in TIMES if t <= last]
    pixels, out = program.with_suffix(".pixels"), program.with_suffix(".callgrind")
    pixels.write_bytes(np.ascontiguousarray(images).tobytes())
    options = ["--tool=callgrind", f"--callgrind-out-file={out}", "--compress-strings=no", "--compress-pos=no"]
    options += ["--collect-atstart=no", *(f"--toggle-collect=measured_{t}" for t in times)]
    command = ["valgrind", *options, str(program), str(pixels), str(len(images)), str(last)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    own, called = read_callgrind(out.read_text())
    count = len(images)
    parts = [(own[f"measured_{t}"] + called[f"measured_{t}"]) / count for t in times]
    return Profile(
        totals=dict(zip(times, accumulate(parts), strict=True)),
        functions={name: cost / count for name, cost in own.items()},
        layers={
            match.group(1): (cost + called[name]) / count
            for name, cost in own.items()
            if (match := LAYER.fullmatch(name))
        },
        classes=np.array([line.split() for line in done.stdout.splitlines()], np.int64),
    )


def read_callgrind(text: str) -> tuple[dict[str, int], dict[str, int]]:
    """Sum the costs of an uncompressed callgrind file by function.

    Returns:
        By name, the instructions in the function itself, and those in the functions that it calls.
    """
    own: dict[str, int] = defaultdict(int)
    called: dict[str, int] = defaultdict(int)
    function, is_call = "", False
    for line in text.splitlines():
        if line.startswith("fn="):
            function = line.removeprefix("fn=")
        elif line.startswith("calls="):
            is_call = True  # the next line is the cost of the call
        elif line[:1].isdigit():
            (called if is_call else own)[function] += int(line.split()[-1])
            is_call = False
    return own, called
