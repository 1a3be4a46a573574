"""Count the instructions of an exported model on an emulated processor without an operating system."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

DRIVER = Path(__file__).resolve().parents[2] / "benchmarks" / "drivers" / "board.c"
STRING_H = """#include <stddef.h>
void *memcpy(void *restrict, const void *restrict, size_t);
void *memset(void *, int, size_t);
"""
LINKER_SCRIPT = """
ENTRY({entry})
SECTIONS {{
  . = {code};
  .text : {{ KEEP(*(.start)) *(.text*) *(.rodata*) *(.srodata*) }}
  {to_memory}
  .data : {{ *(.data*) *(.sdata*) }}
  .bss : {{ bss_start = .; *(.bss*) *(.sbss*) *(COMMON) bss_end = .; }}
  . = ALIGN(16) + 0x10000;
  stack_top = .;
  /DISCARD/ : {{ *(.comment) *(.note*) *(.ARM.attributes) *(.riscv.attributes) *(.ARM.exidx*) *(.eh_frame*) }}
}}
"""


@dataclass(frozen=True)
class Processor:
    """An emulated processor.

    Attributes:
        compiler: Command that compiles and links.
        machine: Command that runs a program.
        code, memory: Addresses of code and memory; None, if memory follows the code.
        unit: Instructions between two values of the counter.
        entry: Symbol at which the program begins.
    """

    compiler: tuple[str, ...]
    machine: tuple[str, ...]
    code: int
    memory: int | None
    unit: int
    entry: str = "_start"


def _cortex_m(cpu: str, machine: str, code: int, memory: int, unit: int) -> Processor:
    compiler = ("arm-none-eabi-gcc", f"-mcpu={cpu}", "-mthumb", "-O2", "-nostdlib", "-static")
    return Processor(compiler, ("qemu-system-arm", "-machine", machine), code, memory, unit, "run")


def _cortex_a(cpu: str) -> Processor:
    compiler = ("aarch64-linux-gnu-gcc", f"-mcpu={cpu}", "-O3", "-nostdlib", "-static", "-no-pie")
    return Processor(compiler, ("qemu-system-aarch64", "-machine", "virt", "-cpu", cpu), 0x40200000, None, 16)


def _riscv(bits: int, march: str, abi: str) -> Processor:
    compiler = ("clang", f"--target=riscv{bits}", f"-march={march}", f"-mabi={abi}", "-mcmodel=medany", "-O3")
    machine = (f"qemu-system-riscv{bits}", "-machine", "virt", "-bios", "none")
    return Processor((*compiler, "-nostdlib", "-static", "-fuse-ld=lld"), machine, 0x80000000, None, 1)


PROCESSORS: dict[str, Processor] = {
    "Cortex-M4": _cortex_m("cortex-m4", "mps2-an386", 0, 0x20000000, 40),
    "Cortex-M7": _cortex_m("cortex-m7", "mps2-an500", 0, 0x20000000, 40),
    "Cortex-M33": _cortex_m("cortex-m33", "mps2-an505", 0x10000000, 0x38000000, 50),
    "Cortex-A72": _cortex_a("cortex-a72"),
    "Cortex-A76": _cortex_a("cortex-a76"),
    "riscv64": _riscv(64, "rv64imac", "lp64"),
    "riscv32": _riscv(32, "rv32imac", "ilp32"),
}


def missing(processor: Processor) -> str | None:
    """Return the name of a program that is needed for a processor and not installed, or None."""
    for program in (processor.compiler[0], processor.machine[0]):
        if shutil.which(program) is None:
            return program
    return None


def count(
    processor: Processor, exported: Path, images: npt.NDArray[np.uint8], *, keeps_image: bool
) -> tuple[dict[int, float], npt.NDArray[np.int64]]:
    """Compile an exported model, run images, and return the instructions of an image by T, and the classes.

    Args:
        processor: Emulated processor.
        exported: Folder written by `spikelet export c`.
        images: (N, C, H, W) uint8.
        keeps_image: Whether the model keeps the image after the first time-step (host form).

    Returns:
        Mean instructions of an image by T, within the unit of the counter; and (N, number of T) classes.
    """
    pixels = ",".join(map(str, images.ravel().tolist()))
    source, script, program = exported / "images.c", exported / "board.ld", exported / "board.elf"
    source.write_text(
        f'#include "model.h"\nconst int image_count = {len(images)};\nconst model_pixel images[] = {{{pixels}}};\n'
    )
    to_memory = "" if processor.memory is None else f". = {processor.memory:#x};"
    headers = exported / "include"  # for compilers without a C library
    headers.mkdir(exist_ok=True)
    (headers / "string.h").write_text(STRING_H)
    script.write_text(LINKER_SCRIPT.format(entry=processor.entry, code=hex(processor.code), to_memory=to_memory))
    flags = ["-std=gnu11", "-ffreestanding", f"-DKEEPS_IMAGE={int(keeps_image)}", f"-DCOUNTER_UNIT={processor.unit}u"]
    sources = [exported / "model.c", exported / "model_weights.c", source, DRIVER]
    command = [
        *processor.compiler,
        *flags,
        "-I",
        exported,
        "-idirafter",
        headers,
        *sources,
        "-T",
        script,
        "-o",
        program,
    ]
    _run(command)
    machine = [*processor.machine, "-nographic", "-monitor", "none", "-serial", "none", "-icount", "shift=0"]
    text = _run([*machine, "-semihosting-config", "enable=on,target=native", "-kernel", program])
    rows = np.array([line.split() for line in text.splitlines()], np.int64).reshape(len(images), -1, 3)
    totals = {int(t): float(rows[:, column, 2].mean()) for column, t in enumerate(rows[0, :, 0])}
    return totals, rows[:, :, 1]


def _run(command: list[object] | list[str | Path]) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr
