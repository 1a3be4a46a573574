"""Report of skipped tests with reasons and remedies, printed after the tests."""

from __future__ import annotations

import re
from collections import defaultdict

# (pattern of the reason in pytest, short form, remedy)
REMEDIES = (
    (
        r"(?:could not import )?'?(aedat|brevitas|sinabs|norse|rockpool|spikingjelly|spyx|snntorch\.(?:export|import)_nir)\b",
        r"\1 is not installed",
        "make peers",
    ),
    (r"could not import '([\w.]+)'", r"\1 is not installed", "make clean, then make test"),
    (r"Brian2 is not installed", "Brian2 is not installed", "make clean, then make test"),
    (r"no onnxruntime_cxx_api\.h", "no C++ headers of ONNX Runtime", "install them where the compiler looks"),
    (r"no C\+\+ compiler", "no C++ compiler", "install g++"),
    (r"chromium is not installed", "no chromium", "install chromium or Google Chrome"),
    (r"(clang|wasm-ld) is not installed", r"no \1", "install clang and lld"),
    (r"openssl is not here", "no openssl", "install openssl"),
    (r"needs glibc", "needs glibc", "run on a system with glibc"),
    (
        r"this processor lacks|has no AVX-512",
        "the processor lacks AVX-512 or VNNI",
        "run on processors with AVX-512 VNNI and AVX-VNNI",
    ),
    (r"a processor with AVX2|not an x86-64", "the processor lacks AVX2", "run on an x86-64 processor with AVX2"),
    (r"instructions are published for", "counts are published for another compiler", "make bench-instructions"),
    (r"needs Linux", "needs Linux", "run on Linux"),
    (r"NumPy is not linked to OpenBLAS", "NumPy is not linked to OpenBLAS", "install NumPy's own wheel"),
    (r"needs pip and hatchling", "pip or hatchling is not installed", "make clean, then make test"),
    (r"^(?:Skipped: )?([\w+, -]+) (?:is|are) not installed", r"\1 not installed", r"install \1"),
    (r"needs (valgrind|gcc|g\+\+|make and a C compiler)", r"\1 not installed", r"install \1"),
)


def remedy(reason: str) -> tuple[str, str]:
    """Return (short form, remedy) for the reason of a skipped test."""
    for pattern, short, action in REMEDIES:
        match = re.search(pattern, reason)
        if match:
            return match.expand(short), match.expand(action)
    return reason, "no remedy is known"


def lines(reasons: list[str]) -> list[str]:
    """Return one line for each reason, the most frequent first."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for reason in reasons:
        counts[remedy(reason)] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{count:>4}  {short}; to run: {action}" for (short, action), count in ordered]
