"""Join C files of the folder `kernels` to one text.

The files also compile by themselves, so that compilers, clangd and clang-tidy can check them. An `#include "…"` line
states a dependency; it is replaced by the text of that file, once and without include guards. The files of
`kernels/stand_in` declare names that the generator writes for a network, and are omitted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from posixpath import dirname, join, normpath

PACKAGE, FOLDER = "spikelet.lowering.c", "kernels"
STAND_IN = "stand_in"
INCLUDE = re.compile(r'#include "(.+)"\n')
GUARD = re.compile(r"#ifndef (\w+_H)\n#define \1\n(.*)#endif /\* \1 \*/\n", re.DOTALL)


@dataclass(frozen=True)
class Kernel:
    """A C function of the folder `kernels`, in the file `NAME.h` of a form.

    Attributes:
        name: Name of the file, and of the function.
        macro: Name of the macro that the file expects, if any: LANES or WEIGHT.
        value: Value of the macro, which is also a suffix of the function's name.
    """

    name: str
    macro: str = ""
    value: str = ""

    @property
    def function(self) -> str:
        """Name of the C function."""
        return f"{self.name}_{self.value}" if self.macro else self.name


def assemble(form: str, kernels: Iterable[Kernel]) -> str:
    """Return the text of kernels and of all files that they include.

    Args:
        form: Folder of the kernels, "host" or "mcu".
        kernels: The functions that are called. Each is written once for every value of its macro.
    """
    texts: dict[str, str] = {}
    for kernel in kernels:
        path = f"{form}/{kernel.name}.h"
        for file in dependencies(path):
            texts.setdefault(file, content(file))
        text = content(path)
        if kernel.macro:
            text = f"#define {kernel.macro} {kernel.value}\n\n{text}\n#undef {kernel.macro}\n"
        texts.setdefault(path + kernel.value, text)
    return "\n".join(texts.values())


@cache
def content(file: str) -> str:
    """Return the text of a file without its include guard and the lines that include files of this folder.

    Args:
        file: Path below the folder `kernels`, such as "host/program/library.c".
    """
    text = _read(file)
    guarded = GUARD.fullmatch(text)
    return INCLUDE.sub("", guarded[2] if guarded else text).strip() + "\n"


@cache
def dependencies(file: str) -> tuple[str, ...]:
    """Return the paths of the files that a file includes, directly or indirectly, in order of dependency."""
    paths: list[str] = []
    for name in INCLUDE.findall(_read(file)):
        path = normpath(join(dirname(file), name))
        if dirname(path) != STAND_IN:
            paths += [*dependencies(path), path]
    return tuple(dict.fromkeys(paths))


@cache
def _read(file: str) -> str:
    return resources.files(PACKAGE).joinpath(FOLDER, *file.split("/")).read_text("utf-8")
