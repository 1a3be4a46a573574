#ifndef ONE_SAMPLE_H
#define ONE_SAMPLE_H

#include "../stand_in/host_program.h"

extern const struct parameters model_parameters;

static struct state the_state;
static struct work the_work;

/* One time-step of the one sample of an exported program. image: [channel][y][x], or NULL to keep the last one. */
static void step_sample(const model_pixel *image)
{
    step(&model_parameters, &the_state, &the_work, image, 1);
}

#endif /* ONE_SAMPLE_H */
