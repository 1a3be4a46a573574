/* Stand-in for the declarations that the generator writes for a network (mcu form), so that the kernels compile by
 * themselves. The generator omits the files of this folder.
 *
 * Types can be chosen on the command line: -DWEIGHT=int32 -DPIXEL=int16_t.
 */
#ifndef STAND_IN_MCU_H
#define STAND_IN_MCU_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef WEIGHT
#define WEIGHT int8 /* type of a weight without _t: int8, int16 or int32 */
#endif
#ifndef PIXEL
#define PIXEL uint8_t
#endif

typedef PIXEL model_pixel;

/* distances in the image between neighbouring pixels and between channels */
enum { PIXEL_STRIDE = 1, CHANNEL_STRIDE = 1024 };

/* PLANES: of spikes, at most. MAX_ROWS: weight rows that are added at once, 33 to 256. */
enum { PLANES = 3, MAX_ROWS = 256 };

struct parameters { /* constants of the network */
    const int32_t *if1_theta;
};

struct state { /* all memory of the network */
    uint32_t ready;
    int32_t steps, total[10];
    int32_t logits[10];
    uint32_t fired[1];
};

#endif /* STAND_IN_MCU_H */
