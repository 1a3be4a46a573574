#ifndef APPEND_H
#define APPEND_H

#include "../vectors/count_bits.h"
#include "positions.h"
#include "../vectors/vectors.h"

/* Append the positions of the ones among the 16 lowest bits of `patterns` to a list, without a branch: 8 positions are
 * written for 8 bits. Returns the end of the list.
 *
 * base: added to each position.
 */
static inline __attribute__((always_inline)) spike_t *append(spike_t *list_end, unsigned patterns, spikex8 base)
{
    for (int half = 0; half < 2; half++, patterns >>= 8, base += 8 * SCALE) {
        const unsigned pattern = patterns & 255;
        *(spikex8 *)list_end = *(const spikex8 *)positions[pattern] + base;
        list_end += count_bits(pattern);
    }
    return list_end;
}

#endif /* APPEND_H */
