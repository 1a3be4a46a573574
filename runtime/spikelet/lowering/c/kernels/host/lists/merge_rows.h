#ifndef MERGE_ROWS_H
#define MERGE_ROWS_H

#include "../../shared/clip.h"
#include "append_entries.h"
#include "../program/geometry.h"

/* Join the lists of the rows of the input that a row of output pixels reads, column by column. The spikes that an output
 * pixel reads are then one segment of a list instead of one for each row of the kernel.
 *
 * y: row of output pixels. merged: of one row, written; an entry (column * channels + channel) * SCALE of row ky of the
 * kernel becomes ((ky * kernel_width + column) * channels + channel) * SCALE.
 */
static __attribute__((noinline, unused)) void merge_rows(const struct geometry *g, const struct spikes *in, int y,
                                                         const struct spikes *merged)
{
    const int top = y * g->stride_y - g->padding_y, row = g->kernel_width * g->channels * SCALE;
    int y0, y1;
    clip(top, g->kernel_height, g->height, &y0, &y1);
    for (int plane = 0; plane < in->planes; plane++) {
        const struct spikes from = plane_of(*in, plane), to = plane_of(*merged, plane);
        const spike_t *start = from.start + (ptrdiff_t)(top + y0) * (in->width + 1);
        const spike_t *list = from.list + (ptrdiff_t)(top + y0) * in->capacity;
        spike_t *end = to.list;
        for (int x = 0; x < in->width; x++, start++) {
            const spike_t *first = start, *entries = list;
            to.start[x] = (spike_t)(end - to.list);
            for (int ky = y0; ky < y1; ky++, first += in->width + 1, entries += in->capacity)
                end = append_entries(end, entries + first[0], first[1] - first[0], (spike_t)(ky * row));
        }
        to.start[in->width] = (spike_t)(end - to.list);
    }
}

#endif /* MERGE_ROWS_H */
