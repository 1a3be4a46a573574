"""C declarations as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import indent

from spikelet.lowering.c.text.names import comment

LINE = 108  # characters of a line before it is indented
INDENT = "    "
INCLUDES = {
    "host": "#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n",
    "mcu": """\
#include <stddef.h>
#include <stdint.h>
#if __STDC_HOSTED__
#include <string.h>
#elif defined __cplusplus /* a freestanding program has a memset, but may have no string.h */
extern "C" void *memset(void *memory, int value, size_t bytes);
#else
void *memset(void *memory, int value, size_t bytes);
#endif
""",
}  # by form
KERNELS = """\
/* ---- kernels: the same for every network -------------------------------------------------------------------------
 *
 * Dense values are int32. No sum overflows: the bundle proves that all values lie within +-2^24. A comment such as
 * [height][width] gives the shape of the array that a pointer points to.
 */
"""
NODES = "/* ---- the network, node by node ---- */\n"


def struct(head: str, fields: Iterable[tuple[str, str]]) -> str:
    """Return a C struct of (declaration, comment) fields."""
    return f"{head} {{\n{members(fields)}}};\n"


def members(fields: Iterable[tuple[str, str]]) -> str:
    """Return the lines of (declaration, comment) fields of a C struct."""
    return "".join(f"{INDENT}{declaration}; /* {comment(meaning)} */\n" for declaration, meaning in fields)


def initialised(declaration: str, fields: Mapping[str, int | str]) -> str:
    """Return the definition of a struct variable with values by field, in lines of limited length."""
    lines = [f"{declaration} = {{"]
    for position, (field, value) in enumerate(fields.items(), start=1):
        text = f".{field} = {value}" + (", " if position < len(fields) else "};")
        if len(lines[-1]) + len(text) > LINE:
            lines.append(INDENT)
        lines[-1] += text
    return "\n".join(line.rstrip() for line in lines)


def block(lines: Iterable[str], head: str = "") -> list[str]:
    """Return statements in braces, after `head`, such as a loop."""
    return [f"{head} {{".lstrip(), *(indent(line, INDENT) for line in lines), "}"]


def function(head: str, lines: Iterable[str]) -> str:
    """Return a C function with these statements."""
    return "\n".join([head, "{", *(indent(line, INDENT) for line in lines), "}\n"])
