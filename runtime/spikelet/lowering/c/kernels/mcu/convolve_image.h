#include "../shared/clip.h"
#include "geometry.h"
#include "input.h"
#include "products.h"

/* Copy the pixels that a row of outputs reads, minus the mean, column by column; zeros outside of the image.
 *
 * top: first row of pixels. band: [columns][channels][kernel_height], written, the first column being -padding_x.
 */
static void load_band(const struct geometry *g, const struct input *in, int top, int columns, int16_t *band)
{
    int y0, y1;
    clip(top, g->kernel_height, g->height, &y0, &y1);
    for (int i = 0; i < columns; i++) {
        const int column = i - g->padding_x, inside = column >= 0 && column < g->width;
        for (int c = 0; c < g->channels; c++) {
            const model_pixel *pixels = in->image + c * CHANNEL_STRIDE;
            const int32_t mean = in->mean[c];
            for (int ky = 0; ky < g->kernel_height; ky++) {
                const int pixel = (top + ky) * g->width + column;
                *band++ = (int16_t)(inside && ky >= y0 && ky < y1 ? pixels[pixel * PIXEL_STRIDE] - mean : 0);
            }
        }
    }
}

/* The outputs of one pixel: sum += bias + w * x. A function of its own, so that its values stay in registers.
 *
 * x: [pairs][2]. weight, bias, sum: of the outputs of a pixel, see convolve_image.
 */
static NOT_INLINE void multiply(const int16_t *x, int pairs, const uint32_t *weight, int outputs, const int32_t *bias,
                                int32_t *sum)
{
    const int16_t *const end = x + 2 * pairs;
    for (; outputs > 0; outputs -= 4, bias += 4, sum += 4) {
        struct four_sums total = {0, 0, 0, 0};
        for (const int16_t *pair = x; pair < end; pair += 2)
            weight = add_four_products(&total, pair, weight);
        sum[0] += bias[0] + total.sum0;
        if (outputs > 1)
            sum[1] += bias[1] + total.sum1;
        if (outputs > 2)
            sum[2] += bias[2] + total.sum2;
        if (outputs <= 3)
            break;
        sum[3] += bias[3] + total.sum3;
    }
}

/* A convolution of the image without groups, with products of two pixels at once: sum += bias + w * x.
 *
 * weight: [(out_channels + 3) / 4][pairs][4]: 16 bits of the first of two inputs, then 16 of the second, of an output.
 * The inputs are [kernel_width][channels][kernel_height], then a zero weight if they are odd. bias: [out_channels].
 * band: memory for one row, see load_band, and one more value. sum: [out_height][out_width][out_channels].
 */
static void convolve_image(const struct geometry *g, const uint32_t *weight, const int32_t *bias,
                           const struct input *in, int16_t *band, int32_t *sum)
{
    const int column = g->channels * g->kernel_height, pairs = (g->kernel_width * column + 1) / 2;
    const int columns = (g->out_width - 1) * g->stride_x + g->kernel_width;
    band[columns * column] = 0;
    for (int y = 0; y < g->out_height; y++) {
        load_band(g, in, y * g->stride_y - g->padding_y, columns, band);
        for (int x = 0; x < g->out_width; x++, sum += g->out_channels)
            multiply(band + x * g->stride_x * column, pairs, weight, g->out_channels, bias, sum);
    }
}
