#ifndef NEURONS_H
#define NEURONS_H

#include "../program/share.h"
#include "../lists/spikes.h"

/* A layer of integrate-and-fire neurons: v += current; a neuron fires if v >= theta + strict.
 *
 * Neurons with copies: v is the lowest potential of the copies, and the next ones lie theta apart; v += gain * current. The
 * number of copies that fire is the number of j = 1 … copies for which v >= j * theta + strict. Each subtracts theta. */
struct neurons {
    int32_t *v;           /* [height][width][stride]: potentials */
    const int32_t *initial; /* [stride]: potentials before the first time-step; NULL in other time-steps of a call */
    const uint32_t *fresh;  /* [1]: not 0 if v is set to them; read by a thread that has taken a part only */
    const int32_t *theta; /* [stride]: thresholds */
    const int32_t *decay; /* [stride]: shifts of the leak, v -= v >> decay; NULL for neurons without a leak */
    int strict;           /* 1: fires above theta only; 0: also at theta */
    int zero;             /* 1: a spike resets v to zero; 0: it subtracts theta */
    int copies, gain;     /* of each neuron; 1 without copies */
    int channels, stride; /* neurons per pixel; the same, padded to whole vectors */
    struct spikes out;    /* written if `counts` is NULL */
    uint8_t *counts;      /* [height][width][stride]: numbers of spikes, written instead of lists; or NULL */
    uint32_t *fired;      /* [1]: spikes of the layer in this time-step */
};

#endif /* NEURONS_H */
