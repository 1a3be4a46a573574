#ifndef MULTIPLY_QUADS_H
#define MULTIPLY_QUADS_H

#include "../program/geometry.h"
#include "../vectors/dot.h"

#ifdef WITH_DOT

enum { DOTS = DOT_BYTES / 4, DOTS_OF_16 = 16 / DOTS }; /* outputs of a register, registers of 16 outputs */

/* Add the products of four counts of some output pixels with the weights of some registers of outputs.
 *
 * windows: counts that each pixel reads; the four counts begin at `first`. weight, group: see multiply_rows.
 */
static inline __attribute__((always_inline)) void add_dots(const uint8_t *const *windows, size_t first,
                                                           const int8_t *weight, size_t group, dots total[8][4],
                                                           const int pixels, const int registers)
{
    typedef int32_t word __attribute__((aligned(1), may_alias));
    dots weights[4];
    for (int i = 0; i < registers; i++)
        weights[i] = ((const dots *)(weight + i / DOTS_OF_16 * group))[i % DOTS_OF_16];
    for (int p = 0; p < pixels; p++) {
        dots values = {0};
        values += *(const word *)(windows[p] + first);
        for (int i = 0; i < registers; i++)
            total[p][i] = dot(total[p][i], values, weights[i]);
    }
}

/* out = bias + w * counts, for some output pixels and some registers of outputs. windows: of each pixel. */
static inline __attribute__((always_inline)) void sum_tile(const struct geometry *g, const uint8_t *const *windows,
                                                           int row, const int8_t *weight, size_t group,
                                                           const int32_t *bias, int32_t *out, const int pixels,
                                                           const int registers)
{
    dots total[8][4];
    for (int p = 0; p < pixels; p++)
        for (int i = 0; i < registers; i++)
            total[p][i] = ((const dots *)bias)[i];
    const int quads = g->kernel_width * g->channels / 4;
    for (int y = 0; y < g->kernel_height; y++) {
        size_t first = (size_t)y * row;
        int left = quads;
        for (; left >= 4; left -= 4, first += 16, weight += 4 * 64) /* few jumps, which the processor can predict */
            for (int k = 0; k < 4; k++)
                add_dots(windows, first + 4 * k, weight + 64 * k, group, total, pixels, registers);
        for (; left > 0; left--, first += 4, weight += 64)
            add_dots(windows, first, weight, group, total, pixels, registers);
    }
    for (int p = 0; p < pixels; p++)
        for (int i = 0; i < registers; i++)
            ((dots *)(out + (size_t)p * g->out_stride))[i] = total[p][i];
}

/* The sums of some rows of output pixels for some registers of outputs, `pixels` pixels at a time. The last ones are
 * summed again with those before them, if they are fewer. See multiply_rows. */
static inline __attribute__((always_inline)) void sum_tiles(const struct geometry *g, const uint8_t *counts, int row,
                                                            int rows, const int8_t *weight, size_t group,
                                                            const int32_t *bias, int32_t *out, const int pixels,
                                                            const int registers)
{
    const int next = g->stride_x * g->channels, width = g->out_width;
    const size_t next_row = (size_t)g->stride_y * row - (size_t)width * next; /* from the end of a row */
    const uint8_t *windows[8];
    for (int start = 0, end = rows * width; start < end; start += pixels) {
        start = start + pixels <= end ? start : end - pixels;
        const int y = rows == 1 ? 0 : start / width;
        const uint8_t *window = counts + y * next_row + (size_t)start * next;
        for (int p = 0, left = width - (start - y * width); p < pixels; p++, window += next) {
            windows[p] = window;
            if (rows > 1 && !--left)
                left = width, window += next_row;
        }
        sum_tile(g, windows, row, weight, group, bias, out + (size_t)start * g->out_stride, pixels, registers);
    }
}

/* out = bias + w * counts, for some rows of output pixels. Weights are read once for several pixels.
 *
 * counts: that the first pixel reads; the next row of inputs lies `row` bytes further. group: bytes of the weights of 16
 * outputs. weight: see convolve_counts. out: [rows][out_width][out_stride].
 */
static void multiply_rows(const struct geometry *g, const uint8_t *counts, int row, int rows, const int8_t *weight,
                          size_t group, int most, const int32_t *bias, int32_t *out)
{
    (void)most; /* sums have 32 bits */
    const int pixels = rows * g->out_width;
    for (int i = 0, outputs; i < g->out_stride; i += outputs) {
        const int8_t *weights = weight + i / 16 * group;
        const int left = g->out_stride - i;
        outputs = left >= 4 * DOTS ? 4 * DOTS : left >= 2 * DOTS ? 2 * DOTS : DOTS;
        if (outputs == 4 * DOTS && pixels >= 4)
            sum_tiles(g, counts, row, rows, weights, group, bias + i, out + i, 4, 4);
        else if (outputs == 4 * DOTS)
            sum_tiles(g, counts, row, rows, weights, group, bias + i, out + i, 1, 4);
        else if (outputs == 2 * DOTS && pixels >= 8)
            sum_tiles(g, counts, row, rows, weights, group, bias + i, out + i, 8, 2);
        else if (outputs == 2 * DOTS)
            sum_tiles(g, counts, row, rows, weights, group, bias + i, out + i, 1, 2);
        else if (pixels >= 8)
            sum_tiles(g, counts, row, rows, weights, group, bias + i, out + i, 8, 1);
        else
            sum_tiles(g, counts, row, rows, weights, group, bias + i, out + i, 1, 1);
    }
}

#endif /* WITH_DOT */

#endif /* MULTIPLY_QUADS_H */
