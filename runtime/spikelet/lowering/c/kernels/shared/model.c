#include "../stand_in/exported.h"

enum { READY = 0x5350494b }; /* value of `ready` after a reset; with any other value, the state was never reset */

void model_state_reset(struct state *s)
{
    reset(&model_parameters, s);
    memset(s->total, 0, sizeof s->total);
    s->steps = 0;
    s->ready = READY;
}

int model_state_step(struct state *s, const model_pixel *image)
{
    if (s->ready != READY)
        return MODEL_NOT_RESET;
    if (s->steps >= MODEL_MAX_STEPS)
        return MODEL_NOT_PROVEN;
    if (!image && !(MODEL_KEEPS_IMAGE && s->steps > 0))
        return MODEL_NO_IMAGE;
    step_sample(s, image);
    for (int k = 0; k < MODEL_CLASSES; k++)
        s->total[k] += s->logits[k];
    s->steps++;
    return MODEL_OK;
}

int32_t model_state_steps(const struct state *s)
{
    return s->ready == READY ? s->steps : 0;
}

const int32_t *model_state_logits(const struct state *s)
{
    return s->total;
}

const uint32_t *model_state_spikes(const struct state *s)
{
    return s->fired;
}

int model_state_answer(const struct state *s)
{
    int best = 0;
    for (int k = 1; k < MODEL_CLASSES; k++)
        if (s->total[k] > s->total[best])
            best = k;
    return best;
}

int32_t model_state_margin(const struct state *s)
{
    const int best = model_state_answer(s);
    int32_t margin = INT32_MAX;
    for (int k = 0; k < MODEL_CLASSES; k++) {
        const int64_t difference = (int64_t)s->total[best] - s->total[k];
        if (k != best && difference < margin)
            margin = (int32_t)difference;
    }
    return margin;
}

#ifndef MODEL_NO_STATIC
static struct state the_state;

void model_reset(void)
{
    model_state_reset(&the_state);
}

int model_step(const model_pixel *image)
{
    return model_state_step(&the_state, image);
}

int32_t model_steps(void)
{
    return model_state_steps(&the_state);
}

const int32_t *model_logits(void)
{
    return model_state_logits(&the_state);
}

const uint32_t *model_spikes(void)
{
    return model_state_spikes(&the_state);
}

int model_answer(void)
{
    return model_state_answer(&the_state);
}

int32_t model_margin(void)
{
    return model_state_margin(&the_state);
}
#endif
