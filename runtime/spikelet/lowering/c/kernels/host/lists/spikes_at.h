#ifndef SPIKES_AT_H
#define SPIKES_AT_H

#include "../neurons/neurons.h"
#include "spikes.h"

/* The lists of the same layer t time-steps after those of `lists`. Each time-step has a `struct work`, one after the
 * other in memory. */
static struct spikes spikes_at(struct spikes lists, int t)
{
    lists.start += t * (sizeof(struct work) / sizeof(spike_t));
    lists.list += t * (sizeof(struct work) / sizeof(spike_t));
    return lists;
}

/* The same neurons t time-steps later. */
static struct neurons neurons_at(struct neurons neurons, int t)
{
    neurons.out = spikes_at(neurons.out, t);
    neurons.counts = neurons.counts ? neurons.counts + t * sizeof(struct work) : NULL;
    neurons.fired += t * LAYERS;
    neurons.initial = t ? NULL : neurons.initial;
    return neurons;
}

#endif /* SPIKES_AT_H */
