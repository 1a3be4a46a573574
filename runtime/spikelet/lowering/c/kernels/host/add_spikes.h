#include "spikes.h"

/* sum += scale for each spike.
 *
 * scale: [channels], or NULL for 1. in: `height` rows. sum: [height][width][stride].
 */
static void add_spikes(int height, const int32_t *scale, const struct spikes *in, int32_t *sum, int stride)
{
    for (int y = 0; y < height; y++) {
        const spike_t *start = in->start + (size_t)y * (in->width + 1);
        const spike_t *list = in->list + (size_t)y * in->capacity;
        for (int x = 0; x < in->width; x++, sum += stride)
            for (int k = (int)start[x]; k < (int)start[x + 1]; k++) {
                const int c = list[k] / SCALE - x * in->channels;
                sum[c] += scale ? scale[c] : 1;
            }
    }
}
