#ifndef SPIKES_AT_H
#define SPIKES_AT_H

#include "spikes.h"

/* The lists of the same layer t time-steps after those of `lists`. Each time-step has a `struct work`, one after the
 * other in memory. */
static struct spikes spikes_at(struct spikes lists, int t)
{
    lists.start += t * (sizeof(struct work) / sizeof(spike_t));
    lists.list += t * (sizeof(struct work) / sizeof(spike_t));
    return lists;
}

#endif /* SPIKES_AT_H */
