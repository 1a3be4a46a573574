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

void spikelet_step(const struct parameters *p, char *states, size_t stride, int n, struct work *w,
                   const model_pixel *images)
{
    for (int i = 0; i < n; i++)
        step(p, (struct state *)(states + i * stride), w, images ? images + (size_t)i * IMAGE : NULL);
}

/* Spikes of one layer in the time-step that `w` was used for last, 0 or 1, channel first. */
void spikelet_spikes(const struct work *w, int layer, uint8_t *out)
{
    static const struct {
        size_t count, list;
        int pixels, channels, capacity;
    } layers[] = {
LAYERS    };
    const row_t *count = (const row_t *)((const char *)w + layers[layer].count);
    const row_t *list = (const row_t *)((const char *)w + layers[layer].list);
    const size_t pixels = (size_t)layers[layer].pixels;
    memset(out, 0, pixels * (size_t)layers[layer].channels);
    for (size_t p = 0; p < pixels; p++)
        for (int k = 0; k < count[p]; k++)
            out[list[p * (size_t)layers[layer].capacity + (size_t)k] * pixels + p] = 1;
}
"""


def library_source(program: HostProgram) -> str:
    """One C file that becomes the library of a network; it holds no parameters, so networks of one shape share it."""
    layers = ""
    for name in program.graph.spiking:
        assert isinstance(program.graph.nodes[name], IF)
        id_, value = program.plan.identifiers[name], program.plan.values[name]
        layers += (
            f"        {{offsetof(struct work, {id_}_count), offsetof(struct work, {id_}_list), "
            f"{value.pixels}, {value.channels}, {value.capacity}}},\n"
        )
    image = program.graph.neurons(program.graph.input_name)
    interface = INTERFACE.replace("IMAGE", str(image)).replace("LAYERS", layers)
    return program.source() + "\n" + interface
