#include "../shared/join.h"
#include "../stand_in/host.h"
#include "neurons/fire.h"
#include "program/geometry.h"
#include "lists/merge_rows.h"
#include "neurons/neurons.h"
#include "vectors/prefetch.h"
#include "lists/segments.h"
#include "lists/spikes_at.h"
#include "vectors/vectors.h"

#define PAIRS_BYTES (LANES < VECTOR_BYTES ? LANES : VECTOR_BYTES)
typedef int16_t JOIN(pairs_, LANES) __attribute__((vector_size(PAIRS_BYTES), may_alias));
typedef uint16_t JOIN(unsigned_pairs_, LANES) __attribute__((vector_size(PAIRS_BYTES), may_alias));

/* Add row `index` of the weights at `base` to the sums of pairs and of their upper bytes: [LANES * 8 / VECTOR_BITS].
 *
 * AVX2 multiplies operands in memory by 256 instead of shifting them, to save an instruction. Every other vector is loaded
 * and shifted nevertheless, since these processors load two vectors a cycle.
 */
static inline __attribute__((always_inline)) void JOIN(add_row_, LANES)(uintptr_t base, uintptr_t index,
                                                                        JOIN(unsigned_pairs_, LANES) *pairs,
                                                                        JOIN(pairs_, LANES) *high)
{
    enum { ROW = LANES / SCALE, UNIT = ROW > 8 ? 1 : ROW, VECTORS = LANES / PAIRS_BYTES }; /* x86 scales by 8 at most */
    _Static_assert(LANES % SCALE == 0, "a row has a whole number of bytes for each unit of an entry");
    index *= ROW / UNIT;
#if defined WITH_AVX2 && LANES > 16
    typedef int16_t int16x16 __attribute__((vector_size(32)));
    const int16x16 zero = {0};
    for (int i = 0; i < VECTORS; i++) {
        JOIN(pairs_, LANES) loaded, upper;
        JOIN(unsigned_pairs_, LANES) total;
        READ_AGAIN(index);
        const JOIN(pairs_, LANES) *weights = (const JOIN(pairs_, LANES) *)(base + index * UNIT) + i;
        if (i % 2 == 0) {
            loaded = *weights;
            IN_ORDER(loaded);
            total = pairs[i] + (JOIN(unsigned_pairs_, LANES))loaded;
            upper = loaded >> 8;
        } else {
            total = pairs[i] + (JOIN(unsigned_pairs_, LANES))*weights;
            READ_AGAIN(index);
            weights = (const JOIN(pairs_, LANES) *)(base + index * UNIT) + i;
            upper = (JOIN(pairs_, LANES))__builtin_ia32_pmulhw256((int16x16)*weights, zero + 256);
        }
        IN_ORDER(total);
        pairs[i] = total;
        upper += high[i];
        IN_ORDER(upper);
        high[i] = upper;
    }
#else
    const JOIN(pairs_, LANES) *weights = (const JOIN(pairs_, LANES) *)(base + index * UNIT);
    for (int i = 0; i < VECTORS; i++) {
        JOIN(unsigned_pairs_, LANES) total = pairs[i] + (JOIN(unsigned_pairs_, LANES))weights[i];
        IN_ORDER(total);
        pairs[i] = total;
    }
    READ_AGAIN(weights);
    for (int i = 0; i < VECTORS; i++) {
        JOIN(pairs_, LANES) total = high[i] + (weights[i] >> 8);
        IN_ORDER(total);
        high[i] = total;
    }
#endif
}

/* sum += 2^plane * the weight rows that the entries of the segments select.
 *
 * A pair of weights (h, l) is one int16, 256 h + l + 128. Adding whole pairs gives 256 sum(h) + sum(l + 128) modulo
 * 2^16; adding their upper bytes gives sum(h); the difference, less 128 for each row, is sum(l). Both fit 16 bits for
 * ROWS = 256 rows, as -2^15 = -256 * 128 <= sum <= 256 * 127 < 2^15.
 *
 * segment: from here to `end`, changed. sum: [LANES].
 * prefetch: 1 to prefetch each row PREFETCH_ROWS entries before it is added, into the second-level cache, which accepts
 * more outstanding lines than the first.
 */
static __attribute__((noinline)) void JOIN(add_rows_, LANES)(struct segment *segment, const struct segment *end,
                                                             int prefetch, int plane, int32_t *restrict sum)
{
    enum { PREFETCH_ROWS = 28, ROWS = 256, VECTORS = LANES / PAIRS_BYTES, UNIT = LANES / SCALE };
    _Static_assert(PREFETCH_ROWS < (int)SLACK, "entries past the end of a list are read to prefetch their rows");
    while (segment < end) {
        JOIN(unsigned_pairs_, LANES) pairs[VECTORS] = {{0}}; /* overflow of an unsigned sum is defined */
        JOIN(pairs_, LANES) high[VECTORS] = {{0}};
        ptrdiff_t left = ROWS;
        do {
            const spike_t *entry = segment->entries, *last = segment->end;
            const uintptr_t base = segment->base;
            left -= last - entry;
            if (left < 0)
                last += left; /* the others follow after the sums are widened */
            if (prefetch)
                for (; entry < last; entry++) {
                    for (int line = 0; line < LANES; line += 64)
                        __builtin_prefetch((const void *)(base + (uintptr_t)entry[PREFETCH_ROWS] * UNIT + line), 0, 2);
                    JOIN(add_row_, LANES)(base, *entry, pairs, high);
                }
            for (const uintptr_t fours = (uintptr_t)last - 3 * sizeof *last; (uintptr_t)entry < fours; entry += 4)
                for (int k = 0; k < 4; k++)
                    JOIN(add_row_, LANES)(base, entry[k], pairs, high);
            for (; entry < last; entry++)
                JOIN(add_row_, LANES)(base, *entry, pairs, high);
            if (left < 0) {
                segment->entries = last;
                left = 0;
                break;
            }
        } while (++segment < end);
        const uint16_t offset = (uint16_t)(128 * (ROWS - left));
        JOIN(pairs_, LANES) low_sums[VECTORS], high_sums[VECTORS]; /* copies, so that the sums above stay in registers */
        for (int i = 0; i < VECTORS; i++) {
            high_sums[i] = high[i];
            low_sums[i] = (JOIN(pairs_, LANES))(pairs[i] - ((JOIN(unsigned_pairs_, LANES))high[i] << 8) - offset);
        }
        int32_t *restrict total = sum;
        READ_AGAIN(total); /* the sums are not kept in registers during the additions, which need these */
        for (int i = 0; i < LANES / 2; i++) {
            total[i] += ((const int16_t *)low_sums)[i] * (1 << plane);
            total[LANES / 2 + i] += ((const int16_t *)high_sums)[i] * (1 << plane);
        }
    }
}

/* The currents of some output pixels through some blocks of outputs, at all time-steps, so that each part of a block of
 * weights is read by all of them while it is in the cache. Weights that exceed the nearest caches are prefetched: if many
 * sums share a part, the next part while this one is in use; if few share it, each row shortly before a spike selects it.
 *
 * merged: memory for the lists of one row of output pixels, see merge_rows, or NULL; then the kernel is one part.
 * start, end: pixels. first_block, end_block: blocks of LANES outputs. current: [end - start][out_stride] of the first
 * time-step, written. The others: see convolve_spikes.
 */
static void JOIN(sum_tile_, LANES)(const struct geometry *g, const int16_t *weight, const int32_t *bias,
                                   const struct spikes *in, const struct spikes *merged, int32_t *current, int start,
                                   int end, int first_block, int end_block, int steps)
{
    enum { MANY_SUMS = 5 }; /* so many sums use most rows of a part */
    const int taps = g->kernel_height * g->kernel_width, sums = steps * (end - start);
    const size_t stride = (size_t)g->out_stride, next_step = sizeof(struct work) / sizeof *current;
    const size_t block_start = (size_t)first_block * LANES, block_end = (size_t)end_block * LANES;
    const size_t part_bytes = (size_t)g->part_height * g->part_width * g->channels * LANES;
    const char *const weight_start = (const char *)weight + block_start * taps * g->channels;
    const char *const weight_end = (const char *)weight + block_end * taps * g->channels;
    const int prefetch_parts = g->prefetch && sums >= MANY_SUMS;
    const size_t bytes = (part_bytes / sums / 64 + 1) * 64; /* of the next part, that each sum prefetches */
    struct segment segments[MAX_HEIGHT * PLANES];
    const char *part = weight_start;
    for (size_t first = block_start; first < block_end; first += LANES) {
        const int16_t *block = weight + first / 2 * taps * g->channels;
        for (int row = 0; row < g->kernel_height; row += g->part_height)
            for (int column = 0; column < g->kernel_width; column += g->part_width) {
                const int prefetch_rows = g->prefetch && (!prefetch_parts || part == weight_start);
                part += part_bytes; /* the next part */
                const char *unfetched = part;
                const char *const part_end = part < weight_end && prefetch_parts ? part + part_bytes : part;
                for (int t = 0; t < steps; t++) {
                    const struct spikes in_at = spikes_at(*in, t);
                    int y = start / g->out_width, x = start % g->out_width;
                    for (int p = start; p < end; p++) {
                        int32_t *total = current + t * next_step + (p - start) * stride + first;
                        if (!row && !column)
                            memcpy(total, bias + first, LANES * sizeof *total);
                        if (prefetch_parts)
                            unfetched = prefetch_lines(
                                unfetched, (size_t)(part_end - unfetched) < bytes ? part_end : unfetched + bytes);
                        struct segment *ends[PLANES] = {0}, *first_segment = segments;
                        if (merged && (p == start || !x))
                            merge_rows(g, &in_at, y, merged);
                        if (merged)
                            find_merged(g, merged, x, (uintptr_t)block, LANES, segments, ends);
                        else
                            find_segments(g, &in_at, y, x, row, column, (uintptr_t)block, LANES, segments, ends);
                        for (int plane = 0; plane < PLANES && plane < in->planes; plane++) {
                            if (first_segment < ends[plane])
                                JOIN(add_rows_, LANES)(first_segment, ends[plane], prefetch_rows, plane, total);
                            first_segment = ends[plane];
                        }
                        if (++x == g->out_width)
                            x = 0, y++;
                    }
                }
            }
    }
}

/* Update the neurons that read the currents of some output pixels, or add these currents to `sum`.
 *
 * start, end: pixels. part, parts: rows of the output that are evaluated, those whose index modulo `parts` is `part`.
 */
static void JOIN(fire_tile_, LANES)(const struct geometry *g, const int32_t *current, int start, int end,
                                    const struct neurons *neurons, int32_t *sum, int steps, int part, int parts)
{
    const size_t stride = (size_t)g->out_stride, next_step = sizeof(struct work) / sizeof *current;
    for (int p = start, count; p < end; p += count) { /* `count` pixels of one row of the output */
        const int x = p % g->out_width, rest = g->out_width - x; /* a pixel holds `spread` pixels of the layer */
        const int spread = neurons ? (int)stride / neurons->stride : 1;
        count = rest < end - p ? rest : end - p;
        if (p / g->out_width % parts != part)
            continue;
        const int32_t *totals = current + (p - start) * stride;
        for (int t = 0; neurons && t < steps; t++) {
            const struct neurons fired = neurons_at(*neurons, t);
            fire(&fired, p / g->out_width, x * spread, count * spread, totals + t * next_step);
        }
        for (size_t i = 0; !neurons && i < count * stride; i++)
            sum[p * stride + i] += totals[i];
    }
}

/* A convolution of spikes without groups, with weights of 8 bits. Its currents are added to `sum`, or the neurons that
 * read them are updated. `tile` output pixels are summed together, see sum_tile.
 *
 * weight: [out_stride / LANES][tap][channels][LANES / 2] pairs. bias: [out_stride].
 * in: of the first time-step. current: [tile][out_stride] of the first time-step, overwritten.
 * neurons: [1], of the first time-step, with `out` and `fired` written for all time-steps; or NULL.
 * sum: [out_height][out_width][out_stride], used where `neurons` is NULL; `steps` is 1 then.
 *
 * own: as `current`, memory of this thread. Threads share the rows of pixels; or, if weights exceed the nearest caches or
 * there are fewer rows than threads, the blocks of outputs, with all sums in `current`.
 *
 * It is not used where convolve_counts is used for all layers.
 */
static __attribute__((unused)) void JOIN(convolve_spikes_, LANES)(const struct geometry *g, const int16_t *weight,
                                                                  const int32_t *bias, const struct spikes *in,
                                                                  const struct spikes *merged, int32_t *current, int32_t *own, int tile,
                                                                  const struct neurons *neurons, int32_t *sum,
                                                                  int steps, struct share *share)
{
    const int blocks = g->out_stride / LANES, threads = threads_of(share), pixels = g->out_height * g->out_width;
    if (threads == 1 || (!g->prefetch && g->out_height >= threads) || blocks < threads) {
        while (take_part(share)) {
            const int rows_end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share)) * g->out_width;
            int start = first_of_part(g->out_height, part_of(share), parts_of(share)) * g->out_width;
            for (; start < rows_end; start += tile) {
                const int end = start + tile < rows_end ? start + tile : rows_end;
                JOIN(sum_tile_, LANES)(g, weight, bias, in, merged, own, start, end, 0, blocks, steps);
                JOIN(fire_tile_, LANES)(g, own, start, end, neurons, sum, steps, 0, 1);
            }
        }
        wait_for_all(share);
        return;
    }
    for (int start = 0; start < pixels; start += tile) {
        const int end = start + tile < pixels ? start + tile : pixels;
        while (take_part(share)) {
            const int first_block = first_of_part(blocks, part_of(share), parts_of(share));
            const int end_block = first_of_part(blocks, part_of(share) + 1, parts_of(share));
            JOIN(sum_tile_, LANES)(g, weight, bias, in, merged, current, start, end, first_block, end_block, steps);
        }
        wait_for_all(share);
        while (take_part(share))
            JOIN(fire_tile_, LANES)(g, current, start, end, neurons, sum, steps, part_of(share), parts_of(share));
        wait_for_all(share); /* before `current` is overwritten */
    }
}

#undef PAIRS_BYTES
