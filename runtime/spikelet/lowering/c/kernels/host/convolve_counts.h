#include "counts/multiply_pairs.h"
#include "counts/multiply_quads.h"
#include "counts/pad_counts.h"
#include "neurons/fire.h"
#include "program/geometry.h"
#include "neurons/neurons.h"
#include "lists/spikes_at.h"
#include "vectors/vectors.h"

#ifdef WITH_COUNTS

/* sum += current, for some pixels. count: of values, a multiple of 16. */
static inline void add_currents(const int32_t *restrict current, int count, int32_t *restrict sum)
{
    for (int i = 0; i < count; i += INT32S)
        *(int32_vector *)(sum + i) += *(const int32_vector *)(current + i);
}

/* As convolve_spikes, for layers most of whose inputs spike: weights are multiplied by the number of spikes.
 *
 * weight: [out_stride / 16][tap][channels / 4][16 outputs][4 inputs], channels being a multiple of 4.
 * in: of the first time-step. most: number of products of a pair that can be added in 16 bits. inputs: see pad_counts.
 * current: [part_height][out_width][out_stride], overwritten. g->part_height: rows of output pixels that are summed together.
 */
static void convolve_counts(const struct geometry *g, const int8_t *weight, const int32_t *bias,
                            const struct counts *in, int most, uint8_t *inputs, int32_t *current,
                            const struct neurons *neurons, int32_t *sum, int steps, struct share *share)
{
    const int first = first_of_part(g->out_height, part_of(share), parts_of(share));
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    const int rows = first < end ? (end - first - 1) * g->stride_y + g->kernel_height : 0;
    const int row = (g->width + 2 * g->padding_x) * g->channels, out_row = g->out_width * g->out_stride;
    const size_t group = (size_t)g->kernel_height * g->kernel_width * g->channels * 16;
    for (int t = 0; t < steps; t++) {
        pad_counts(g, in, in->numbers + t * sizeof(struct work), first * g->stride_y,
                   first * g->stride_y + rows, inputs);
        for (int y = first; y < end; y += g->part_height) {
            const int count = g->part_height < end - y ? g->part_height : end - y;
            const uint8_t *counts = inputs + (size_t)y * g->stride_y * row;
            multiply_rows(g, counts, row, count, weight, group, most, bias, current);
            if (neurons) {
                const struct neurons fired = neurons_at(*neurons, t);
                for (int i = 0; i < count; i++)
                    fire(&fired, y + i, 0, g->out_width, current + (size_t)i * out_row);
            } else
                add_currents(current, count * out_row, sum + (size_t)y * out_row);
        }
    }
}

#endif /* WITH_COUNTS */
