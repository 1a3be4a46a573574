#include "input.h"

/* Add an image times a factor, channels last, to a flattened image, which is channel first. out: [channels * height * width]. */
static void flatten(int height, int width, const struct input *in, int32_t factor, int32_t *out)
{
    for (int c = 0; c < in->channels; c++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                *out++ += factor * value_at(in, y, x, c);
}
