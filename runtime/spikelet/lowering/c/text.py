"""Text shared by both forms of a program."""

from __future__ import annotations

from collections.abc import Sequence

from spikelet.graph import Graph
from spikelet.lowering.c.names import comment

INCLUDES = "#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n"
KERNELS = """\
/* ---- kernels: the same in every network -------------------------------------------------------------------------
 *
 * Dense values are int32. No sum here can overflow: the bundle proves that none leaves +-2^24.
 */
"""
NODES = "/* ---- the network, node by node ---- */\n"


def pixel_type(graph: Graph) -> str:
    """The C type of an input pixel."""
    return "uint8_t" if graph.input.low >= 0 and graph.input.high <= 255 else "int16_t"


def struct(head: str, members: Sequence[tuple[str, str]]) -> str:
    """Return a C struct of (declaration, comment) fields."""
    return f"{head} {{\n" + "".join(f"    {text}; /* {comment(meaning)} */\n" for text, meaning in members) + "};\n"
