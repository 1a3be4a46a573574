#ifndef LIST_COUNTS_H
#define LIST_COUNTS_H

#include "lists/append.h"
#include "neurons/neurons.h"
#include "lists/spikes_at.h"
#include "vectors/signs.h"
#include "vectors/vectors.h"

#ifdef WITH_COUNTS

/* Convert the numbers of spikes of some rows of neurons to lists. counts: [height][width][stride]. */
static __attribute__((unused)) void list_numbers(const struct spikes *out, const uint8_t *counts, int stride,
                                                 int first_row, int end_row)
{
    for (int y = first_row; y < end_row; y++)
        for (int plane = 0; plane < out->planes; plane++) {
            const struct spikes lists = plane_of(*out, plane);
            spike_t *start = lists.start + (size_t)y * (lists.width + 1);
            spike_t *list = lists.list + (size_t)y * lists.capacity, *list_end = list;
            const uint8_t *pixel = counts + (size_t)y * lists.width * stride;
            for (int x = 0; x < lists.width; x++, pixel += stride) {
                spikex8 base = {0};
                base += (spike_t)(x * lists.channels * SCALE);
                start[x] = (spike_t)(list_end - list);
                for (int first = 0; first < stride; first += 16, base += 16 * SCALE)
                    list_end = append(list_end, have_bit(pixel + first, plane), base);
            }
            start[lists.width] = (spike_t)(list_end - list);
        }
}

/* Write the lists of a layer, for all time-steps. n: of the first time-step. */
static __attribute__((unused)) void list_counts(const struct neurons *n, int steps, struct share *share)
{
    const int first = first_of_part(n->out.height, part_of(share), parts_of(share));
    const int end = first_of_part(n->out.height, part_of(share) + 1, parts_of(share));
    for (int t = 0; t < steps; t++) {
        const struct spikes out = spikes_at(n->out, t);
        list_numbers(&out, n->counts + t * sizeof(struct work), n->stride, first, end);
    }
}

#endif /* WITH_COUNTS */

#endif /* LIST_COUNTS_H */
