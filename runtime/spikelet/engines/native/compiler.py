"""Find a C compiler and run it."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

from spikelet.errors import EngineError

FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared")
SECONDS = 600  # more than the slowest board needs for the largest network
SHOWN = 12  # lines of the compiler's message that are shown


class CompilerMissing(EngineError):
    """No C compiler is installed."""

    def __init__(self, name: str | None = None) -> None:
        what = f"there is no C compiler {name!r} here" if name else "there is no C compiler here (cc, gcc or clang)"
        super().__init__(
            f"engine native: {what}; on Debian and its kin: sudo apt-get install gcc, or set CC. "
            "Engines onnx and numpy need none"
        )


def find(target: str | None = None) -> list[str]:
    """Return the command of the compiler: $CC, or the first of cc, gcc and clang; TARGET-gcc for a `target`.

    Raises:
        CompilerMissing: none is installed.
    """
    if target is not None:
        name = f"{target}-gcc"
        if shutil.which(name) is None:
            raise CompilerMissing(name)
        return [name]
    named = shlex.split(os.environ.get("CC", ""))
    for command in [named] if named else [["cc"], ["gcc"], ["clang"]]:
        if shutil.which(command[0]):
            return command
    raise CompilerMissing(named[0] if named else None)


def flags(target: str | None = None) -> list[str]:
    """Return the flags of the compiler; without a target, code is generated for the processor of this machine."""
    extra = shlex.split(os.environ.get("SPIKELET_CFLAGS", ""))
    return [*FLAGS, *([] if target else ["-march=native"]), *extra]


def compile_library(source: Path, library: Path, target: str | None = None) -> None:
    """Compile one C file to a shared library.

    Raises:
        EngineError: the compiler fails; its message is included.
        CompilerMissing: none is installed.
    """
    command = [*find(target), *flags(target), "-o", str(library), str(source)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"engine native: {command[0]} did not run ({error})") from None
    if done.returncode or not library.is_file():
        lines = (done.stderr.strip() or f"exit code {done.returncode}, no message and no library").splitlines()
        more = [f"… and {len(lines) - SHOWN} lines more"] if len(lines) > SHOWN else []
        shown = "\n  ".join(lines[:SHOWN] + more)
        raise EngineError(f"engine native: the compiler failed: {shlex.join(command)}\n  {shown}")


@cache
def processor() -> str:
    """Return what `-march=native` depends on: machine type and processor features."""
    facts = [platform.system(), platform.machine()]
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    except OSError:
        return " ".join([*facts, platform.processor()])
    kept = (
        "vendor_id",
        "cpu family",
        "model",
        "flags",
        "features",
        "cpu implementer",
        "cpu part",
        "cpu variant",
        "isa",
    )
    lines = {line for line in text.splitlines() if line.partition(":")[0].strip().lower() in kept}
    return "\n".join([*facts, *sorted(lines)])
