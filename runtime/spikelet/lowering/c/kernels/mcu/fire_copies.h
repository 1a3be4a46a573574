#include "../stand_in/mcu.h"
#include "arithmetic/processor.h"

/* As fire_copies, for up to 8 channels of a pixel. It is not inlined, so that its values stay in registers.
 *
 * theta, v: [count]. spikes: the byte of plane 0; those of the other planes follow `plane_bytes` apart.
 */
static NOT_INLINE uint32_t fire_eight(int count, const int32_t *theta, int strict, int copies, int planes, int32_t *v,
                                      uint8_t *spikes, int plane_bytes)
{
    uint32_t fired = 0;
    for (int plane = 0; plane < planes; plane++)
        spikes[plane * plane_bytes] = 0;
    for (int i = 0; i < count; i++) {
        int32_t rest = v[i] - theta[i];
        if (rest < strict)
            continue;
        int number = 1;
        for (; number < copies && rest - theta[i] >= strict; number++)
            rest -= theta[i];
        v[i] = rest;
        fired += (uint32_t)number;
        uint8_t *byte = spikes;
        for (; number; number >>= 1, byte += plane_bytes)
            *byte = (uint8_t)(*byte | (number & 1) << i);
    }
    return fired;
}

/* Compare the potentials of neurons with copies, which include this time-step's current, with the thresholds. Returns the
 * number of spikes.
 *
 * v is the lowest potential of the copies, which are theta apart. The number of copies that fire is the number of
 * j = 1 ... copies for which v >= j * theta + strict. Each spike subtracts theta.
 *
 * theta: [channels]. strict: 1 to fire above the threshold only, 0 to fire also at it. v: [pixels][channels].
 * spikes: [planes][pixels][(channels + 7) / 8], bits, lowest first, written. Bit p of the number goes to plane p.
 */
static uint32_t fire_copies(int pixels, int channels, const int32_t *theta, int strict, int copies, int planes,
                            int32_t *v, uint8_t *spikes)
{
    uint32_t fired = 0;
    const int plane_bytes = pixels * ((channels + 7) / 8);
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c += 8, spikes++) {
            const int count = channels - c < 8 ? channels - c : 8;
            fired += fire_eight(count, theta + c, strict, copies, planes, v, spikes, plane_bytes);
            v += count;
        }
    return fired;
}
