#include "../shared/clip.h"
#include "geometry.h"
#include "input.h"
#include "list_rows.h"

/* A convolution of spikes without groups, with weights of 8 bits:
 * sum += factor * (bias + the weight rows of the spikes). Spikes of plane p count 2^p.
 *
 * weight: [tap][channels][(out_channels + 3) / 4] words. bias: [out_channels].
 * sum: [out_height][out_width][out_channels].
 */
static void convolve_spikes(const struct geometry *g, const uint32_t *weight, const int32_t *bias,
                            const struct input *in, int32_t factor, int32_t *sum)
{
    const int bytes = (in->channels + 7) / 8, plane_bytes = in->height * in->width * bytes;
    const int neighbours = in->pool_x == in->pool_width; /* no pixels lie between the windows of the pool */
    const int one_run = in->pool_width == 1 && neighbours && in->channels % 8 == 0; /* and there are no unused bits */
    const uint32_t words = ((uint32_t)g->out_channels + 3) / 4, tap_words = (uint32_t)g->channels * words;
    struct row_list list;
    list.weight = weight, list.outputs = g->out_channels, list.count = 0;
    for (int y = 0; y < g->out_height; y++) {
        const int top = y * g->stride_y - g->padding_y;
        int y0, y1;
        clip(top, g->kernel_height, g->height, &y0, &y1);
        for (int x = 0; x < g->out_width; x++, sum += g->out_channels) {
            const int left = x * g->stride_x - g->padding_x;
            int x0, x1;
            list.bias = bias, list.sum = sum;
            clip(left, g->kernel_width, g->width, &x0, &x1);
            const int pixels = x1 - x0;
            for (int plane = 0; plane < (PLANES > 1 ? in->planes : 1); plane++) {
                const uint8_t *spikes = in->spikes + plane * plane_bytes;
                list.factor = factor << plane;
                for (int ky = y0; ky < y1; ky++)
                    for (int py = 0; py < in->pool_height; py++) {
                        const int row = (top + ky) * in->pool_y + py, column = (left + x0) * in->pool_x;
                        const uint8_t *bits = spikes + (row * in->width + column) * bytes;
                        const uint32_t tap = (uint32_t)(ky * g->kernel_width + x0) * tap_words;
                        if (one_run)
                            list_rows(&list, bits, 1, 1, pixels * bytes, tap, words, 0);
                        else if (neighbours)
                            list_rows(&list, bits, pixels, in->pool_width, bytes, tap, words, tap_words);
                        else
                            for (int i = 0; i < pixels; i++)
                                list_rows(&list, bits + i * in->pool_x * bytes, 1, in->pool_width, bytes,
                                          tap + (uint32_t)i * tap_words, words, 0);
                    }
                add_list(&list);
            }
        }
    }
}
