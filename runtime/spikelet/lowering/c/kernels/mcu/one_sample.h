#ifndef ONE_SAMPLE_H
#define ONE_SAMPLE_H

#include "../stand_in/mcu_program.h"

extern const struct parameters model_parameters;

/* One time-step of a sample of an exported program. image: [MODEL_PIXELS]. */
static void step_sample(struct state *s, const model_pixel *image)
{
    step(&model_parameters, s, image);
}

#endif /* ONE_SAMPLE_H */
