#ifndef LAYERS_H
#define LAYERS_H

#include "../stand_in/host.h"

/* Where `struct work` has the spikes of a layer. start, list: offsets in bytes; see `struct spikes`. */
struct layer {
    size_t start, list;
    size_t counts; /* where it has the numbers of spikes, see `struct neurons`; 0 if lists are written */
    int height, width, channels, stride, capacity, copies, planes;
    size_t lowest; /* where its neurons begin in the array `lowest` of a sample, see copies.h */
};

#endif /* LAYERS_H */
