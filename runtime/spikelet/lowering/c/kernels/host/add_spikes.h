#include "program/share.h"
#include "lists/spikes.h"

/* sum += scale for each spike.
 *
 * scale: [channels], or NULL for 1. sum: [height][width][stride].
 */
static void add_spikes(const int32_t *scale, const struct spikes *in, int32_t *sum, int stride,
                       struct share *share)
{
    const int first = first_of_part(in->height, part_of(share), parts_of(share));
    const int end = first_of_part(in->height, part_of(share) + 1, parts_of(share));
    for (int plane = 0; plane < in->planes; plane++) {
        const struct spikes lists = plane_of(*in, plane);
        int32_t *pixel_sum = sum + (size_t)first * in->width * stride;
        for (int y = first; y < end; y++) {
            const spike_t *start = lists.start + (size_t)y * (in->width + 1);
            const spike_t *list = lists.list + (size_t)y * in->capacity;
            for (int x = 0; x < in->width; x++, pixel_sum += stride)
                for (int k = (int)start[x]; k < (int)start[x + 1]; k++) {
                    const int c = list[k] / SCALE - x * in->channels;
                    pixel_sum[c] += (scale ? scale[c] : 1) * (1 << plane);
                }
        }
    }
}
