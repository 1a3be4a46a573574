/* Stand-in for the header that is written for an exported network. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#include "constants.h"

typedef uint8_t model_pixel;

typedef struct model_state {
    int32_t total[MODEL_CLASSES];
} model_state;

void model_state_reset(model_state *state);
int model_state_step(model_state *state, const model_pixel *image);
const int32_t *model_state_logits(const model_state *state);
const uint32_t *model_state_spikes(const model_state *state);
extern const char *const model_layers[MODEL_LAYERS];

#endif /* MODEL_H */
