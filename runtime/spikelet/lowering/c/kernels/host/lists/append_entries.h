#ifndef APPEND_ENTRIES_H
#define APPEND_ENTRIES_H

#include "spikes.h"

/* Copy `count` entries to the end of a list and add `shift` to each. They are copied 16 at a time: those past the end lie
 * in the slack of a list, or are overwritten by the next copy. Returns the end of the list.
 */
static inline __attribute__((always_inline)) spike_t *append_entries(spike_t *list_end,
                                                                     const spike_t *entries, int count,
                                                                     spike_t shift)
{
    typedef spike_t spikex16 __attribute__((vector_size(16 * sizeof(spike_t)), aligned(sizeof(spike_t)), may_alias));
    spike_t *const end = list_end + count;
    do {
        *(spikex16 *)list_end = *(const spikex16 *)entries + shift;
        list_end += 16;
        entries += 16;
    } while (list_end < end);
    return end;
}

#endif /* APPEND_ENTRIES_H */
