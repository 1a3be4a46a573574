"""What the native engine's library shows to the outside."""

from __future__ import annotations

from spikelet.lowering.c.host import HostProgram
from spikelet.nodes import IF

INTERFACE = """\
/* ---- interface of the native engine ---- */

size_t spikelet_state_bytes(void)
{
    return sizeof(struct state);
}

size_t spikelet_work_bytes(void)
{
    return sizeof(struct work);
}

/* n samples; their states lie `stride` bytes apart, their images one behind the other. */
void spikelet_reset(const struct parameters *p, char *states, size_t stride, int n)
{
    for (int i = 0; i < n; i++)
        reset(p, (struct state *)(states + i * stride));
}

/* Where the spikes of each layer stand. */
static const struct layer {
    size_t start, list;
    int height, width, channels, room;
} layers[] = {
LAYERS};

/* Add 1 to the count of every neuron that fired in the time-step that `w` was used for last; returns what they cost.
   costs, counts: layers one behind the other, channel last. */
static uint64_t count_spikes(const struct work *w, const uint32_t *costs, uint32_t *counts)
{
    uint64_t cost = 0;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const int width = layers[i].width, row = width * layers[i].channels;
        const row_t *start = (const row_t *)((const char *)w + layers[i].start);
        const row_t *list = (const row_t *)((const char *)w + layers[i].list);
        for (int y = 0; y < layers[i].height; y++, start += width + 1, list += layers[i].room) {
            for (int k = start[0]; k < start[width]; k++) {
                counts[list[k]]++;
                cost += costs[list[k]];
            }
            counts += row;
            costs += row;
        }
    }
    return cost;
}

/* w: as many as there are steps. events: NULL, or for each sample what its spikes cost in the first of them. */
void spikelet_step(const struct parameters *p, char *states, size_t stride, int n, struct work *w,
                   const model_pixel *images, int steps, const uint32_t *costs, uint32_t *counts, uint64_t *events)
{
    for (int i = 0; i < n; i++) {
        step(p, (struct state *)(states + i * stride), w, images ? images + (size_t)i * IMAGE : NULL, steps);
        if (events)
            events[i] = count_spikes(w, costs, counts);
    }
}

/* Spikes of one layer in the time-step that `w` was used for last, 0 or 1, channel first. */
void spikelet_spikes(const struct work *w, int layer, uint8_t *out)
{
    const int height = layers[layer].height, width = layers[layer].width, channels = layers[layer].channels;
    const row_t *start = (const row_t *)((const char *)w + layers[layer].start);
    const row_t *list = (const row_t *)((const char *)w + layers[layer].list);
    memset(out, 0, (size_t)height * width * channels);
    for (int y = 0; y < height; y++, start += width + 1, list += layers[layer].room)
        for (int x = 0; x < width; x++)
            for (int k = start[x]; k < start[x + 1]; k++)
                out[((size_t)(list[k] - x * channels) * height + y) * width + x] = 1;
}
"""


def library_source(program: HostProgram) -> str:
    """One C file that becomes the library of a network; it holds no parameters, so networks of one shape share it."""
    layers = ""
    for name in program.graph.spiking:
        assert isinstance(program.graph.nodes[name], IF)
        id_, value = program.plan.identifiers[name], program.plan.values[name]
        layers += (
            f"    {{offsetof(struct work, {id_}_start), offsetof(struct work, {id_}_list), "
            f"{value.height}, {value.width}, {value.channels}, {value.room}}},\n"
        )
    image = program.graph.neurons(program.graph.input_name)
    interface = INTERFACE.replace("IMAGE", str(image)).replace("LAYERS", layers)
    pixel = f"#include <stdint.h>\n\ntypedef {program.pixel_type} model_pixel;\n\n"
    return pixel + program.source() + "\n" + interface
