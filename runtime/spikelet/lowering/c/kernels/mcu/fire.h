#include "../stand_in/mcu.h"

/* Compare the potentials of a layer, which include this time-step's current, with the thresholds. Returns the number of
 * spikes.
 *
 * theta: [channels]. strict: 1 to fire above theta only, 0 to fire also at theta.
 * zero: 1 to reset to zero, 0 to subtract theta. v: [pixels][channels].
 * spikes: [pixels][(channels + 7) / 8], bits, lowest first, written.
 */
static uint32_t fire(int pixels, int channels, const int32_t *theta, int strict, int zero, int32_t *v, uint8_t *spikes)
{
    uint32_t fired = 0;
    for (int p = 0; p < pixels; p++, spikes += (channels + 7) / 8) {
        memset(spikes, 0, (size_t)((channels + 7) / 8));
        for (int c = 0; c < channels; c++, v++)
            if (*v >= theta[c] + strict) {
                *v = zero ? 0 : *v - theta[c];
                spikes[c / 8] |= (uint8_t)(1u << c % 8);
                fired++;
            }
    }
    return fired;
}
