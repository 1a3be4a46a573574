#ifndef FIRE_H
#define FIRE_H

#include "neurons.h"
#include "positions.h"
#include "vectors.h"

/* Pack 8 bytes of 0 or 1 into 8 bits, the first byte lowest. flags: [8]. */
static unsigned pack_bits(const uint8_t *flags)
{
    uint64_t bytes;
    memcpy(&bytes, flags, 8);
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    bytes = __builtin_bswap64(bytes);
#endif
    return (unsigned)(bytes * 0x0102040810204080u >> 56);
}

/* One time-step of the neurons of `count` neighbouring pixels of row y, beginning at x. Spikes are appended to the list
 * of the row without a branch: 8 positions are written, and the end of the list advances by the number of spikes. The
 * pixels of the row must be updated from left to right.
 *
 * current: [count][stride], added to the potentials.
 */
static void fire(const struct neurons *n, int y, int x, int count, const int32_t *restrict current)
{
    const size_t pixel = (size_t)y * n->out.width + x;
    const int stride = n->stride, strict = n->strict, zero = n->zero;
    const int32_t *theta = n->theta, *decay = n->decay;
    int32_t *restrict v = n->v + pixel * stride;
    spike_t *start = n->out.start + pixel + y, *list = n->out.list + (size_t)y * n->out.capacity;
    const int spikes_before = x ? start[0] : 0;
    spike_t *list_end = list + spikes_before;
    start[0] = (spike_t)spikes_before;
    for (int end = x + count; x < end; x++, v += stride, current += stride) {
        spikex8 base = {0};
        base += (spike_t)(x * n->channels);
        for (int first = 0; first < stride; first += 16) {
            const int32x16 threshold = *(const int32x16 *)(theta + first);
            int32x16 potential = *(const int32x16 *)(v + first);
            if (decay)
                potential -= potential >> *(const int32x16 *)(decay + first);
            potential += *(const int32x16 *)(current + first);
            const int32x16 fired = potential >= threshold + strict; /* -1 where a neuron fires, else 0 */
            *(int32x16 *)(v + first) = potential - (fired & (zero ? potential : threshold));
            const int8x16 flags = __builtin_convertvector(fired, int8x16) & 1;
            for (int half = 0; half < 16; half += 8, base += 8) {
                const unsigned pattern = pack_bits((const uint8_t *)&flags + half);
                *(spikex8 *)list_end = *(const spikex8 *)positions[pattern] + base;
                list_end += __builtin_popcount(pattern);
            }
        }
        *++start = (spike_t)(list_end - list);
    }
    *n->fired += (uint32_t)(list_end - list - spikes_before);
}

#endif /* FIRE_H */
