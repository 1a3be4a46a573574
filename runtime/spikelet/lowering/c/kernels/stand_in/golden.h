/* Stand-in for the recorded inputs and outputs of an exported network. */
#ifndef STAND_IN_GOLDEN_H
#define STAND_IN_GOLDEN_H

#include "model.h"

enum { IMAGES = 2, STEPS = 8 };

static const model_pixel inputs[IMAGES * MODEL_PIXELS];             /* [image][channel][y][x] */
static const int32_t logits[IMAGES * STEPS * MODEL_CLASSES];        /* [image][time-step][class], of each time-step */
static const uint32_t fired[IMAGES * STEPS * MODEL_LAYERS];         /* [image][time-step][layer]: spikes */

#endif /* STAND_IN_GOLDEN_H */
