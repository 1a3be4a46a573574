#include "input.h"

/* sum += factor * scale * x for each channel.
 *
 * height, width: of the result, after the pool. scale: [channels], or NULL for 1. sum: [height][width][channels].
 */
static void add(int height, int width, const struct input *in, const int32_t *scale, int32_t factor,
                int32_t *sum)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < in->channels; c++)
                *sum++ += factor * (scale ? scale[c] : 1) * value_at(in, y, x, c);
}
