#include "../stand_in/mcu.h"

/* Set the potentials of a layer to their initial values. v_init: [channels]. v: [pixels][channels]. */
static void initialise(int pixels, int channels, const int32_t *v_init, int32_t *v)
{
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++)
            *v++ = v_init[c];
}
