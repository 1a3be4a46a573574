"""Names of an exported interface, such as `model_step` and `MODEL_CLASSES`; the prefix `model` can be replaced."""

from __future__ import annotations

import re

from spikelet.errors import UsageError

MAX_LENGTH = 40  # C99 compilers need only distinguish 63 characters; the longest suffix has 13
# files of these names would hide headers of the C library or the self-test
RESERVED = frozenset({
    "assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "iso646", "limits", "locale", "main",
    "math", "setjmp", "signal", "stdalign", "stdarg", "stdatomic", "stdbool", "stddef", "stdint", "stdio",
    "stdlib", "stdnoreturn", "string", "tgmath", "threads", "time", "uchar", "wchar", "wctype",
})  # fmt: skip
FUNCTIONS = ("reset", "step", "steps", "logits", "spikes", "answer", "margin")
PUBLIC = (
    *FUNCTIONS,
    *(f"state_{name}" for name in FUNCTIONS),
    "layers",
    "labels",
    "parameters",
    "pixel",
    "state",
    "work",
)
STATIC = re.compile(r"^static [^(=\[;]*?\b(\w+)\s*[(=\[;]", re.MULTILINE)


def check_prefix(prefix: str, source: str) -> None:
    """Raise UsageError if a prefix is not valid for the public names of a program.

    Args:
        prefix: First part of the names.
        source: C of the program, whose static functions and tables must have other names.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", prefix) or len(prefix) > MAX_LENGTH:
        raise UsageError(
            f"prefix: {prefix[:MAX_LENGTH]!r} cannot begin names of C and C++; use at most {MAX_LENGTH} lower-case "
            "letters, digits and single underscores, a letter first"
        )
    if prefix in RESERVED:
        raise UsageError(f"prefix: {prefix}.h or {prefix}.c is a file that programs already have; use another prefix")
    names = set(STATIC.findall(source))
    if taken := [name for suffix in PUBLIC if (name := f"{prefix}_{suffix}") in names]:
        raise UsageError(f"prefix: {taken[0]} is already the name of a function of the network; use another prefix")


def renamed(text: str, prefix: str) -> str:
    """Replace the prefix `model` in the public names and file names of a template or of an interface in C."""

    def rename(match: re.Match[str]) -> str:
        return prefix.upper() if match[0].isupper() else prefix

    text = re.sub(r"\bstruct (?=(?:state|work)\b)", r"struct model_", text)
    return re.sub(r"(?:\b|(?<=-D))(?:model|MODEL)(?=_|\.[cho]\b)", rename, text)


def bound(source: str, prefix: str) -> str:
    """Replace the types in the C of a network by the public types of a prefix.

    Only whole names are replaced. Names of nodes never occur without a prefix or suffix of the generator.
    """
    source = re.sub(r"\bstruct (?=(?:state|work)\b)", f"struct {prefix}_", source)
    return re.sub(r"\bmodel_pixel\b", f"{prefix}_pixel", source)
