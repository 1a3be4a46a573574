/* Stand-in for the functions that the generator writes for a network (mcu form). */
#ifndef STAND_IN_MCU_PROGRAM_H
#define STAND_IN_MCU_PROGRAM_H

#include "mcu.h"

static void reset(const struct parameters *p, struct state *s)
{
    (void)p, (void)s;
}

static void step(const struct parameters *p, struct state *s, const model_pixel *image)
{
    (void)p, (void)s, (void)image;
}

#endif /* STAND_IN_MCU_PROGRAM_H */
