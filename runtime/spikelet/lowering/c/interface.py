"""The interface of the native engine's library."""

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

/* Add 1 to the count of every neuron that fired in the time-steps that were run together; events: what the spikes of
   each of them cost. costs, counts: layers one behind the other, channel last. A row of them stays in the cache for all
   time-steps. */
static void count_spikes(const struct work *w, int steps, const uint32_t *costs, uint32_t *counts, uint64_t *events)
{
    memset(events, 0, steps * sizeof *events);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const int width = layers[i].width, row = width * layers[i].channels;
        for (int y = 0; y < layers[i].height; y++, counts += row, costs += row)
            for (int t = 0; t < steps; t++) {
                const row_t *start = (const row_t *)((const char *)(w + t) + layers[i].start) + y * (width + 1);
                const row_t *list = (const row_t *)((const char *)(w + t) + layers[i].list) + y * layers[i].room;
                uint64_t cost = 0;
                for (int k = start[0]; k < start[width]; k++) {
                    counts[list[k]]++;
                    cost += costs[list[k]];
                }
                events[t] += cost;
            }
    }
}

/* w: as many as there are steps. events: NULL, or for each sample what its spikes cost in each of the steps. */
void spikelet_step(const struct parameters *p, char *states, size_t stride, int n, struct work *w,
                   const model_pixel *images, int steps, const uint32_t *costs, uint32_t *counts, uint64_t *events)
{
    for (int i = 0; i < n; i++) {
        step(p, (struct state *)(states + i * stride), w, images ? images + (size_t)i * IMAGE : NULL, steps);
        if (events)
            count_spikes(w, steps, costs, counts, events + (size_t)i * steps);
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
    """Return the C source of a library. It contains no parameters, so networks of the same shape share it."""
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
