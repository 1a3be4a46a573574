#include <stddef.h>

#include "../stand_in/golden.h"

/* With -DMODEL_SELFTEST, this file is a function for a firmware, which prints nothing, instead of a program. */
#ifdef MODEL_SELFTEST
#define PRINT(...) ((void)0)
int model_selftest(model_state *state);
#else
#include <stdio.h>
#define PRINT(...) ((void)printf(__VA_ARGS__))
#endif

/* Replay the recorded inputs. Returns 0, or 1 after the first difference, which is printed. state: any memory. */
static int replay(model_state *state)
{
    const int32_t *logit = logits;
    const uint32_t *spikes = fired;
    PRINT("%d bytes of constants, %d bytes of memory\n", MODEL_FLASH_BYTES, MODEL_RAM_BYTES);
    for (int n = 0; n < IMAGES; n++) {
        int32_t total[MODEL_CLASSES] = {0};
        model_state_reset(state);
        for (int t = 0; t < STEPS; t++, logit += MODEL_CLASSES, spikes += MODEL_LAYERS) {
            const int status = model_state_step(state, inputs + (size_t)n * MODEL_PIXELS);
            if (status != MODEL_OK) {
                PRINT("FAIL: image %d, time-step %d, model_step returned %d\n", n, t + 1, status);
                return 1;
            }
            for (int i = 0; i < MODEL_LAYERS; i++)
                if (model_state_spikes(state)[i] != spikes[i]) {
                    PRINT("FAIL: image %d, time-step %d, layer %s fired %lu times, expected %lu\n", n, t + 1,
                          model_layers[i], (unsigned long)model_state_spikes(state)[i], (unsigned long)spikes[i]);
                    return 1;
                }
            for (int k = 0; k < MODEL_CLASSES; k++) {
                total[k] += logit[k];
                if (model_state_logits(state)[k] != total[k]) {
                    PRINT("FAIL: image %d, time-step %d, logit %d is %ld, expected %ld\n", n, t + 1, k,
                          (long)model_state_logits(state)[k], (long)total[k]);
                    return 1;
                }
            }
        }
    }
    PRINT("pass: %d images, %d time-steps, every logit and the spikes of every layer\n", IMAGES, STEPS);
    return 0;
}

#ifdef MODEL_SELFTEST
int model_selftest(model_state *state)
{
    return replay(state);
}
#else
int main(void)
{
    static model_state state;
    return replay(&state);
}
#endif
