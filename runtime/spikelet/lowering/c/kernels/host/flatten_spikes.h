#include "lists/spikes.h"

/* Add 1 for each spike to a flattened image, which is channel first. out: [channels * height * width]. */
static void flatten_spikes(const struct spikes *in, int32_t *out)
{
    const size_t pixels = (size_t)in->height * in->width;
    for (int plane = 0; plane < in->planes; plane++) {
        const struct spikes lists = plane_of(*in, plane);
        for (int y = 0; y < in->height; y++) {
            const spike_t *start = lists.start + (size_t)y * (in->width + 1);
            const spike_t *list = lists.list + (size_t)y * in->capacity;
            for (int x = 0; x < in->width; x++)
                for (int k = (int)start[x]; k < (int)start[x + 1]; k++)
                    out[(list[k] / SCALE - x * in->channels) * pixels + (size_t)y * in->width + x] += 1 << plane;
        }
    }
}
