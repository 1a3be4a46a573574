#ifndef FIRE_COPIES_H
#define FIRE_COPIES_H

#include "../lists/append.h"
#include "neurons.h"
#include "../vectors/signs.h"
#include "../vectors/vectors.h"

#if COPIES > 1

/* As fire, for neurons with copies.
 *
 * The number of copies that fire is found bit by bit, the highest first, and bit p is appended to the lists of plane p. It
 * is at most `copies`: potentials are limited to copies * theta for this. If this is 2^p * theta, a neuron that reaches it
 * sends bit p and no other.
 *
 * copies, planes, gain, strict: type of the neurons. If they are constants of the call, the loop has no branches.
 */
static inline __attribute__((always_inline)) void fire_levels(const struct neurons *n, int y, int x, int count,
                                                              const int32_t *restrict current, const int copies,
                                                              const int planes, const int gain, const int strict)
{
    enum { VECTORS = 16 / INT32S };
    const size_t pixel = (size_t)y * n->out.width + x;
    const int stride = n->stride, top = planes - 1, power_of_two = copies == 1 << top;
    const int32_t *theta = n->theta;
    int32_t *restrict v = n->v + pixel * stride;
    spike_t *start[PLANES], *list[PLANES], *list_end[PLANES];
    uint32_t fired = 0;
    for (int p = 0; p < planes; p++) {
        const struct spikes out = plane_of(n->out, p);
        start[p] = out.start + pixel + y, list[p] = out.list + (size_t)y * out.capacity;
        const int spikes_before = x ? start[p][0] : 0;
        start[p][0] = (spike_t)spikes_before;
        list_end[p] = list[p] + spikes_before;
        fired -= (uint32_t)spikes_before << p;
    }
    for (int end = x + count; x < end; x++, v += stride, current += stride) {
        spikex8 base = {0};
        base += (spike_t)(x * n->channels * SCALE);
        for (int first = 0; first < stride; first += 16, base += 16 * SCALE) {
            int32_vector idle[PLANES][VECTORS]; /* by plane: 0 where the bit is 1, else -1 */
            for (int i = 0; i < VECTORS; i++) {
                const int neuron = first + i * INT32S;
                const int32_vector step = *(const int32_vector *)(theta + neuron);
                const int32_vector added = *(const int32_vector *)(current + neuron) * gain;
                int32_vector potential = *(const int32_vector *)(v + neuron) + added;
                int32_vector rest = potential - strict;
                if (!power_of_two) {
                    const int32_vector most = step * copies, below = rest < most;
                    rest = (rest & below) | (most & ~below);
                }
                for (int p = top; p >= 0; p--) {
                    const int32_vector level = step << p;
                    idle[p][i] = rest < level;
                    potential -= level & ~idle[p][i];
                    if (p == top && power_of_two)
                        rest &= idle[p][i];
                    else
                        rest -= level & ~idle[p][i];
                }
                *(int32_vector *)(v + neuron) = potential;
            }
            for (int p = 0; p < planes; p++)
                list_end[p] = append(list_end[p], not_negative(idle[p]), base);
        }
        for (int p = 0; p < planes; p++)
            *++start[p] = (spike_t)(list_end[p] - list[p]);
    }
    for (int p = 0; p < planes; p++)
        fired += (uint32_t)(list_end[p] - list[p]) << p;
    ADD_SHARED(n->fired, fired);
}

/* See fire_levels. */
static void fire_copies(const struct neurons *n, int y, int x, int count, const int32_t *restrict current)
{
    if (n->copies == COPIES && n->gain == 1 && !n->strict)
        fire_levels(n, y, x, count, current, COPIES, PLANES, 1, 0);
    else if (n->copies == COPIES && n->gain == COPIES && !n->strict)
        fire_levels(n, y, x, count, current, COPIES, PLANES, COPIES, 0);
    else
        fire_levels(n, y, x, count, current, n->copies, n->out.planes, n->gain, n->strict);
}

#endif /* COPIES > 1 */

#endif /* FIRE_COPIES_H */
