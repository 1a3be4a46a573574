/* Stand-in for the header that is written for an exported network. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#include "constants.h"

typedef uint8_t model_pixel;

void model_reset(void);
int model_step(const model_pixel *image);
const int32_t *model_logits(void);
int model_answer(void);
const uint32_t *model_spikes(void);
extern const char *const model_layers[MODEL_LAYERS];

#endif /* MODEL_H */
