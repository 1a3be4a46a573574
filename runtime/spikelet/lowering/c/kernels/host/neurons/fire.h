#ifndef FIRE_H
#define FIRE_H

#include "../lists/append.h"
#include "fire_copies.h"
#include "fire_counts.h"
#include "neurons.h"
#include "../vectors/signs.h"
#include "../vectors/vectors.h"

/* One time-step of the neurons of `count` neighbouring pixels of row y, beginning at x. Spikes are appended to the list
 * of the row without a branch: 8 positions are written, and the end of the list advances by the number of spikes. The
 * pixels of the row must be updated from left to right.
 *
 * current: [count][stride], added to the potentials.
 * leaks, strict, zero: type of the neurons. If they are constants of the call, the loop has no branches.
 */
static inline __attribute__((always_inline)) void fire_kind(const struct neurons *n, int y, int x, int count,
                                                            const int32_t *restrict current, int leaks, int strict,
                                                            int zero)
{
    enum { VECTORS = 16 / INT32S };
    const size_t pixel = (size_t)y * n->out.width + x;
    const int stride = n->stride;
    const int32_t *theta = n->theta, *decay = n->decay;
    int32_t *restrict v = n->v + pixel * stride;
    spike_t *start = n->out.start + pixel + y, *list = n->out.list + (size_t)y * n->out.capacity;
    const int spikes_before = x ? start[0] : 0;
    spike_t *list_end = list + spikes_before;
    start[0] = (spike_t)spikes_before;
    for (int end = x + count; x < end; x++, v += stride, current += stride) {
        spikex8 base = {0};
        base += (spike_t)(x * n->channels * SCALE);
        for (int first = 0; first < stride; first += 16) {
            int32_vector rest[VECTORS]; /* what a potential has above its threshold; negative where a neuron does not fire */
            for (int i = 0; i < VECTORS; i++) {
                const int neuron = first + i * INT32S;
                int32_vector potential = *(const int32_vector *)(v + neuron);
                if (leaks)
                    potential -= potential >> *(const int32_vector *)(decay + neuron);
                potential += *(const int32_vector *)(current + neuron);
                rest[i] = potential - *(const int32_vector *)(theta + neuron) - strict;
                const int32_vector reset = (rest[i] + strict) & (zero ? 0 : -1);
                *(int32_vector *)(v + neuron) = where_negative(rest[i], potential, reset);
            }
            list_end = append(list_end, not_negative(rest), base);
            base += 16 * SCALE;
        }
        *++start = (spike_t)(list_end - list);
    }
    ADD_SHARED(n->fired, (uint32_t)(list_end - list - spikes_before));
}

/* Set the potentials of some pixels to the initial ones. v: of the first pixel. */
static void initialise(const struct neurons *n, int count, int32_t *restrict v)
{
    for (; count > 0; count--, v += n->stride)
        for (int i = 0; i < n->stride; i += INT32S)
            *(int32_vector *)(v + i) = *(const int32_vector *)(n->initial + i);
}

/* See fire_kind. */
static void fire(const struct neurons *n, int y, int x, int count, const int32_t *restrict current)
{
    if (n->initial && *n->fresh) /* just before they are read, so that they are in the cache */
        initialise(n, count, n->v + ((size_t)y * n->out.width + x) * n->stride);
#ifdef WITH_COUNTS
    if (n->counts)
        fire_counts(n, y, x, count, current);
    else
#endif
#if COPIES > 1
    if (n->copies > 1)
        fire_copies(n, y, x, count, current);
    else
#endif
    if (!n->decay && !n->strict && !n->zero)
        fire_kind(n, y, x, count, current, 0, 0, 0);
    else
        fire_kind(n, y, x, count, current, n->decay != NULL, n->strict, n->zero);
}

#endif /* FIRE_H */
