#ifndef ONE_SAMPLE_H
#define ONE_SAMPLE_H

#include "../stand_in/host_program.h"
#include "program/share.h"

extern const struct parameters model_parameters;

/* One time-step of a sample of an exported program. image: [MODEL_PIXELS], or NULL to keep the last one. */
static void step_sample(struct state *s, const model_pixel *image)
{
    struct share share = ALONE(&s->work);
    step(&model_parameters, s, &s->work, image, 1, &share);
}

#endif /* ONE_SAMPLE_H */
