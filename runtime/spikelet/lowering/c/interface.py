"""C sources of the native engine's library and of the WebAssembly module of a web page."""

from __future__ import annotations

from spikelet.lowering.c.host import HostProgram
from spikelet.lowering.c.host_plan import capacity
from spikelet.lowering.c.text.sources import content, dependencies

LIBRARY, PAGE = "host/program/library.c", "web/page.c"
TIMES = "host/program/node_times.h"  # of a library that measures the time of each node
# functions that PAGE defines and a web page calls
PAGE_FUNCTIONS = ("page_state_bytes", "page_work_bytes", "page_reset", "page_step", "page_logits", "page_spikes")


def library_source(program: HostProgram) -> str:
    """Return the C source of a library. It contains no parameters, so that networks of the same shape share it."""
    layers, copied = "", program.plan.copied
    for node, id_, value in program.plan.spiking():
        stride = program.plan.padded(value.channels)
        sizes = (value.height, value.width, value.channels, stride, capacity(value), node.copies, value.planes)
        counts = f"offsetof(struct work, {id_}_counts)" if program.plan.stores_counts(value.node) else "0"
        layers += f"    {{offsetof(struct work, {id_}_start), offsetof(struct work, {id_}_list), {counts}, "
        first = copied[value.node].start if value.node in copied else 0
        layers += f"{', '.join(map(str, (*sizes, first)))}}},\n"
    pixels, lowest = program.graph.neurons(program.graph.input_name), program.plan.copied_count
    source = program.source()
    parts = [
        f"#include <stdint.h>\n\ntypedef {program.pixel_type} model_pixel;\n",
        *([f"enum {{ NODES = {len(program.graph.order)} }};\n", content(TIMES)] if program.timed else []),
        source,
        "/* ---- interface of the native engine ---- */\n",
        f"enum {{ PIXELS = {pixels}, LOWEST = {lowest} }}; /* values of an image, neurons with copies */\n",
        *(text for text in map(content, dependencies(LIBRARY)) if text not in source),
        f"static const struct layer layers[] = {{\n{layers}}};\n",
        content(LIBRARY),
    ]
    return "\n".join(parts)


def page_source(program: HostProgram) -> str:
    """Return the C source of the module of a web page: the library, and the functions that the page calls."""
    return library_source(program) + "\n" + content(PAGE)
