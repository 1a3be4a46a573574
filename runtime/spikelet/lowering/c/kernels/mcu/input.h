#ifndef INPUT_H
#define INPUT_H

#include "../stand_in/mcu.h"

/* The input of a node: spikes, dense values or the image, summed over windows of a pool while they are read. */
struct input {
    const uint8_t *spikes;    /* [planes][height][width][(channels + 7) / 8]: bits, lowest first; else NULL */
    const int32_t *dense;     /* [height][width][channels]; else NULL */
    const model_pixel *image; /* from which `mean` is subtracted; else NULL */
    const int32_t *mean;      /* [channels] */
    int height, width, channels;
    int planes;               /* of the spikes: a bit of plane p counts 2^p; more than 1 for neurons with copies */
    int pool_height, pool_width, pool_y, pool_x; /* kernel and stride of the pool; 1 without a pool */
};

/* The value of channel c at pixel (y, x), after the pool. */
static int32_t value_at(const struct input *in, int y, int x, int c)
{
    int32_t sum = 0;
    for (int py = 0; py < in->pool_height; py++)
        for (int px = 0; px < in->pool_width; px++) {
            const size_t row = (size_t)(y * in->pool_y + py), column = (size_t)(x * in->pool_x + px);
            const size_t pixel = row * (size_t)in->width + column;
            if (in->spikes)
                for (int plane = 0; plane < (PLANES > 1 ? in->planes : 1); plane++) {
                    const size_t pixels = (size_t)plane * (size_t)in->height * (size_t)in->width;
                    const size_t byte = (pixels + pixel) * (size_t)((in->channels + 7) / 8) + (size_t)(c / 8);
                    sum += (int32_t)((uint32_t)(in->spikes[byte] >> c % 8 & 1) << plane);
                }
            else if (in->dense)
                sum += in->dense[pixel * (size_t)in->channels + (size_t)c];
            else
                sum += in->image[pixel * PIXEL_STRIDE + (size_t)c * CHANNEL_STRIDE] - in->mean[c];
        }
    return sum;
}

#endif /* INPUT_H */
