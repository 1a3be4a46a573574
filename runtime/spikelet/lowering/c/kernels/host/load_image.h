#include "../stand_in/host.h"

/* out = image - mean.
 *
 * image: [channels][pixels]. mean: [channels]. out: [pixels][stride], channels last.
 */
static void load_image(int pixels, int channels, const model_pixel *image, const int32_t *mean, int32_t *out,
                       int stride)
{
    for (int c = 0; c < channels; c++)
        for (int p = 0; p < pixels; p++)
            out[(size_t)p * stride + c] = image[(size_t)c * pixels + p] - mean[c];
}
