#include "geometry.h"
#include "share.h"
#include "spikes.h"

/* A sum pool of the spikes of one plane: concatenate the lists of the pixels that each output pixel reads.
 *
 * Entries are copied 16 at a time. Those past the end of a list lie in its slack, or are overwritten by the next copy.
 */
static void pool_plane(const struct geometry *g, const struct spikes *in, const struct spikes *out,
                       struct share *share)
{
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    for (int y = first_of_part(g->out_height, part_of(share), parts_of(share)); y < end; y++) {
        spike_t *restrict out_list = out->list + (size_t)y * out->capacity;
        spike_t *out_start = out->start + (size_t)y * (out->width + 1);
        int n = 0;
        for (int x = 0; x < g->out_width; x++) {
            out_start[x] = (spike_t)n;
            for (int ky = 0; ky < g->kernel_height; ky++)
                for (int kx = 0; kx < g->kernel_width; kx++) {
                    const int row = y * g->stride_y + ky, column = x * g->stride_x + kx;
                    const spike_t *start = in->start + (size_t)row * (in->width + 1) + column;
                    const spike_t *restrict list = in->list + (size_t)row * in->capacity + start[0];
                    const int count = start[1] - start[0];
                    const spike_t shift = (spike_t)((x - column) * g->channels * SCALE);
                    for (int k = 0; k < count; k += 16)
                        for (int j = 0; j < 16; j++)
                            out_list[n + k + j] = (spike_t)(list[k + j] + shift);
                    n += count;
                }
        }
        out_start[g->out_width] = (spike_t)n;
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
