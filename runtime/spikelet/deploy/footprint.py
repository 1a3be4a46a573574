"""Code size and worst-case stack of exported C, as reported by a compiler.

GCC writes the calls between functions and the stack of each function (`-fcallgraph-info=su`, GCC 10 or later). The
longest path is the worst case, since the code has no recursion, no calls through pointers, and no arrays of variable
size. Functions of the C library (`memcpy`, `memset`) are not counted.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spikelet.errors import EngineError
from spikelet.files.compilation import compile_file, split_command

AUTO = "auto"
CORTEX_M4 = "arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb"
COMPILERS = {"mcu": (CORTEX_M4, "gcc", "cc"), "host": ("gcc -march=native", "cc -march=native")}
FLAGS = {"mcu": "-std=c99 -O2", "host": "-std=gnu11 -O3"}
NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "[^"]*?\\n(\d+) bytes \((\w[\w,]*)\)', re.MULTILINE)
EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Footprint:
    """Sizes of compiled C.

    Attributes:
        command: Compiler and flags.
        code: Bytes of machine code and of its constants, without the parameters of the network.
        stack: Largest number of bytes of stack of one time-step; None if the compiler does not report it.
        stacks: Stack of the function of each node by name, if every node is compiled as a separate function.
    """

    command: str
    code: int
    stack: int | None
    stacks: Mapping[str, int]


def footprint(header: str, source: str, prefix: str, form: str, compiler: str = AUTO) -> Footprint:
    """Compile the network of an exported folder twice: as it is, and with a function for every node.

    Args:
        header: Text of PREFIX.h.
        source: Text of PREFIX.c.
        prefix: Prefix of the public names.
        form: "mcu" or "host".
        compiler: Command with flags, such as "arm-none-eabi-gcc -mcpu=cortex-m7"; "auto" for the first one installed.

    Raises:
        EngineError: There is no such compiler, or it fails.
    """
    command = [*_compiler_command(form, compiler), *shlex.split(FLAGS[form])]
    separate = source.replace("static void run_", "static __attribute__((noinline)) void run_")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, f"{prefix}.h").write_text(header, "utf-8")
        code, depths = _compiled(command, Path(folder, f"{prefix}.c"), source)
        _, nodes = _compiled(command, Path(folder, f"{prefix}.c"), separate)
    stacks = {function: depth for function, depth in nodes.items() if function.startswith("run_")}
    return Footprint(shlex.join(command), code, depths.get(f"{prefix}_state_step"), stacks)


def depths(graph: str) -> dict[str, int]:
    """Return the worst-case stack in bytes of every function of a call graph, by name; empty if a stack is variable.

    Args:
        graph: Text of a .ci file of GCC.
    """
    frames = {title: int(size) for title, size, _ in NODE.findall(graph)}
    if any("dynamic" in kind.split(",") and "bounded" not in kind for _, _, kind in NODE.findall(graph)):
        return {}
    calls: dict[str, set[str]] = {title: set() for title in frames}
    for caller, callee in EDGE.findall(graph):
        if caller in frames and callee in frames:
            calls[caller].add(callee)
    known: dict[str, int] = {}

    def depth(title: str) -> int:
        if title not in known:
            known[title] = frames[title] + max((depth(callee) for callee in calls[title]), default=0)
        return known[title]

    by_name: dict[str, int] = {}
    for title in frames:  # "model.c:step.constprop.0" is a copy of `step`
        name = title.rpartition(":")[2].partition(".")[0]
        by_name[name] = max(by_name.get(name, 0), depth(title))
    return by_name


def _compiler_command(form: str, compiler: str) -> list[str]:
    candidates = COMPILERS[form] if compiler == AUTO else (compiler,)
    for candidate in candidates:
        command = split_command("footprint", candidate)
        if command and shutil.which(command[0]):
            return command
    named = " or ".join(candidates) or "no name"
    raise EngineError(
        f"footprint: expected a C compiler ({named}), found no such program; "
        "install it, or name another one with --compiler, if needed by its path"
    )


def _compiled(command: list[str], source: Path, text: str) -> tuple[int, dict[str, int]]:
    """Return the bytes of code and the depths of all functions; no depths if the compiler does not report them."""
    source.write_text(text, "utf-8")
    target, graph = source.with_suffix(".o"), source.with_suffix(".ci")
    arguments = ["-c", str(source), "-o", str(target)]
    if not compile_file([*command, "-fcallgraph-info=su", *arguments], target) and graph.exists():
        return _code(target, command[0]), depths(graph.read_text("utf-8"))
    if failure := compile_file([*command, *arguments], target):
        raise EngineError(f"footprint: {failure}")
    return _code(target, command[0]), {}


def _code(target: Path, compiler: str) -> int:
    """Return the bytes of text and constants of an object file, as reported by `size`."""
    head, dash, _ = compiler.rpartition("-")  # for arm-none-eabi-gcc, arm-none-eabi-size
    tool = f"{head}-size" if dash and shutil.which(f"{head}-size") else "size"
    done = subprocess.run([tool, str(target)], capture_output=True, encoding="locale", errors="replace", check=False)
    rows = done.stdout.splitlines()
    if done.returncode or len(rows) != 2:
        raise EngineError(
            f"footprint: {tool} does not state the sizes of an object file ({' '.join(done.stderr.split())})"
        )
    return int(rows[1].split()[0])
