"""The instruction sets of this processor, as compilers see them."""

import subprocess
from functools import cache


@cache
def macros(compiler: str) -> frozenset[str]:
    """Return the names of the macros that a compiler defines for this processor, such as __AVX2__."""
    command = [compiler, "-march=native", "-dM", "-E", "-x", "c", "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return frozenset(line.split()[1] for line in done.stdout.splitlines())
