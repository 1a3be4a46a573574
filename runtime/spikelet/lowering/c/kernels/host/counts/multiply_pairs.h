#ifndef MULTIPLY_PAIRS_H
#define MULTIPLY_PAIRS_H

#include "../program/geometry.h"
#include "../vectors/vectors.h"

#if defined WITH_COUNTS && !defined WITH_DOT

typedef int8_t int8x32 __attribute__((vector_size(32), aligned(1), may_alias));
typedef int16_t count_sums __attribute__((vector_size(32)));
typedef int32_t int32x8 __attribute__((vector_size(32), aligned(4), may_alias));

/* Add the products of four counts with the weights of 8 outputs for each register, in pairs:
 * sums[2 i] += counts[0] * w[4 i] + counts[1] * w[4 i + 1], sums[2 i + 1] likewise with the others.
 *
 * counts: [4]. weight: of 16 outputs; those of the next 16 lie `group` bytes apart.
 */
static inline __attribute__((always_inline)) void add_products(const uint8_t *counts, const int8_t *weight,
                                                               size_t group, count_sums *sums, const int registers)
{
    typedef int32_t word __attribute__((aligned(1), may_alias));
    typedef char bytes __attribute__((vector_size(32)));
    int32x8 values = {0};
    values += *(const word *)counts;
    for (int i = 0; i < registers; i++) {
        const int8x32 weights = ((const int8x32 *)(weight + i / 2 * group))[i % 2];
        count_sums total = sums[i] + (count_sums)__builtin_ia32_pmaddubsw256((bytes)values, (bytes)weights);
        IN_ORDER(total);
        sums[i] = total;
    }
}

/* out = bias + w * counts, for 8 outputs of one output pixel in each register.
 *
 * counts: of the first pixel of the window; its `rows` rows lie `row` bytes apart and have `quads` times 4 counts.
 * weight, bias, out: of the first of these outputs, see convolve_counts. group: bytes of the weights of 16 outputs.
 */
static inline __attribute__((always_inline)) void sum_window(const uint8_t *counts, int row, int quads, int rows,
                                                             const int8_t *weight, size_t group, int most,
                                                             const int32_t *bias, int32_t *out, const int registers)
{
    const count_sums zero = {0};
    int32x8 total[8];
    for (int i = 0; i < registers; i++)
        total[i] = ((const int32x8 *)bias)[i];
    for (; rows > 0; rows--, counts += row)
        for (int start = 0; start < quads; start += most) {
            const uint8_t *four = counts + 4 * start;
            const uint8_t *const end = counts + 4 * (start + most < quads ? start + most : quads);
            count_sums sums[8] = {{0}};
            for (const uintptr_t fours = (uintptr_t)end - 12; (uintptr_t)four < fours; four += 16, weight += 4 * 64)
                for (int k = 0; k < 4; k++)
                    add_products(four + 4 * k, weight + 64 * k, group, sums, registers);
            for (; four < end; four += 4, weight += 64)
                add_products(four, weight, group, sums, registers);
            for (int i = 0; i < registers; i++)
                total[i] += (int32x8)__builtin_ia32_pmaddwd256(sums[i], zero + 1);
        }
    for (int i = 0; i < registers; i++)
        ((int32x8 *)out)[i] = total[i];
}

/* The sums of some rows of output pixels for some registers of outputs. See multiply_rows. */
static inline __attribute__((always_inline)) void sum_windows(const struct geometry *g, const uint8_t *counts, int row,
                                                              int rows, const int8_t *weight, size_t group, int most,
                                                              const int32_t *bias, int32_t *out, const int registers)
{
    const int quads = g->kernel_width * g->channels / 4;
    for (; rows > 0; rows--, counts += (size_t)g->stride_y * row) {
        const uint8_t *window = counts;
        for (int x = 0; x < g->out_width; x++, window += g->stride_x * g->channels, out += g->out_stride)
            sum_window(window, row, quads, g->kernel_height, weight, group, most, bias, out, registers);
    }
}

/* out = bias + w * counts, for some rows of output pixels. The weights of some outputs, which fit the first-level cache if
 * possible, are used for all pixels before those of the next ones.
 *
 * counts: that the first pixel reads; the next row of inputs lies `row` bytes further. group: bytes of the weights of 16
 * outputs. weight, most: see convolve_counts. out: [rows][out_width][out_stride].
 */
static void multiply_rows(const struct geometry *g, const uint8_t *counts, int row, int rows, const int8_t *weight,
                          size_t group, int most, const int32_t *bias, int32_t *out)
{
    enum { LEVEL_1 = 5 << 12 }; /* bytes of weights */
    for (int i = 0, outputs; i < g->out_stride; i += outputs) {
        const int8_t *weights = weight + i / 16 * group;
        const int left = g->out_stride - i;
        outputs = left >= 64 && group <= LEVEL_1 / 4 ? 64 : left >= 32 ? 32 : 16;
        if (outputs == 64)
            sum_windows(g, counts, row, rows, weights, group, most, bias + i, out + i, 8);
        else if (outputs == 32)
            sum_windows(g, counts, row, rows, weights, group, most, bias + i, out + i, 4);
        else
            sum_windows(g, counts, row, rows, weights, group, most, bias + i, out + i, 2);
    }
}

#endif /* WITH_COUNTS && !WITH_DOT */

#endif /* MULTIPLY_PAIRS_H */
