#include "neurons/fire.h"
#include "program/geometry.h"
#include "neurons/neurons.h"
#include "lists/spikes_at.h"
#include "vectors/vectors.h"

#ifdef WITH_COUNTS

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

/* The sums of a row of output pixels for some registers of outputs. window: of the first pixel, see sum_window. */
static inline __attribute__((always_inline)) void sum_row(const struct geometry *g, const uint8_t *window, int row,
                                                          const int8_t *weight, size_t group, int most,
                                                          const int32_t *bias, int32_t *out, const int registers)
{
    const int quads = g->kernel_width * g->channels / 4;
    for (int x = 0; x < g->out_width; x++, window += g->stride_x * g->channels, out += g->out_stride)
        sum_window(window, row, quads, g->kernel_height, weight, group, most, bias, out, registers);
}

/* As convolve_spikes, for layers most of whose inputs spike: weights are multiplied by the number of spikes. The weights of
 * some outputs, which fit the first-level cache if possible, are used for a row of pixels before those of the next ones.
 *
 * weight: [out_stride / 16][tap][channels / 4][16 outputs][4 inputs], channels being a multiple of 4.
 * in: of the first time-step. most: number of products of a pair that can be added in 16 bits. inputs: see pad_counts.
 * current: [out_width][out_stride], overwritten.
 */
static void convolve_counts(const struct geometry *g, const int8_t *weight, const int32_t *bias,
                            const struct counts *in, int most, uint8_t *inputs, int32_t *current,
                            const struct neurons *neurons, int steps, struct share *share)
{
    enum { LEVEL_1 = 5 << 12 }; /* bytes of weights */
    const int first = first_of_part(g->out_height, part_of(share), parts_of(share));
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    const int rows = first < end ? (end - first - 1) * g->stride_y + g->kernel_height : 0;
    const int row = (g->width + 2 * g->padding_x) * g->channels;
    const size_t group = (size_t)g->kernel_height * g->kernel_width * g->channels * 16;
    for (int t = 0; t < steps; t++) {
        const struct neurons fired = neurons_at(*neurons, t);
        pad_counts(g, in, in->numbers + t * sizeof(struct work), first * g->stride_y,
                   first * g->stride_y + rows, inputs);
        for (int y = first; y < end; y++) {
            const uint8_t *window = inputs + y * g->stride_y * row;
            for (int i = 0, outputs; i < g->out_stride; i += outputs) {
                const int8_t *weights = weight + i / 16 * group;
                const int left = g->out_stride - i;
                outputs = left >= 64 && group <= LEVEL_1 / 4 ? 64 : left >= 32 ? 32 : 16;
                if (outputs == 64)
                    sum_row(g, window, row, weights, group, most, bias + i, current + i, 8);
                else if (outputs == 32)
                    sum_row(g, window, row, weights, group, most, bias + i, current + i, 4);
                else
                    sum_row(g, window, row, weights, group, most, bias + i, current + i, 2);
            }
            fire(&fired, y, 0, g->out_width, current);
        }
    }
}

#endif /* WITH_COUNTS */
