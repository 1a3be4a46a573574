#ifndef SEGMENTS_H
#define SEGMENTS_H

#include "clip.h"
#include "geometry.h"
#include "spikes.h"

/* Neighbouring entries of a list of spikes. Entry e selects weight row e + shift of a convolution. */
struct segment {
    const spike_t *entries; /* [count] */
    int count;
    ptrdiff_t shift;
};

/* Find the spikes that an output pixel reads through one part of the kernel. Neighbouring pixels are neighbours in the
 * list, so that each row of the kernel has one segment. Returns the number of segments that are not empty.
 *
 * in: of the input, g->height rows. pixel: index of the output pixel, y * out_width + x.
 * row, column: tap at which the part begins. segments: [part_height], written.
 */
static int find_segments(const struct geometry *g, const struct spikes *in, int pixel, int row, int column,
                         struct segment *segments)
{
    const int top = pixel / g->out_width * g->stride_y - g->padding_y;
    const int left = pixel % g->out_width * g->stride_x - g->padding_x;
    int n = 0, y0, y1, x0, x1;
    clip(top + row, g->part_height, g->height, &y0, &y1);
    clip(left + column, g->part_width, g->width, &x0, &x1);
    y0 += row, y1 += row, x0 += column, x1 += column;
    if (x0 < x1)
        for (int ky = y0; ky < y1; ky++) {
            const spike_t *start = in->start + (size_t)(top + ky) * (in->width + 1) + left;
            const spike_t *list = in->list + (size_t)(top + ky) * in->capacity;
            segments[n].entries = list + start[x0];
            segments[n].count = start[x1] - start[x0];
            segments[n].shift = (ptrdiff_t)(ky * g->kernel_width - left) * g->channels;
            n += segments[n].count > 0;
        }
    return n;
}

#endif /* SEGMENTS_H */
