/* Stand-in for the declarations that the generator writes for a network (host form), so that the kernels compile by
 * themselves. The generator omits the files of this folder.
 *
 * Types and widths can be chosen on the command line: -DLANES=16 -DWEIGHT=int32 -DSPIKE=uint32_t -DPIXEL=int16_t.
 */
#ifndef STAND_IN_HOST_H
#define STAND_IN_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef LANES
#define LANES 64 /* outputs that are summed together in vector registers: 16, 32, 64 or 128 */
#endif
#ifndef WEIGHT
#define WEIGHT int8 /* type of a weight without _t: int8, int16 or int32 */
#endif
#ifndef SPIKE
#define SPIKE uint16_t
#endif
#ifndef PIXEL
#define PIXEL uint8_t
#endif

typedef PIXEL model_pixel;
typedef SPIKE spike_t; /* an entry of a list of spikes: (x * channels + channel) * SCALE */

/* SCALE: of the entries, so that x86 needs fewer instructions for the address of a row of weights. SLACK: entries
 * allocated past the end of a list. MAX_HEIGHT: of a kernel that reads spikes. LAYERS: of spiking neurons. WINDOW:
 * time-steps that are run layer by layer. PLANES: of the lists of spikes, at most. PIXELS: values of an image. NODES: of
 * the network. */
enum { SCALE = 16, SLACK = 32, MAX_HEIGHT = 3, LAYERS = 1, WINDOW = 8, PLANES = 3, NODES = 4 };
/* What a network does not have is not compiled. COPIES: of a neuron, at most. COUNTED_LAYERS: layers of neurons that
 * store counts of their spikes if the processor can multiply them. */
#define COPIES 4
#define COUNTED_LAYERS 1
enum { PIXELS = 3072, LOWEST = 9 };

struct parameters { /* constants of the network */
    const int32_t *if1_theta;
};

struct work { /* values of one time-step */
    spike_t if1_start[12], if1_list[64];
    int32_t current[64];
};

struct state { /* values of one sample that persist between time-steps */
    uint32_t ready;
    int32_t steps, total[10];
    int32_t logits[10 * WINDOW];
    uint32_t fired[LAYERS * WINDOW];
    struct work work; /* in exported programs */
};

#endif /* STAND_IN_HOST_H */
