#ifndef SPIKES_H
#define SPIKES_H

#include "../stand_in/host.h"

/* The spikes of one layer in one time-step: a list for each row of pixels, ordered by x, without gaps. */
struct spikes {
    spike_t *start; /* [height][width + 1]: pixel (y, x) has the entries start[y][x] to start[y][x + 1] of list[y] */
    spike_t *list;  /* [height][capacity]: (x * channels + channel) * SCALE */
    int width, channels, capacity;
};

#endif /* SPIKES_H */
