#include "program/geometry.h"
#include "program/share.h"
#include "lists/spikes.h"

/* A sum pool with a dense result: sum += the sum over the pixels that each output pixel reads.
 *
 * in: spiking input, or NULL. dense: [height][width][stride], read if `in` is NULL.
 * sum: [out_height][out_width][out_stride].
 */
static void pool_dense(const struct geometry *g, const struct spikes *in, const int32_t *dense, int stride,
                       int32_t *sum, struct share *share)
{
    const int first = first_of_part(g->out_height, part_of(share), parts_of(share));
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    sum += (size_t)first * g->out_width * g->out_stride;
    for (int y = first; y < end; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_stride)
            for (int ky = 0; ky < g->kernel_height; ky++)
                for (int kx = 0; kx < g->kernel_width; kx++) {
                    const int row = y * g->stride_y + ky, column = x * g->stride_x + kx;
                    const size_t pixel = (size_t)row * g->width + column;
                    for (int plane = 0; in && plane < in->planes; plane++) {
                        const struct spikes lists = plane_of(*in, plane);
                        const spike_t *start = lists.start + pixel + row; /* a row has width + 1 starts */
                        const spike_t *list = lists.list + (size_t)row * in->capacity;
                        for (int k = (int)start[0]; k < (int)start[1]; k++)
                            sum[list[k] / SCALE - column * g->channels] += 1 << plane;
                    }
                    if (!in)
                        for (int c = 0; c < g->channels; c++)
                            sum[c] += dense[pixel * stride + c];
                }
}
