#include "../host/program/library.c"

/* The interface of a web page: one sample, in memory that the page allocates. It calls the interface of the native
 * engine. The page uses no other function of the generated code. */

size_t page_state_bytes(void)
{
    return spikelet_state_bytes();
}

size_t page_work_bytes(void)
{
    return spikelet_work_bytes();
}

static uint8_t turns[LOWEST + 1]; /* see copies.h; not empty */

/* Set the sample to its initial potentials. */
void page_reset(const struct parameters *p, struct state *s)
{
    memset(turns, 0, sizeof turns);
    spikelet_reset(p, (char *)s, sizeof *s, 1);
}

/* Run `steps` time-steps, WINDOW at most.
 *
 * w: [steps]. image: [PIXELS], or NULL to keep the last one. costs, counts: [all neurons], see spikelet_step.
 * operations: [steps], written: synaptic operations; or NULL to count nothing.
 */
void page_step(const struct parameters *p, struct state *s, struct work *w, const model_pixel *image, int steps,
               const uint32_t *costs, uint32_t *counts, uint64_t *operations)
{
    spikelet_step(NULL, p, (char *)s, sizeof *s, 1, w, image, steps, turns, costs, counts, operations);
}

/* Logits of the last window of time-steps, [steps][classes]. */
const int32_t *page_logits(const struct state *s)
{
    return s->logits;
}

/* Spikes of a layer in the last time-step, whose workspace is `w` and whose spikes were counted.
 *
 * out: [channels * copies][height][width], 0 or 1, written.
 */
void page_spikes(const struct work *w, int layer, uint8_t *out)
{
    spikelet_spikes(w, layer, turns, 0, out);
}
