#ifndef NODE_TIMES_H
#define NODE_TIMES_H

#include <time.h>
#include "../../stand_in/host.h"

static uint64_t node_times[NODES]; /* nanoseconds that each node has taken since the library was loaded */

/* The times of the nodes, [NODES], in topological order. Only one thread may run the network. */
const uint64_t *spikelet_node_times(void)
{
    return node_times;
}

static inline uint64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Make a call, and add the time that it takes to that of a node. */
#define TIMED(node, call)                                   \
    do {                                                    \
        const uint64_t started = nanoseconds();             \
        call;                                               \
        node_times[node] += nanoseconds() - started;        \
    } while (0)

#endif /* NODE_TIMES_H */
