#ifndef ONE_SAMPLE_H
#define ONE_SAMPLE_H

#include "../stand_in/mcu_program.h"

extern const struct parameters model_parameters;

static struct state the_state;

/* One time-step of the one sample of an exported program. image: [channel][y][x]. */
static void step_sample(const model_pixel *image)
{
    step(&model_parameters, &the_state, image);
}

#endif /* ONE_SAMPLE_H */
