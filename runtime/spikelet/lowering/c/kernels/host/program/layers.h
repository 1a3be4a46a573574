#ifndef LAYERS_H
#define LAYERS_H

#include "../../stand_in/host.h"

/* Location of the spikes of a layer in `struct work`. start, list: offsets in bytes; see `struct spikes`. */
struct layer {
    size_t start, list;
    size_t counts; /* offset of the numbers of spikes, see `struct neurons`; 0 if lists are written */
    int height, width, channels, stride, capacity, copies, planes;
    size_t lowest; /* index of its first neuron in the array `lowest` of a sample, see copies.h */
};

#endif /* LAYERS_H */
