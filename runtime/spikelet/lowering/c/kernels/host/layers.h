#ifndef LAYERS_H
#define LAYERS_H

#include "../stand_in/host.h"

/* Where `struct work` has the spikes of a layer. start, list: offsets in bytes; see `struct spikes`. */
struct layer {
    size_t start, list;
    int height, width, channels, capacity;
};

#endif /* LAYERS_H */
