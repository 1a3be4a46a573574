#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "../shared/clip.h"
#include "geometry.h"
#include "spikes.h"

/* Neighbouring entries of a list of spikes. Entry e selects weight row e / SCALE + shift of a convolution. */
struct segment {
    const spike_t *entries; /* [count] */
    int count;
    ptrdiff_t shift;
};

/* Find the spikes that an output pixel reads through one part of the kernel. Neighbouring pixels are neighbours in the
 * list, so that each row of the kernel has one segment. Returns the end of the segments, of which none is empty.
 *
 * in: of the input, g->height rows. y, x: output pixel.
 * row, column: tap at which the part begins. segments: [part_height], written.
 */
static struct segment *find_segments(const struct geometry *g, const struct spikes *in, int y, int x, int row,
                                     int column, struct segment *segments)
{
    const int top = y * g->stride_y - g->padding_y, left = x * g->stride_x - g->padding_x;
    int y0, y1, x0, x1;
    clip(top + row, g->part_height, g->height, &y0, &y1);
    clip(left + column, g->part_width, g->width, &x0, &x1);
    y0 += row, y1 += row, x0 += column, x1 += column;
    if (x0 >= x1 || y0 >= y1)
        return segments;
    const ptrdiff_t input_row = top + y0, row_shift = (ptrdiff_t)g->kernel_width * g->channels;
    const spike_t *start = in->start + input_row * (in->width + 1) + left + x0;
    const spike_t *list = in->list + input_row * in->capacity;
    struct segment *next = segments;
    ptrdiff_t shift = (ptrdiff_t)(y0 * g->kernel_width - left) * g->channels;
    for (; y0 < y1; y0++, start += in->width + 1, list += in->capacity, shift += row_shift) {
        next->entries = list + start[0];
        next->count = start[x1 - x0] - start[0];
        next->shift = shift;
        next += next->count > 0;
    }
    return next;
}

#endif /* SEGMENTS_H */
