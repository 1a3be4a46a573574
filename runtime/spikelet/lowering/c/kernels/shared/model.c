#include "../stand_in/exported.h"

static int32_t total[MODEL_CLASSES]; /* logits, summed since the reset */

void model_reset(void)
{
    reset(&model_parameters, &the_state);
    memset(total, 0, sizeof total);
}

void model_step(const model_pixel *image)
{
    step_sample(image);
    for (int k = 0; k < MODEL_CLASSES; k++)
        total[k] += the_state.logits[k];
}

const int32_t *model_logits(void)
{
    return total;
}

const uint32_t *model_spikes(void)
{
    return the_state.fired;
}

int model_answer(void)
{
    int best = 0;
    for (int k = 1; k < MODEL_CLASSES; k++)
        if (total[k] > total[best])
            best = k;
    return best;
}
