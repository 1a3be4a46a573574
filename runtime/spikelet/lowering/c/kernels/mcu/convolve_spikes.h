#include "geometry.h"
#include "input.h"

/* sum += the weight rows of the spikes.
 *
 * A word holds the weights of four outputs, each plus 128, the first one lowest. Its bytes are added two by two, each
 * with 16 bits for the sum: 255 * MAX_ROWS < 2^16. The 128 are subtracted at the end.
 *
 * weight: [row][words]. rows: [count], index of the first word of each row. sum: [outputs].
 */
static void add_rows(const uint32_t *weight, int words, int outputs, const uint32_t *rows, int count, int32_t *sum)
{
    const int32_t offset = 128 * count;
    for (int word = 0; word < words; word++, sum += 4) {
        const uint32_t *column = weight + word;
        uint32_t even = 0, odd = 0;
        for (int k = 0; k < count; k++) {
            const uint32_t weights = column[rows[k]];
            even += weights & 0x00ff00ffu;
            odd += weights >> 8 & 0x00ff00ffu;
        }
        const int left = outputs - 4 * word;
        sum[0] += (int32_t)(even & 0xffff) - offset;
        if (left > 1)
            sum[1] += (int32_t)(odd & 0xffff) - offset;
        if (left > 2)
            sum[2] += (int32_t)(even >> 16) - offset;
        if (left > 3)
            sum[3] += (int32_t)(odd >> 16) - offset;
    }
}

/* A convolution of spikes without groups, with weights of 8 bits: sum += bias + the weight rows of the spikes.
 *
 * weight: [tap][channels][(out_channels + 3) / 4] words. bias: [out_channels].
 * sum: [out_height][out_width][out_channels].
 */
static void convolve_spikes(const struct geometry *g, const uint32_t *weight, const int32_t *bias,
                            const struct input *in, int32_t *sum)
{
    enum { MAX_ROWS = 256 };
    const int words = (g->out_channels + 3) / 4, bytes = (in->channels + 7) / 8;
    uint32_t rows[MAX_ROWS];
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_channels) {
            int count = 0;
            for (int i = 0; i < g->out_channels; i++)
                sum[i] += bias[i];
            for (int tap = 0; tap < g->kernel_height * g->kernel_width; tap++) {
                const int row = y * g->stride_y - g->padding_y + tap / g->kernel_width;
                const int column = x * g->stride_x - g->padding_x + tap % g->kernel_width;
                if (row < 0 || row >= g->height || column < 0 || column >= g->width)
                    continue;
                for (int pool = 0; pool < in->pool_height * in->pool_width; pool++) {
                    const int py = row * in->pool_y + pool / in->pool_width;
                    const int px = column * in->pool_x + pool % in->pool_width;
                    const uint8_t *bits = in->spikes + (size_t)(py * in->width + px) * (size_t)bytes;
                    for (int byte = 0; byte < bytes; byte++) {
                        const int first = tap * g->channels + 8 * byte;
                        if (count > MAX_ROWS - 8) {
                            add_rows(weight, words, g->out_channels, rows, count, sum);
                            count = 0;
                        }
                        for (unsigned left = bits[byte], c = 0; left; left >>= 1, c++)
                            if (left & 1)
                                rows[count++] = (uint32_t)(first + (int)c) * (uint32_t)words;
                    }
                }
            }
            add_rows(weight, words, g->out_channels, rows, count, sum);
        }
}
