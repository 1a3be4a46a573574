"""Count the instructions of each thread when threads share a single image, with the library of the native engine.

The longest path is the sum, over the layers, of the largest number of instructions of a thread in that layer, since the
threads are synchronised after each layer. It corresponds to the running time on a machine with a free core for each thread,
without synchronisation. Here a thread processes its own parts only: the emulator runs the threads in turn, and the first
would otherwise process the parts of the others.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from counts.instructions import LAYER, LAYER_DEFINITION, read_callgrind
from spikelet.graph import Graph
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.interface import library_source

DRIVER = Path(__file__).resolve().parents[2] / "benchmarks" / "drivers" / "threads.c"
ALL_PARTS, OWN_PARTS = "all = (1u << share->parts) - 1", "all = (1u << end) - (1u << first)"


@dataclass(frozen=True)
class Shared:
    """Instructions of one image, the mean over images.

    Attributes:
        layers: By name, the instructions of each thread.
        phases: Number of synchronisations of all threads.
        classes: (N,) predicted classes.
    """

    layers: dict[str, list[float]]
    phases: float
    classes: npt.NDArray[np.int64]

    @property
    def longest(self) -> float:
        """Instructions on the longest path."""
        return sum(max(parts) for parts in self.layers.values())


def build(graph: Graph, folder: Path, march: str = "x86-64-v3") -> Path:
    """Compile the library of a network with the driver and return the program."""
    program = HostProgram(graph)
    text = LAYER_DEFINITION.sub("__attribute__((noinline)) static void run_", library_source(program))
    assert ALL_PARTS in text
    text = text.replace(ALL_PARTS, OWN_PARTS)
    (folder / "library.c").write_text(text)
    with (folder / "parameters").open("wb") as file:
        for parameter in program.parameters:
            values = np.ascontiguousarray(parameter.values)
            file.write(np.uint64(values.nbytes).tobytes() + values.tobytes())
    path = folder / "threads"
    flags = ["-std=gnu11", "-O3", f"-march={march}", "-pthread", "-DTHREADS", "-fno-tree-loop-distribute-patterns"]
    include = ["-I", str(folder), "-I", str(DRIVER.parent)]
    subprocess.run(["gcc", *flags, *include, str(DRIVER), "-o", str(path)], check=True, capture_output=True)
    return path


def count(program: Path, images: npt.NDArray[np.uint8], steps: int, threads: int) -> Shared:
    """Run images, (N, C, H, W), through a program of `build` under callgrind."""
    pixels = program.with_name("pixels")
    pixels.write_bytes(np.ascontiguousarray(images).tobytes())
    for old in program.parent.glob("callgrind*"):
        old.unlink()
    options = [f"--callgrind-out-file={program.with_name('callgrind')}", "--separate-threads=yes"]
    options += ["--compress-strings=no", "--compress-pos=no"]
    arguments = [str(program), str(program.with_name("parameters")), str(pixels)]
    numbers = [str(number) for number in (len(images), steps, threads)]
    command = ["valgrind", "--tool=callgrind", *options, *arguments, *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    layers: dict[str, list[float]] = {}
    profiles = sorted(program.parent.glob("callgrind-*")) or [program.with_name("callgrind")]
    for profile in profiles:
        text = profile.read_text()
        own, called = read_callgrind(text)
        for name, cost in own.items():
            if match := LAYER.fullmatch(name):
                layers.setdefault(match[1], []).append((cost + called[name]) / len(images))
    *classes, phases = map(int, done.stdout.split())
    return Shared(layers, phases / len(images), np.array(classes, np.int64))
