"""Processor of a measurement: its description, and the restriction of a process to AVX2."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "drivers" / "avx2_only.c"
BUILT = Path(__file__).resolve().parents[3] / "build" / "avx2"
RESTRICTED = "SPIKELET_AVX2_ONLY"  # environment variable of a restricted process
VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2"}  # by flag, the widest first


def intercepts() -> bool:
    """Return whether CPUID can be intercepted: on Linux, where the processor supports it."""
    return "cpuid_fault" in _flags()


def restrict_to_avx2() -> None:
    """Start this program again as on a processor with AVX2 and without AVX-512, VNNI and AMX, unless it has no wider vectors.

    The kernels of all libraries and the flags of `-march=native` follow. Instructions take the time that they take on the
    processor of this machine.

    Raises:
        SystemExit: The processor or the system cannot intercept CPUID.
    """
    if RESTRICTED in os.environ or widest() == "AVX2":
        return
    if not intercepts():
        raise SystemExit("--avx2: expected Linux on an x86-64 processor with cpuid_fault in /proc/cpuinfo")
    BUILT.mkdir(parents=True, exist_ok=True)
    library = BUILT / "avx2_only.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True)
    # another cache: the native engine finds its libraries by the features that /proc/cpuinfo lists, which stay the same
    environment = {"LD_PRELOAD": str(library), "SPIKELET_CACHE": str(BUILT / "cache"), RESTRICTED: "1"}
    environment["SPIKELET_CFLAGS"] = "-mno-avx512vnni"  # it selects the forms of layers by these features, too
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | environment)


def description() -> str:
    """Return the model of the processor and the widest vectors that this process uses, as far as the system states them."""
    model = _first_processor().get("model name", platform.machine())
    if RESTRICTED in os.environ:
        return f"{model} restricted to AVX2 (without AVX-512, VNNI and AMX)"
    vectors = widest()
    return model if vectors is None else f"{model} with {vectors}"


def widest() -> str | None:
    """Return the widest vectors of the processor, as far as the system states them: "AVX-512", "AVX2" or None."""
    return next((name for flag, name in VECTORS.items() if flag in _flags()), None)


def vector_bytes() -> int:
    """Return the width of the registers that the generated C uses in this process."""
    return 64 if RESTRICTED not in os.environ and widest() == "AVX-512" else 32 if widest() else 16


def _flags() -> list[str]:
    return _first_processor().get("flags", "").split()


def _first_processor() -> dict[str, str]:
    """Return the fields of /proc/cpuinfo for the first processor; none where there is no such file."""
    path = Path("/proc/cpuinfo")
    text = path.read_text().partition("\n\n")[0] if path.exists() else ""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
