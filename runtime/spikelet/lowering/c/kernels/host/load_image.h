#include "../stand_in/host.h"

/* out = image - mean.
 *
 * image: channel c of pixel p at p * pixel_stride + c * channel_stride. mean: [channels].
 * out: [pixels][stride], channels last.
 */
static void load_image(int pixels, int channels, const model_pixel *image, int pixel_stride, int channel_stride,
                       const int32_t *mean, int32_t *out, int stride)
{
    for (int c = 0; c < channels; c++)
        for (int p = 0; p < pixels; p++)
            out[(size_t)p * stride + c] = image[(size_t)p * pixel_stride + (size_t)c * channel_stride] - mean[c];
}
