"""The source of the native engine's library."""

from __future__ import annotations

from spikelet.lowering.c.host import HostProgram
from spikelet.lowering.c.host_plan import capacity
from spikelet.lowering.c.sources import content


def library_source(program: HostProgram) -> str:
    """Return the C source of a library. It contains no parameters, so that networks of the same shape share it."""
    layers = "".join(
        f"    {{offsetof(struct work, {id_}_start), offsetof(struct work, {id_}_list), "
        f"{value.height}, {value.width}, {value.channels}, {capacity(value)}}},\n"
        for _, id_, value in program.plan.spiking()
    )
    pixels = program.graph.neurons(program.graph.input_name)
    parts = [
        f"#include <stdint.h>\n\ntypedef {program.pixel_type} model_pixel;\n",
        program.source(),
        "/* ---- interface of the native engine ---- */\n",
        f"enum {{ PIXELS = {pixels} }}; /* values of an image */\n",
        content("host/layers.h"),
        f"static const struct layer layers[] = {{\n{layers}}};\n",
        content("host/library.c"),
    ]
    return "\n".join(parts)
