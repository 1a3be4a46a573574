#include "../stand_in/mcu.h"

/* floor(v / 2^k). In C99, the right shift of a negative number is implementation-defined. */
static int32_t floor_shift(int32_t v, int32_t k)
{
    return v >= 0 ? v >> k : ~(~v >> k);
}

/* The leak of a layer: v -= floor(v / 2^decay).
 *
 * decay: [channels]. v: [pixels][channels].
 */
static void leak(int pixels, int channels, const int32_t *decay, int32_t *v)
{
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++, v++)
            *v -= floor_shift(*v, decay[c]);
}
