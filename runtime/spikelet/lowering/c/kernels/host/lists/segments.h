#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "../../shared/clip.h"
#include "../program/geometry.h"
#include "spikes.h"

/* Neighbouring entries of a list of spikes, at least one. Entry e selects the row of weights at base + e * row / SCALE. */
struct segment {
    const spike_t *entries, *end;
    uintptr_t base; /* may precede the weights */
};

/* Find the spikes that an output pixel reads through one part of the kernel. Neighbouring pixels are neighbours in the
 * list, so that each row of the kernel has one segment for each plane.
 *
 * in: of the input, g->height rows. y, x: output pixel. row, column: tap at which the part begins.
 * weights: address of the first row. row_bytes: of a row of weights.
 * segments: [planes * part_height], written, plane by plane. ends: [planes], written: end of the segments of each plane.
 */
static inline __attribute__((always_inline)) void find_segments(const struct geometry *g, const struct spikes *in, int y,
                                                                int x, int row, int column, uintptr_t weights,
                                                                int row_bytes, struct segment *segments,
                                                                struct segment **ends)
{
    const int top = y * g->stride_y - g->padding_y, left = x * g->stride_x - g->padding_x;
    int y0, y1, x0, x1;
    clip(top + row, g->part_height, g->height, &y0, &y1);
    clip(left + column, g->part_width, g->width, &x0, &x1);
    y0 += row, y1 += row, x0 += column, x1 += column;
    struct segment *next = segments;
    const int rows = x0 < x1 ? y1 - y0 : 0, starts = in->width + 1;
    const uintptr_t row_step = (uintptr_t)g->kernel_width * g->channels * row_bytes;
    const uintptr_t base = weights + (uintptr_t)((ptrdiff_t)(y0 * g->kernel_width - left) * g->channels * row_bytes);
    const spike_t *start = in->start + (ptrdiff_t)(top + y0) * starts + left + x0;
    const spike_t *list = in->list + (ptrdiff_t)(top + y0) * in->capacity;
    for (int plane = 0; plane < PLANES && plane < in->planes; plane++) {
        const spike_t *row_start = start, *row_list = list;
        uintptr_t row_base = base;
        for (int i = 0; i < rows; i++, row_start += starts, row_list += in->capacity, row_base += row_step) {
            next->entries = row_list + row_start[0];
            next->end = row_list + row_start[x1 - x0];
            next->base = row_base;
            next += row_start[x1 - x0] > row_start[0];
        }
        start += (size_t)in->height * starts;
        list += (size_t)in->height * in->capacity;
        ends[plane] = next;
    }
}

/* Find the spikes that an output pixel reads in lists of merge_rows, as find_segments with the whole kernel as its part.
 *
 * merged: of row y of output pixels. x: output pixel. segments: [planes], written.
 */
static inline __attribute__((always_inline)) void find_merged(const struct geometry *g, const struct spikes *merged,
                                                              int x, uintptr_t weights, int row_bytes,
                                                              struct segment *segments, struct segment **ends)
{
    const int left = x * g->stride_x - g->padding_x;
    int x0, x1;
    clip(left, g->kernel_width, g->width, &x0, &x1);
    struct segment *next = segments;
    for (int plane = 0; plane < PLANES && plane < merged->planes; plane++) {
        const struct spikes lists = plane_of(*merged, plane);
        next->entries = lists.list + lists.start[left + x0];
        next->end = lists.list + lists.start[left + x1];
        next->base = weights - (uintptr_t)((ptrdiff_t)left * g->channels * row_bytes);
        next += next->end > next->entries;
        ends[plane] = next;
    }
}

#endif /* SEGMENTS_H */
