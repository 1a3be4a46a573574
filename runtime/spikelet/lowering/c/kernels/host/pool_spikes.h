#include "lists/append_entries.h"
#include "program/geometry.h"
#include "program/share.h"
#include "lists/spikes.h"

/* A sum pool of the spikes of one plane: concatenate the lists of the pixels that each output pixel reads. */
static void pool_plane(const struct geometry *g, const struct spikes *in, const struct spikes *out,
                       struct share *share)
{
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    for (int y = first_of_part(g->out_height, part_of(share), parts_of(share)); y < end; y++) {
        spike_t *const out_list = out->list + (size_t)y * out->capacity, *list_end = out_list;
        spike_t *out_start = out->start + (size_t)y * (out->width + 1);
        for (int x = 0; x < g->out_width; x++) {
            out_start[x] = (spike_t)(list_end - out_list);
            for (int ky = 0; ky < g->kernel_height; ky++)
                for (int kx = 0; kx < g->kernel_width; kx++) {
                    const int row = y * g->stride_y + ky, column = x * g->stride_x + kx;
                    const spike_t *start = in->start + (size_t)row * (in->width + 1) + column;
                    const spike_t *list = in->list + (size_t)row * in->capacity + start[0];
                    const spike_t shift = (spike_t)((x - column) * g->channels * SCALE);
                    list_end = append_entries(list_end, list, start[1] - start[0], shift);
                }
        }
        out_start[g->out_width] = (spike_t)(list_end - out_list);
    }
}

/* A sum pool of spikes, see pool_plane. */
static __attribute__((unused)) void pool_spikes(const struct geometry *g, const struct spikes *in,
                                                const struct spikes *out, struct share *share)
{
    for (int plane = 0; plane < in->planes; plane++) {
        const struct spikes in_plane = plane_of(*in, plane), out_plane = plane_of(*out, plane);
        pool_plane(g, &in_plane, &out_plane, share);
    }
}
