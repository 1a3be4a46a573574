/* Stand-in for the functions and tables that the generator writes for a network (host form). */
#ifndef STAND_IN_HOST_PROGRAM_H
#define STAND_IN_HOST_PROGRAM_H

#include "host.h"
#include "../host/program/layers.h"
#include "../host/program/share.h"

static const struct layer layers[] = {
    {offsetof(struct work, if1_start), offsetof(struct work, if1_list), 0, 3, 3, 1, 16, 32, 1, 1, 0},
};

static void reset(const struct parameters *p, struct state *s)
{
    (void)p, (void)s;
}

static void step(const struct parameters *p, struct state *s, struct work *w, const model_pixel *image, int steps,
                 struct share *share)
{
    (void)p, (void)s, (void)w, (void)image, (void)steps, (void)share;
}

#endif /* STAND_IN_HOST_PROGRAM_H */
