#include "../stand_in/mcu.h"
#include "arithmetic/processor.h"

/* Compare a potential with its threshold. Returns `bit` if the neuron fires, and counts it, else 0. */
static ALWAYS_INLINE unsigned fire_one(int32_t *v, int32_t theta, int strict, int zero, unsigned bit, uint32_t *fired)
{
    const int32_t rest = *v - theta;
    if (rest < strict)
        return 0;
    *v = zero ? 0 : rest;
    ++*fired;
    return bit;
}

/* As fire. If `strict` and `zero` are constants of the call, the compiler removes them from the loop. */
static ALWAYS_INLINE uint32_t fire_kind(int pixels, int channels, const int32_t *theta, int strict, int zero,
                                        int32_t *v, uint8_t *spikes)
{
    uint32_t fired = 0;
    for (int p = 0; p < pixels; p++) {
        int c = 0;
        for (; channels - c >= 8; c += 8, v += 8) { /* unrolled */
            unsigned bits = fire_one(v, theta[c], strict, zero, 1, &fired);
            bits |= fire_one(v + 1, theta[c + 1], strict, zero, 2, &fired);
            bits |= fire_one(v + 2, theta[c + 2], strict, zero, 4, &fired);
            bits |= fire_one(v + 3, theta[c + 3], strict, zero, 8, &fired);
            bits |= fire_one(v + 4, theta[c + 4], strict, zero, 16, &fired);
            bits |= fire_one(v + 5, theta[c + 5], strict, zero, 32, &fired);
            bits |= fire_one(v + 6, theta[c + 6], strict, zero, 64, &fired);
            bits |= fire_one(v + 7, theta[c + 7], strict, zero, 128, &fired);
            *spikes++ = (uint8_t)bits;
        }
        const int left = channels & 7;
        if (left) {
            unsigned bits = 0;
            for (int i = 0; i < left; c++, i++, v++)
                bits |= fire_one(v, theta[c], strict, zero, 1u << i, &fired);
            *spikes++ = (uint8_t)bits;
        }
    }
    return fired;
}

/* Compare the potentials of a layer, which include this time-step's current, with the thresholds. Returns the number of
 * spikes.
 *
 * theta: [channels]. strict: 1 to fire above theta only, 0 to fire also at theta.
 * zero: 1 to reset to zero, 0 to subtract theta. v: [pixels][channels].
 * spikes: [pixels][(channels + 7) / 8], bits, lowest first, written.
 */
static uint32_t fire(int pixels, int channels, const int32_t *theta, int strict, int zero, int32_t *v, uint8_t *spikes)
{
    if (!strict && !zero)
        return fire_kind(pixels, channels, theta, 0, 0, v, spikes);
    return fire_kind(pixels, channels, theta, strict, zero, v, spikes);
}
