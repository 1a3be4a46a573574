#include "program/share.h"

/* sum += scale * x for each channel.
 *
 * scale: [channels], or NULL for 1. in: [pixels][in_stride]. sum: [pixels][stride].
 */
static void add_dense(int pixels, int channels, const int32_t *scale, const int32_t *in, int in_stride, int32_t *sum,
                      int stride, struct share *share)
{
    const int end = first_of_part(pixels, part_of(share) + 1, parts_of(share));
    for (int p = first_of_part(pixels, part_of(share), parts_of(share)); p < end; p++)
        for (int c = 0; c < channels; c++)
            sum[(size_t)p * stride + c] += (scale ? scale[c] : 1) * in[(size_t)p * in_stride + c];
}
