#include "../shared/join.h"
#include "../stand_in/host.h"
#include "../shared/clip.h"
#include "program/geometry.h"
#include "program/share.h"
#include "lists/spikes.h"

/* sum += x * weights of one input channel at one tap, for the outputs of its group.
 *
 * weight: [tap][channels][out_channels / groups]. sum: [out_channels] of one output pixel.
 */
static void JOIN(add_row_, WEIGHT)(const struct geometry *g, const JOIN(WEIGHT, _t) *restrict weight, int tap,
                                   int channel, int32_t x, int32_t *restrict sum)
{
    const int outputs = g->out_channels / g->groups, inputs = g->channels / g->groups;
    const JOIN(WEIGHT, _t) *restrict row = weight + ((size_t)tap * g->channels + channel) * outputs;
    int32_t *restrict group_sum = sum + (size_t)(channel / inputs) * outputs;
    for (int i = 0; i < outputs; i++)
        group_sum[i] += x * row[i];
}

/* A convolution with weights of any type, with or without groups: sum += bias + w * x.
 *
 * weight: [tap][channels][out_channels / groups]. bias: [out_channels].
 * in: spiking input, or NULL. dense: [height][width][stride], read if `in` is NULL.
 * sum: [out_height][out_width][out_stride].
 */
static void JOIN(convolve_, WEIGHT)(const struct geometry *g, const JOIN(WEIGHT, _t) *weight, const int32_t *bias,
                                    const struct spikes *in, const int32_t *dense, int stride, int32_t *sum,
                                    struct share *share)
{
    const int first = first_of_part(g->out_height, part_of(share), parts_of(share));
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    sum += (size_t)first * g->out_width * g->out_stride;
    for (int y = first; y < end; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_stride) {
            const int top = y * g->stride_y - g->padding_y, left = x * g->stride_x - g->padding_x;
            int y0, y1, x0, x1;
            clip(top, g->kernel_height, g->height, &y0, &y1);
            clip(left, g->kernel_width, g->width, &x0, &x1);
            for (int i = 0; i < g->out_channels; i++)
                sum[i] += bias[i];
            for (int ky = y0; ky < y1; ky++)
                for (int kx = x0; kx < x1; kx++) {
                    const size_t pixel = (size_t)(top + ky) * g->width + left + kx;
                    const int tap = ky * g->kernel_width + kx;
                    for (int plane = 0; in && plane < in->planes; plane++) {
                        const struct spikes lists = plane_of(*in, plane);
                        const spike_t *start = lists.start + pixel + top + ky; /* a row has width + 1 starts */
                        const spike_t *list = lists.list + (size_t)(top + ky) * in->capacity;
                        for (int k = (int)start[0]; k < (int)start[1]; k++)
                            JOIN(add_row_, WEIGHT)(g, weight, tap, list[k] / SCALE - (left + kx) * g->channels,
                                                   1 << plane, sum);
                    }
                    if (!in)
                        for (int c = 0; c < g->channels; c++)
                            JOIN(add_row_, WEIGHT)(g, weight, tap, c, dense[pixel * stride + c], sum);
                }
        }
}
