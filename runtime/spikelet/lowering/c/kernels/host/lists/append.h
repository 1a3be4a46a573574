#ifndef APPEND_H
#define APPEND_H

#include "../vectors/count_bits.h"
#include "positions.h"
#include "../vectors/signs.h"
#include "../vectors/vectors.h"

/* Append the positions of the ones among 16 bits to a list, without a branch: 8 positions are written for 8 bits. Returns
 * the end of the list.
 *
 * base: added to each position.
 */
static inline __attribute__((always_inline)) spike_t *append(spike_t *list_end, struct patterns bits, spikex8 base)
{
    *(spikex8 *)list_end = *(const spikex8 *)positions[bits.low] + base;
    list_end += count_bits(bits.low);
    *(spikex8 *)list_end = *(const spikex8 *)positions[bits.high] + (base + 8 * SCALE);
    return list_end + count_bits(bits.high);
}

#endif /* APPEND_H */
