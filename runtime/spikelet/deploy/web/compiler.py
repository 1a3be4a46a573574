"""Compile generated C to a WebAssembly module with Clang and LLVM's linker."""

from __future__ import annotations

import shutil
import tempfile
from importlib import resources
from pathlib import Path

from spikelet.errors import SpikeletError
from spikelet.files.compilation import compile_file
from spikelet.lowering.c.interface import PAGE_FUNCTIONS

TOOLS = ("clang", "wasm-ld")
REMEDY = "install Clang and LLD (on Debian or Ubuntu: sudo apt-get install clang lld)"
COMPILE = ("--target=wasm32", "-std=gnu11", "-O3", "-msimd128", "-mbulk-memory", "-ffreestanding", "-nostdlibinc")
# the stack comes first in memory, so that an overflow stops the module instead of changing data
LINK = ("-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all", "-Wl,--stack-first", "-Wl,-z,stack-size=262144")
EXPORTS = tuple(f"-Wl,--export={name}" for name in (*PAGE_FUNCTIONS, "__heap_base"))


def missing_tools() -> list[str]:
    """Return the names of the tools that are not installed."""
    return [name for name in TOOLS if shutil.which(name) is None]


def tools() -> str:
    """Return a text that states whether pages can be written on this machine."""
    missing = missing_tools()
    return f"{' and '.join(missing)} missing; {REMEDY}" if missing else f"{' and '.join(TOOLS)} found"


def require_tools() -> None:
    """Check that the tools are installed.

    Raises:
        SpikeletError: One is missing.
    """
    missing = missing_tools()
    if missing:
        name = missing[0]
        raise SpikeletError(
            f"target web: expected the program {name!r}, found none; {REMEDY}",
            where="target web",
            expected=name,
            remedy=REMEDY,
        )


def compile_module(source: str) -> bytes:
    """Compile one C file and return the module; the same source gives the same bytes.

    Args:
        source: C without a library, which defines `PAGE_FUNCTIONS`.

    Raises:
        SpikeletError: A tool is missing or fails; its message is included.
    """
    require_tools()
    include = Path(str(resources.files(__package__).joinpath("include")))
    with tempfile.TemporaryDirectory(prefix="spikelet-") as folder:
        text, module = Path(folder, "model.c"), Path(folder, "model.wasm")
        text.write_text(source, "utf-8")
        command = ["clang", *COMPILE, f"-I{include}", *LINK, *EXPORTS, "-o", str(module), str(text)]
        if failure := compile_file(command, module):
            raise SpikeletError(f"target web: {failure}; if this Clang does not compile for wasm32, {REMEDY}")
        return module.read_bytes()
