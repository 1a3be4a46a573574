#include "spikes.h"

/* Add 1 for each spike to a flattened image, which is channel first.
 *
 * in: `height` rows. out: [channels * height * width].
 */
static void flatten_spikes(int height, const struct spikes *in, int32_t *out)
{
    const size_t pixels = (size_t)height * in->width;
    for (int y = 0; y < height; y++) {
        const spike_t *start = in->start + (size_t)y * (in->width + 1);
        const spike_t *list = in->list + (size_t)y * in->capacity;
        for (int x = 0; x < in->width; x++)
            for (int k = (int)start[x]; k < (int)start[x + 1]; k++)
                out[(list[k] / SCALE - x * in->channels) * pixels + (size_t)y * in->width + x]++;
    }
}
