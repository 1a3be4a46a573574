#include "../stand_in/host_program.h"
#include "layers.h"

size_t spikelet_state_bytes(void)
{
    return sizeof(struct state);
}

size_t spikelet_work_bytes(void)
{
    return sizeof(struct work);
}

/* Set n samples to their initial potentials. states: n structs, `stride` bytes apart. */
void spikelet_reset(const struct parameters *p, char *states, size_t stride, int n)
{
    for (int i = 0; i < n; i++)
        reset(p, (struct state *)(states + i * stride));
}

/* Count the spikes of one sample in the time-steps that were run together. The counts and costs of a row of pixels stay
 * in the cache for all time-steps.
 *
 * w: [steps]. costs, counts: [all neurons], layer by layer, channels last: synaptic operations per spike, and spikes,
 * which are added to. operations: [steps], written: synaptic operations of each time-step.
 */
static void count_spikes(const struct work *w, int steps, const uint32_t *costs, uint32_t *counts,
                         uint64_t *operations)
{
    memset(operations, 0, steps * sizeof *operations);
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const int width = layers[i].width, row = width * layers[i].channels;
        for (int y = 0; y < layers[i].height; y++, counts += row, costs += row)
            for (int t = 0; t < steps; t++) {
                const spike_t *start = (const spike_t *)((const char *)(w + t) + layers[i].start) + y * (width + 1);
                const spike_t *list = (const spike_t *)((const char *)(w + t) + layers[i].list) + y * layers[i].capacity;
                uint64_t cost = 0;
                for (int k = (int)start[0]; k < (int)start[width]; k++) {
                    counts[list[k] / SCALE]++;
                    cost += costs[list[k] / SCALE];
                }
                operations[t] += cost;
            }
    }
}

/* Run `steps` time-steps, WINDOW at most, of n samples.
 *
 * states: n structs, `stride` bytes apart. w: [steps]. images: [n][PIXELS], or NULL to keep the last ones.
 * costs, counts: [all neurons], see count_spikes. operations: [n][steps], written; or NULL to count nothing.
 */
void spikelet_step(const struct parameters *p, char *states, size_t stride, int n, struct work *w,
                   const model_pixel *images, int steps, const uint32_t *costs, uint32_t *counts, uint64_t *operations)
{
    for (int i = 0; i < n; i++) {
        step(p, (struct state *)(states + i * stride), w, images ? images + (size_t)i * PIXELS : NULL, steps);
        if (operations)
            count_spikes(w, steps, costs, counts, operations + (size_t)i * steps);
    }
}

/* Expand the spikes of one layer in the last time-step of `w`. out: [channels][height][width], 0 or 1, written. */
void spikelet_spikes(const struct work *w, int layer, uint8_t *out)
{
    const int height = layers[layer].height, width = layers[layer].width, channels = layers[layer].channels;
    const spike_t *start = (const spike_t *)((const char *)w + layers[layer].start);
    const spike_t *list = (const spike_t *)((const char *)w + layers[layer].list);
    memset(out, 0, (size_t)height * width * channels);
    for (int y = 0; y < height; y++, start += width + 1, list += layers[layer].capacity)
        for (int x = 0; x < width; x++)
            for (int k = (int)start[x]; k < (int)start[x + 1]; k++)
                out[((size_t)(list[k] / SCALE - x * channels) * height + y) * width + x] = 1;
}
