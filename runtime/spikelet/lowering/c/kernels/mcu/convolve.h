#include "../shared/join.h"
#include "geometry.h"
#include "input.h"

/* A convolution of any input, with or without groups: sum += factor * (bias + w * x).
 *
 * weight: [tap][channels][out_channels / groups]. bias: [out_channels]. sum: [out_height][out_width][out_channels].
 */
static void JOIN(convolve_, WEIGHT)(const struct geometry *g, const JOIN(WEIGHT, _t) *weight, const int32_t *bias,
                                    const struct input *in, int32_t factor, int32_t *sum)
{
    const int outputs = g->out_channels / g->groups, inputs = g->channels / g->groups;
    for (int y = 0; y < g->out_height; y++)
        for (int x = 0; x < g->out_width; x++, sum += g->out_channels) {
            for (int i = 0; i < g->out_channels; i++)
                sum[i] += factor * bias[i];
            for (int ky = 0; ky < g->kernel_height; ky++)
                for (int kx = 0; kx < g->kernel_width; kx++) {
                    const int row = y * g->stride_y - g->padding_y + ky, column = x * g->stride_x - g->padding_x + kx;
                    if (row < 0 || row >= g->height || column < 0 || column >= g->width)
                        continue;
                    for (int c = 0; c < g->channels; c++) {
                        const int32_t value = factor * value_at(in, row, column, c);
                        const size_t weight_row = (size_t)((ky * g->kernel_width + kx) * g->channels + c);
                        const JOIN(WEIGHT, _t) *w = weight + weight_row * (size_t)outputs;
                        int32_t *group_sum = sum + c / inputs * outputs;
                        if (value)
                            for (int i = 0; i < outputs; i++)
                                group_sum[i] += value * w[i];
                    }
                }
        }
}
