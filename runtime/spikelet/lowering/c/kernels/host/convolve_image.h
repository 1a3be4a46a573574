#include "../shared/clip.h"
#include "program/geometry.h"
#include "program/share.h"
#include "vectors/vectors.h"

/* sum += bias + w * x, for VECTORS vector registers of outputs of one output pixel.
 *
 * weight: [tap][channels][out_channels], from the first of these outputs; bias and sum likewise.
 * dense: [height][width][stride]. top, left: pixel of the input at which the kernel begins.
 */
static inline __attribute__((always_inline)) void sum_image(const struct geometry *g, const int32_t *weight,
                                                            const int32_t *bias, const int32_t *dense, int stride,
                                                            int top, int left, int32_t *sum, const int vectors)
{
    int32_vector total[4];
    int y0, y1, x0, x1;
    clip(top, g->kernel_height, g->height, &y0, &y1);
    clip(left, g->kernel_width, g->width, &x0, &x1);
    for (int i = 0; i < vectors; i++)
        total[i] = ((const int32_vector *)bias)[i];
    for (int ky = y0; ky < y1; ky++) {
        const int32_t *pixel = dense + ((ptrdiff_t)(top + ky) * g->width + left + x0) * stride;
        const int32_t *row = weight + (size_t)(ky * g->kernel_width + x0) * g->channels * g->out_channels;
        for (int kx = x0; kx < x1; kx++, pixel += stride)
            for (int c = 0; c < g->channels; c++, row += g->out_channels)
                for (int i = 0; i < vectors; i++)
                    total[i] += pixel[c] * ((const int32_vector *)row)[i];
    }
    for (int i = 0; i < vectors; i++)
        ((int32_vector *)sum)[i] += total[i];
}

/* A convolution of dense input without groups, some vector registers of outputs at a time: sum += bias + w * x.
 *
 * weight: [tap][channels][out_channels], out_channels a multiple of 16. bias: [out_channels].
 * dense: [height][width][stride]. sum: [out_height][out_width][out_stride].
 */
static __attribute__((unused)) void convolve_image(const struct geometry *g, const int32_t *weight, const int32_t *bias, const int32_t *dense,
                           int stride, int32_t *sum, struct share *share)
{
    const int first = first_of_part(g->out_height, part_of(share), parts_of(share));
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    sum += (size_t)first * g->out_width * g->out_stride;
    for (int y = first; y < end; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_stride) {
            const int top = y * g->stride_y - g->padding_y, left = x * g->stride_x - g->padding_x;
            int i = 0;
            for (; i + 4 * INT32S <= g->out_channels; i += 4 * INT32S)
                sum_image(g, weight + i, bias + i, dense, stride, top, left, sum + i, 4);
            for (; i + 2 * INT32S <= g->out_channels; i += 2 * INT32S)
                sum_image(g, weight + i, bias + i, dense, stride, top, left, sum + i, 2);
            for (; i < g->out_channels; i += INT32S)
                sum_image(g, weight + i, bias + i, dense, stride, top, left, sum + i, 1);
        }
}
