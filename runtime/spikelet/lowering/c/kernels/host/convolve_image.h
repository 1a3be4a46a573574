#include "clip.h"
#include "geometry.h"
#include "vectors.h"

/* A convolution of dense input without groups, 16 outputs at a time in a vector register: sum += bias + w * x.
 *
 * weight: [tap][channels][out_channels], out_channels a multiple of 16. bias: [out_channels].
 * dense: [height][width][stride]. sum: [out_height][out_width][out_stride].
 */
static void convolve_image(const struct geometry *g, const int32_t *weight, const int32_t *bias, const int32_t *dense,
                           int stride, int32_t *sum)
{
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_stride) {
            const int top = y * g->stride_y - g->padding_y, left = x * g->stride_x - g->padding_x;
            int y0, y1, x0, x1;
            clip(top, g->kernel_height, g->height, &y0, &y1);
            clip(left, g->kernel_width, g->width, &x0, &x1);
            for (int first = 0; first < g->out_channels; first += 16) {
                int32x16 total = *(const int32x16 *)(bias + first);
                for (int ky = y0; ky < y1; ky++)
                    for (int kx = x0; kx < x1; kx++) {
                        const int32_t *pixel = dense + ((size_t)(top + ky) * g->width + left + kx) * stride;
                        const size_t tap = (size_t)ky * g->kernel_width + kx;
                        const int32_t *row = weight + tap * g->channels * g->out_channels + first;
                        for (int c = 0; c < g->channels; c++, row += g->out_channels)
                            total += pixel[c] * *(const int32x16 *)row;
                    }
                *(int32x16 *)(sum + first) += total;
            }
        }
}
