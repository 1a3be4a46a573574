#ifndef SPIKES_H
#define SPIKES_H

#include "../../stand_in/host.h"

/* The spikes of one layer in one time-step: a list for each row of pixels, ordered by x, without gaps. If neurons have
 * copies, each plane has its own lists: an entry in plane p represents 2^p spikes. */
struct spikes {
    spike_t *start; /* [planes][height][width + 1]: pixel (y, x) has the entries start[y][x] to start[y][x + 1] of list[y] */
    spike_t *list;  /* [planes][height][capacity]: (x * channels + channel) * SCALE */
    int height, width, channels, capacity, planes;
};

/* The lists of one plane. */
static inline struct spikes plane_of(struct spikes lists, int plane)
{
    lists.start += (size_t)plane * lists.height * (lists.width + 1);
    lists.list += (size_t)plane * lists.height * lists.capacity;
    return lists;
}

#endif /* SPIKES_H */
