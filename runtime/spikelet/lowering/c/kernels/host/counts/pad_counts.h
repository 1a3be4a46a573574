#ifndef PAD_COUNTS_H
#define PAD_COUNTS_H

#include "../program/geometry.h"
#include "../vectors/vectors.h"

#ifdef WITH_COUNTS

/* The numbers of spikes of the neurons that a layer reads. */
struct counts {
    const uint8_t *numbers; /* [rows][width][stride] */
    int width, stride;
    int pool_y, pool_x;     /* an input of the layer is the sum over so many pixels */
};

typedef uint8_t uint8x16 __attribute__((vector_size(16), aligned(1), may_alias));

/* The sums of 16 numbers over a window of pixels. line: of the first pixel. */
static inline uint8x16 sum_pixels(const struct counts *in, const uint8_t *line)
{
    uint8x16 total = {0};
    for (int ky = 0; ky < in->pool_y; ky++)
        for (int kx = 0; kx < in->pool_x; kx++)
            total += *(const uint8x16 *)(line + (size_t)(ky * in->width + kx) * in->stride);
    return total;
}

/* Write the number of spikes of each input, with zeros around the image. inputs: [rows][columns][channels].
 *
 * first, end: rows of `inputs` that are read, with those of the padding.
 */
static void pad_counts(const struct geometry *g, const struct counts *in, const uint8_t *numbers, int first, int end,
                       uint8_t *inputs)
{
    const int row = (g->width + 2 * g->padding_x) * g->channels, single = in->pool_y * in->pool_x == 1;
    memset(inputs + (size_t)first * row, 0, (size_t)(end - first) * row);
    first = first > g->padding_y ? first - g->padding_y : 0;
    end = end - g->padding_y < g->height ? end - g->padding_y : g->height;
    for (int y = first; y < end; y++) {
        uint8_t *restrict pixel = inputs + (size_t)(g->padding_y + y) * row + g->padding_x * g->channels;
        const uint8_t *line = numbers + (size_t)y * in->pool_y * in->width * in->stride;
        if (single && in->stride == g->channels)
            memcpy(pixel, line, (size_t)g->width * g->channels);
        else
            for (int x = 0; x < g->width; x++, pixel += g->channels, line += in->pool_x * in->stride) {
                int c = 0;
                for (; c + 16 <= g->channels; c += 16)
                    *(uint8x16 *)(pixel + c) = sum_pixels(in, line + c);
                if (c < g->channels) {
                    const uint8x16 rest = sum_pixels(in, line + c);
                    memcpy(pixel + c, &rest, (size_t)(g->channels - c));
                }
            }
    }
}

#endif /* WITH_COUNTS */

#endif /* PAD_COUNTS_H */
