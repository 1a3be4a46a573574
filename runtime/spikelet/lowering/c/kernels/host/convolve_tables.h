#include "neurons/fire.h"
#include "program/geometry.h"
#include "neurons/neurons.h"
#include "lists/spikes_at.h"
#include "vectors/vectors.h"

#ifdef WITH_COUNTS

enum { TABLE = 16 * 16 * sizeof(int16_t) }; /* bytes of a table: 16 sums for each pattern of four inputs */

enum { SUMS_BYTES = VECTOR_BYTES == 16 ? 16 : 32 };
typedef int16_t table_sums __attribute__((vector_size(SUMS_BYTES), aligned(2), may_alias));
typedef int32_t table_totals __attribute__((vector_size(SUMS_BYTES), aligned(4), may_alias));
enum { TABLE_PARTS = 32 / sizeof(table_sums) }; /* registers of 16 sums */
typedef uint32_t four_counts __attribute__((aligned(1), may_alias));

/* Write the offset in a table of each group of four inputs, with zeros around the image.
 *
 * counts: [height][width][stride], spikes of the inputs, 0 or 1. first, end: rows of `offsets` that are written, with
 * those of the padding. offsets: [rows][columns][channels / 4].
 */
static void find_offsets(const struct geometry *g, const uint8_t *counts, int stride, int first, int end,
                         four_counts *offsets)
{
    const int groups = g->channels / 4, row = (g->width + 2 * g->padding_x) * groups;
    const int joined = stride == g->channels ? g->width : 1; /* pixels without a gap between them */
    memset(offsets + (size_t)first * row, 0, (size_t)(end - first) * row * sizeof *offsets);
    first = first > g->padding_y ? first - g->padding_y : 0;
    end = end - g->padding_y < g->height ? end - g->padding_y : g->height;
    for (int y = first; y < end; y++) {
        four_counts *pixel = offsets + (size_t)(g->padding_y + y) * row + g->padding_x * groups;
        const uint8_t *inputs = counts + (size_t)y * g->width * stride;
        for (int x = 0; x < g->width; x += joined, pixel += joined * groups, inputs += joined * stride)
            for (int i = 0; i < joined * groups; i++) /* the lowest bits of four bytes become the highest four bits */
                pixel[i] = (((const four_counts *)inputs)[i] * 0x10204080u >> 28) * (TABLE / 16);
    }
}

/* sums[k] += the entries of the tables of neighbouring groups of inputs, at the last tap of a row of the kernel for the
 * first pixel, at the one before for the next pixel, and so on.
 *
 * offsets: of the first group; those of the next row of the kernel lie `row` further. table: of the first row of the
 * kernel. row_bytes, tap_bytes: from the tables of a row of the kernel and of a tap to those of the next one.
 */
static inline __attribute__((always_inline)) void add_entries(const four_counts *offsets, int row, int rows,
                                                              const char *table, size_t row_bytes, size_t tap_bytes,
                                                              table_sums sums[][TABLE_PARTS], const int groups,
                                                              const int outputs)
{
    for (; rows > 0; rows--, offsets += row, table += row_bytes) {
        const char *tables = table;
        int group = 0;
        for (; group + 4 <= groups; group += 4, tables += 4 * TABLE)
            for (int i = 0; i < 4; i++) {
                const char *entry = tables + i * TABLE + offsets[group + i];
                for (int k = 0; k < outputs; k++)
                    for (int part = 0; part < TABLE_PARTS; part++) {
                        const table_sums *of_tap = (const table_sums *)(entry + (outputs - 1 - k) * tap_bytes);
                        table_sums total = sums[k][part] + of_tap[part];
                        IN_ORDER(total);
                        sums[k][part] = total;
                    }
            }
        for (; group < groups; group++, tables += TABLE)
            for (int k = 0; k < outputs; k++)
                for (int part = 0; part < TABLE_PARTS; part++)
                    sums[k][part] +=
                        ((const table_sums *)(tables + offsets[group] + (outputs - 1 - k) * tap_bytes))[part];
    }
}

/* out = bias + sums for 16 outputs, or out += bias + sums if `add`. */
static inline __attribute__((always_inline)) void widen(const table_sums *sums, const int32_t *bias, int add, int32_t *out)
{
    table_sums copy[TABLE_PARTS]; /* so that the sums stay in registers */
    for (int part = 0; part < TABLE_PARTS; part++)
        copy[part] = sums[part];
    const int16_t *values = (const int16_t *)copy;
    union {
        int32_t numbers[16];
        table_totals parts[2 * TABLE_PARTS];
    } totals;
    for (int i = 0; i < 16; i++)
        totals.numbers[i] = values[i];
    for (int i = 0; i < 2 * TABLE_PARTS; i++) {
        totals.parts[i] += ((const table_totals *)bias)[i];
        if (add)
            totals.parts[i] += ((table_totals *)out)[i];
        ((table_totals *)out)[i] = totals.parts[i];
    }
}

/* The sums of a row of output pixels for 16 outputs, for a kernel of 3 by 3 with a stride of 1: an offset is read once
 * for the three output pixels that read its inputs.
 *
 * offsets: of the first input of the first pixel. table, bias, out: of the first of these outputs. groups: of inputs, a
 * constant of the call, so that loops are unrolled.
 */
static inline __attribute__((always_inline)) void slide(const struct geometry *g, const four_counts *offsets, int row,
                                                        const char *table, const int32_t *bias, int add, int32_t *out,
                                                        const int groups)
{
    const int out_width = g->out_width, out_stride = g->out_stride;
    const size_t tap_bytes = (size_t)groups * TABLE;
    table_sums sums[3][TABLE_PARTS] = {{{0}}};
    for (int x = -2; x < out_width; x++, offsets += groups) {
        add_entries(offsets, row, 3, table, 3 * tap_bytes, tap_bytes, sums, groups, 3);
        if (x >= 0) {
            widen(sums[0], bias, add, out);
            out += out_stride;
        }
        for (int part = 0; part < TABLE_PARTS; part++) {
            sums[0][part] = sums[1][part], sums[1][part] = sums[2][part];
            sums[2][part] = (table_sums){0};
        }
    }
}

/* The sums of a row of output pixels for 16 outputs; see slide. */
static __attribute__((noinline)) void sum_row_16(const struct geometry *g, const four_counts *offsets, int row,
                                                 const char *table, const int32_t *bias, int add, int32_t *out)
{
    const int groups = g->channels / 4, slides = g->kernel_height == 3 && g->kernel_width == 3 && g->stride_x == 1;
    if (slides && groups == 4)
        slide(g, offsets, row, table, bias, add, out, 4);
    else if (slides && groups == 8)
        slide(g, offsets, row, table, bias, add, out, 8);
    else {
        const int window = g->kernel_width * groups, rows = g->kernel_height, out_stride = g->out_stride;
        const int step = g->stride_x * groups;
        for (int x = g->out_width; x > 0; x--, offsets += step, out += out_stride) {
            table_sums sums[1][TABLE_PARTS] = {{{0}}};
            add_entries(offsets, row, rows, table, (size_t)window * TABLE, 0, sums, window, 1);
            widen(sums[0], bias, add, out);
        }
    }
}

/* A convolution that adds, for each group of four inputs, the sum of the weights of those that spike, from a table. It
 * takes the same time for any spikes. The sums of any inputs fit 16 bits.
 *
 * table: [out_stride / 16][kernel_height][kernel_width][channels / 4][16 patterns of four inputs][16 outputs].
 * numbers: [height][width][stride], the spikes of neurons without copies in the first time-step. inputs: memory of the
 * offsets, see find_offsets. current: [out_width][out_stride], overwritten. neurons, sum, steps: see convolve_spikes.
 */
static void convolve_tables(const struct geometry *g, const int16_t *table, const int32_t *bias, const uint8_t *numbers,
                            int stride, uint8_t *inputs, int32_t *current, const struct neurons *neurons, int32_t *sum,
                            int steps, struct share *share)
{
    const int first = first_of_part(g->out_height, part_of(share), parts_of(share));
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    const int rows = first < end ? (end - first - 1) * g->stride_y + g->kernel_height : 0, add = !neurons;
    const int groups = g->channels / 4, row = (g->width + 2 * g->padding_x) * groups;
    const struct geometry *sizes = g;
    READ_AGAIN(sizes); /* the compiler does not make a copy of sum_row_16 for each layer */
    const size_t block = (size_t)g->kernel_height * g->kernel_width * groups * TABLE;
    four_counts *const offsets = (four_counts *)inputs;
    for (int t = 0; t < steps; t++) {
        find_offsets(g, numbers + t * sizeof(struct work), stride, first * g->stride_y,
                     first * g->stride_y + rows, offsets);
        for (int y = first; y < end; y++) {
            const four_counts *window = offsets + (size_t)y * g->stride_y * row;
            const char *tables = (const char *)table;
            int32_t *out = add ? sum + (size_t)y * g->out_width * g->out_stride : current;
            for (int i = 0; i < g->out_stride; i += 16, tables += block)
                sum_row_16(sizes, window, row, tables, bias + i, add, out + i);
            if (neurons) {
                const struct neurons fired = neurons_at(*neurons, t);
                fire(&fired, y, 0, g->out_width, out);
            }
        }
    }
}

#endif /* WITH_COUNTS */
