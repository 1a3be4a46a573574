"""Many generated C files as one, in which equal definitions appear once.

The C of two small networks differs in few functions, and the compiler takes most of its time for the others. Definitions
are equal if their texts are, and those of all names that they use. A definition that another file has with the same name
and another meaning is renamed, so that each file has its own. Most kernels of the host form get a `struct share`, whose
pointer to the workspace of the network becomes `void *`.
"""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache

INCLUDED = "".join(f"#include <{name}.h>\n" for name in ("stddef", "stdint", "string", "stdlib", "stdio", "pthread"))
START = "int start_of_a_file;\n"
MACRO = re.compile(r"^[ \t]*#[ \t]*define (\w+)", re.MULTILINE)
DEFINITION = re.compile(r"^(?=[A-Za-z_#])", re.MULTILINE)  # what follows in its lines is indented, or a brace
ENUMERATORS = re.compile(r"enum \{((?: \w+ = \w+,?)+) \};\n")
DECLARATION = re.compile(r"typedef struct (\w+) \1;|(?!typedef|enum)[^{=]*;\n")
OWN = re.compile(r"struct (\w+) \*own;")
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|\b[A-Za-z_]\w*')
ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)")


def joined(sources: Sequence[str], command: Iterable[str]) -> tuple[str, list[dict[str, str]]]:
    """Return the C of all sources, preprocessed, and the names that the definitions of each source have in it.

    Args:
        sources: Texts of C files that include no other files of the project.
        command: Compiler and flags, of which the preprocessor needs those for language and processor.
    """
    files = [dict.fromkeys(_definitions(file)) for file in _preprocessed(sources, command).split(START)[1:]]
    taken = {name for file in files for text in file for name in _names(text)[1]}
    known: dict[tuple[object, ...], dict[str, str]] = {}
    defined_before: set[str] = set()
    numbers = itertools.count(1)
    texts, names_of_files = [INCLUDED], []
    for index, file in enumerate(files):
        names: dict[str, str] = {}
        for text in file:
            defined, used = _names(text)
            key = (text, *((name, names[name]) for name in used if name in names))
            if DECLARATION.match(text):  # its definition follows
                key = (*key, index)
            if key not in known:
                known[key] = {name: name for name in defined if name not in names}
                for name in filter(defined_before.__contains__, known[key]):
                    free = (f"{name}_{number}" for number in numbers)
                    known[key][name] = next(other for other in free if other not in taken)
                defined_before.update(known[key])
                texts.append(_renamed(text, names | known[key]))
            names |= known[key]
        names_of_files.append(names)
    return "".join(texts), names_of_files


def _preprocessed(sources, command):
    """Return all sources, each after START, behind the headers of the system; macros end with their file."""
    text = INCLUDED
    for source in sources:
        ends = "".join(f"#undef {name}\n" for name in MACRO.findall(source))
        text += f"{START}{_with_a_general_share(source)}\n{ends}"
    preprocess = [*command, "-E", "-P", "-w", "-x", "c", "-"]
    return subprocess.run(preprocess, input=text, capture_output=True, text=True, check=True).stdout


def _with_a_general_share(source):
    workspace = OWN.search(source)
    if workspace is None:
        return source
    return OWN.sub("void *own;", source).replace("share->own", f"((struct {workspace[1]} *)share->own)")


def _definitions(text):
    """Return the texts of the definitions of a file, those of constants one by one."""
    for definition in DEFINITION.split(text):
        constants = ENUMERATORS.fullmatch(definition)
        if constants:
            yield from (f"enum {{ {constant.strip()} }};\n" for constant in constants[1].split(","))
        elif definition.strip():
            yield definition


@cache
def _names(text):
    """Return the names that a text defines, and all names in it, in order."""
    plain = ATTRIBUTE.sub("", text)
    head = plain.partition("{")[0]
    if plain.startswith("#"):  # a pragma
        defined = []
    elif plain.startswith("enum"):
        defined = re.findall(r"(\w+)\s*(?:=[^,}]*)?[,}]", plain)
    elif re.fullmatch(r"struct \w+\s*", head):
        defined = re.findall(r"struct (\w+) \{", plain)  # and those within it
    elif plain.startswith("typedef"):
        defined = [re.findall(r"\w+", plain.rpartition("}")[2] if "{" in plain else plain)[-1]]
    else:  # a function or a variable
        defined = [re.match(r".*?(\w+)\s*[(\[=;]", head + "=", re.DOTALL)[1]]
    return tuple(defined), tuple(dict.fromkeys(TOKEN.findall(text)))


def _renamed(text, names):
    return TOKEN.sub(lambda token: names.get(token[0], token[0]), text)
