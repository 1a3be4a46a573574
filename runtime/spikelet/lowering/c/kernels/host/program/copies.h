#ifndef COPIES_H
#define COPIES_H

#include "../../stand_in/host_program.h"
#include "layers.h"
#include "../lists/spikes.h"

/* Which copies of a neuron fire. Copies fire in turn: if copy `lowest` has the lowest potential, the one before it fires
 * next and then has the lowest potential. For each sample, the array `lowest`, [LOWEST], contains these copies for all
 * neurons with copies, layer by layer, channels last. They are 0 at the start. */

/* The lists of a plane of a layer in the time-step of `w`. */
static struct spikes lists_of(const struct work *w, const struct layer *layer, int plane)
{
    char *memory = (char *)(uintptr_t)w;
    const struct spikes lists = {(spike_t *)(memory + layer->start), (spike_t *)(memory + layer->list), layer->height,
                                 layer->width, layer->channels, layer->capacity, layer->planes};
    return plane_of(lists, plane);
}

/* Fire the next copy in turn. Returns its index. */
static inline int take_turn(uint8_t *lowest, int copies)
{
    *lowest = (uint8_t)((*lowest ? *lowest : copies) - 1);
    return *lowest;
}

/* Take the turns of a layer in one time-step. lowest: of the sample, changed. */
static void take_turns(const struct work *w, const struct layer *layer, uint8_t *lowest)
{
    for (int plane = 0; plane < layer->planes; plane++) {
        const struct spikes lists = lists_of(w, layer, plane);
        uint8_t *row = lowest + layer->lowest;
        for (int y = 0; y < lists.height; y++, row += lists.width * lists.channels) {
            const spike_t *start = lists.start + (size_t)y * (lists.width + 1);
            const spike_t *list = lists.list + (size_t)y * lists.capacity;
            for (int k = (int)start[0]; k < (int)start[lists.width]; k++)
                for (int spike = 0; spike < 1 << plane; spike++)
                    take_turn(row + list[k] / SCALE, layer->copies);
        }
    }
}

/* Mark `count` of the copies of a neuron that fired in the last time-step. Their potentials are the lowest after it.
 *
 * lowest: the copy with the lowest potential. spikes: [copies], `stride` bytes apart, 1 for those that are marked.
 */
static void mark_copies(int count, int lowest, int copies, uint8_t *spikes, size_t stride)
{
    for (int position = 0; count > 0; position++) {
        uint8_t *spike = spikes + (size_t)((lowest + position) % copies) * stride;
        count -= !*spike;
        *spike = 1;
    }
}

#endif /* COPIES_H */
