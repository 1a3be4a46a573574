"""Find a C compiler and run it."""

from __future__ import annotations

import os
import platform
import shutil
from functools import cache
from pathlib import Path

from spikelet.errors import EngineError
from spikelet.files.compilation import compile_file, split_command
from spikelet.lowering.c.layer_forms import ARM_BYTES, AVX2_BYTES, AVX512_BYTES

FLAGS = ("-std=gnu11", "-O3", "-shared")
# position-independent code (Windows has no other), and threads that share the time-steps of a sample
POSIX = ("-fPIC", "-pthread", "-DTHREADS")
# flag for the processor of this machine, and exceptions by machine name ("arm64" is macOS); none on RISC-V
NATIVE, OTHER_NATIVE = "-march=native", {"arm64": "-mcpu=native", "ppc64le": "-mcpu=native", "riscv64": ""}


class CompilerMissing(EngineError):
    """No C compiler is installed."""

    def __init__(self, name: str | None = None) -> None:
        expected = f"the C compiler {name!r}" if name else "a C compiler (cc, gcc or clang)"
        super().__init__(
            f"engine native: expected {expected}, found none; install one (on Debian or Ubuntu: sudo apt-get install "
            "gcc) or set CC. Engines onnx and numpy do not require a compiler"
        )


def find(target: str | None = None) -> list[str]:
    """Return the command of the compiler: $CC, or the first of cc, gcc and clang; TARGET-gcc for a `target`.

    Raises:
        CompilerMissing: None is installed.
    """
    if target is not None:
        name = f"{target}-gcc"
        if shutil.which(name) is None:
            raise CompilerMissing(name)
        return [name]
    stated = _arguments("CC")
    for command in [stated] if stated else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(command[0]):
            return command
    raise CompilerMissing(stated[0] if stated else None)


def flags(target: str | None = None) -> list[str]:
    """Return the compiler flags. Without a target, code is generated for the processor of this machine."""
    system = POSIX if target or os.name == "posix" else ()
    processor = "" if target else OTHER_NATIVE.get(platform.machine().lower(), NATIVE)
    return [*FLAGS, *system, *filter(None, [processor]), *_arguments("SPIKELET_CFLAGS")]


def _arguments(variable: str) -> list[str]:
    """Return the arguments in an environment variable. On Windows, backslashes are kept as path separators.

    Raises:
        EngineError: A quotation mark is not closed.
    """
    text = os.environ.get(variable, "")
    if os.name != "posix":
        text = text.replace("\\", "\\\\")
    return split_command(variable, text)


def compile_library(source: Path, library: Path, target: str | None = None) -> None:
    """Compile one C file to a shared library.

    Raises:
        EngineError: The compiler fails; its message is included.
        CompilerMissing: None is installed.
    """
    command = [*find(target), *flags(target), "-o", str(library), str(source)]
    if failure := compile_file(command, library):
        raise EngineError(f"engine native: {failure}")


def product_bytes() -> int:
    """Return the bytes of the registers whose products of bytes this processor adds, see `LayerForms`.

    An instruction set that SPIKELET_CFLAGS disables, as `-mno-avx512vnni` does, is not used.
    """
    disabled = {flag.removeprefix("-mno-") for flag in _arguments("SPIKELET_CFLAGS")}
    features = {name.replace("_", "") for name in processor().split()} - disabled
    machine = platform.machine()
    if "avx512vnni" in features:
        return AVX512_BYTES
    # Windows and macOS do not state features; almost all of their processors have these instructions
    if "avx2" in features or (machine in ("AMD64", "x86_64") and "flags" not in features):
        return AVX2_BYTES
    return ARM_BYTES if "asimddp" in features or machine == "arm64" else 0


@cache
def processor() -> str:
    """Return the machine type and the processor features, on which compiled code depends."""
    facts = [platform.system(), platform.machine()]
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return " ".join([*facts, platform.processor()])
    relevant = (
        *("vendor_id", "cpu family", "model", "flags"),  # x86
        *("features", "cpu implementer", "cpu part", "cpu variant", "isa"),  # Arm, RISC-V
    )
    lines = {line for line in text.splitlines() if line.partition(":")[0].strip().lower() in relevant}
    return "\n".join([*facts, *sorted(lines)])
