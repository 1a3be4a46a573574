#include "../stand_in/mcu.h"

/* Set the potentials of a layer to their initial values. v_init: [channels]. v: [pixels][channels]. */
static void initialise(int pixels, int channels, const int32_t *v_init, int32_t *v)
{
    for (int p = 0; p < pixels; p++)
        memcpy(v + (size_t)p * (size_t)channels, v_init, (size_t)channels * sizeof *v);
}
