"""Processor of a measurement: its description, and the restriction of a process to AVX2."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parent / "drivers" / "avx2_only.c"
BUILT = Path(__file__).resolve().parents[2] / "build" / "avx2"
RESTRICTED = "SPIKELET_AVX2_ONLY"  # environment variable of a restricted process


def restrict_to_avx2() -> None:
    """Start this program again as on a processor with AVX2 and without AVX-512, VNNI and AMX, unless it runs so already.

    The kernels of all libraries and the flags of `-march=native` follow. Instructions take the time that they take on the
    processor of this machine.

    Raises:
        SystemExit: The processor or the system cannot intercept CPUID.
    """
    if RESTRICTED in os.environ:
        return
    if "cpuid_fault" not in _flags():
        raise SystemExit("--avx2: expected Linux on an x86-64 processor with cpuid_fault in /proc/cpuinfo")
    BUILT.mkdir(parents=True, exist_ok=True)
    library = BUILT / "avx2_only.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    # another cache: libraries of the native engine are found by the processor's features, which /proc/cpuinfo still lists
    environment = {"LD_PRELOAD": str(library), "XDG_CACHE_HOME": str(BUILT / "cache"), RESTRICTED: "1"}
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | environment)


def description() -> str:
    """Return the model of the processor and the widest vectors that this process uses, where the system tells them."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    if RESTRICTED in os.environ:
        return f"{model} restricted to AVX2 (without AVX-512, VNNI and AMX)"
    names = {"avx512f": "AVX-512", "avx2": "AVX2"}
    return " with ".join([model, *[name for flag, name in names.items() if flag in _flags()][:1]])


def _flags() -> set[str]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return set(next((line.partition(": ")[2].split() for line in lines if line.startswith("flags")), []))
