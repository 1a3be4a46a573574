#include "../stand_in/host.h"

/* Add a dense image, channels last, to a flattened image, which is channel first.
 *
 * in: [pixels][stride]. out: [channels * pixels].
 */
static void flatten(int pixels, int channels, const int32_t *in, int stride, int32_t *out)
{
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++)
            out[(size_t)c * pixels + p] += in[(size_t)p * stride + c];
}
