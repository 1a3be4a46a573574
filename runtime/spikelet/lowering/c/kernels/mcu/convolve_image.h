#include "../shared/clip.h"
#include "geometry.h"
#include "input.h"
#include "arithmetic/products.h"

/* Copy the pixels that a row of outputs reads, minus the mean, column by column; zeros outside of the image.
 *
 * top: first row of pixels. band: [columns][channels][kernel_height], written, the first column being -padding_x.
 */
static void load_band(const struct geometry *g, const struct input *in, int top, int columns, int16_t *band)
{
    const int height = g->kernel_height, below = g->width * PIXEL_STRIDE;
    int y0, y1;
    clip(top, height, g->height, &y0, &y1);
    memset(band, 0, (size_t)(columns * g->channels * height) * sizeof *band);
    for (int i = 0; i < columns; i++) {
        const int column = i - g->padding_x;
        for (int c = 0; c < g->channels; c++, band += height)
            if (column >= 0 && column < g->width && y0 < y1) {
                const model_pixel *pixel = in->image + c * CHANNEL_STRIDE;
                const int32_t mean = in->mean[c];
                pixel += ((top + y0) * g->width + column) * PIXEL_STRIDE;
                for (int ky = y0; ky < y1; ky++, pixel += below)
                    band[ky] = (int16_t)(*pixel - mean);
            }
    }
}

/* The outputs of one pixel: sum += factor * (bias + w * x). It is not inlined, so that its values stay in registers.
 *
 * x: [pairs][2]. weight, bias, sum: of the outputs of a pixel, see convolve_image.
 */
static NOT_INLINE void multiply(const int16_t *x, int pairs, const uint32_t *weight, int outputs, const int32_t *bias,
                                int32_t factor, int32_t *sum)
{
    const int16_t *const end = x + 2 * pairs;
    for (; outputs > 0; outputs -= 4, bias += 4, sum += 4) {
        struct four_sums total = {0, 0, 0, 0};
        for (const int16_t *pair = x; pair < end; pair += 2)
            weight = add_four_products(&total, pair, weight);
        if (outputs < 4) {
            const int32_t totals[3] = {total.sum0, total.sum1, total.sum2};
            for (int i = 0; i < outputs; i++)
                sum[i] += factor * (bias[i] + totals[i]);
            break;
        }
        sum[0] += factor * (bias[0] + total.sum0);
        sum[1] += factor * (bias[1] + total.sum1);
        sum[2] += factor * (bias[2] + total.sum2);
        sum[3] += factor * (bias[3] + total.sum3);
    }
}

/* A convolution of the image without groups, with products of two pixels at once:
 * sum += factor * (bias + w * x).
 *
 * weight: [(out_channels + 3) / 4][pairs][4]: for each output, 16 bits of the first of two inputs, then of the second.
 * The inputs are [kernel_width][channels][kernel_height], then a zero weight if their number is odd.
 * bias: [out_channels]. band: memory for one row, see load_band, plus one value.
 * sum: [out_height][out_width][out_channels].
 */
static void convolve_image(const struct geometry *g, const uint32_t *weight, const int32_t *bias,
                           const struct input *in, int16_t *band, int32_t factor, int32_t *sum)
{
    const int column = g->channels * g->kernel_height, pairs = (g->kernel_width * column + 1) / 2;
    const int columns = (g->out_width - 1) * g->stride_x + g->kernel_width;
    band[columns * column] = 0;
    for (int y = 0; y < g->out_height; y++) {
        load_band(g, in, y * g->stride_y - g->padding_y, columns, band);
        for (int x = 0; x < g->out_width; x++, sum += g->out_channels)
            multiply(band + x * g->stride_x * column, pairs, weight, g->out_channels, bias, factor,
                     sum);
    }
}
