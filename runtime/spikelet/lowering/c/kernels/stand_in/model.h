/* Stand-in for the header that is written for an exported network. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

typedef uint8_t model_pixel;

enum { MODEL_PIXELS = 3072, MODEL_CLASSES = 10, MODEL_LAYERS = 1, MODEL_FLASH_BYTES = 0, MODEL_RAM_BYTES = 0 };

void model_reset(void);
void model_step(const model_pixel *image);
const int32_t *model_logits(void);
int model_answer(void);
const uint32_t *model_spikes(void);
extern const char *const model_layers[MODEL_LAYERS];

#endif /* MODEL_H */
