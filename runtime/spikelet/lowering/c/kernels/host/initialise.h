#include "../stand_in/host.h"

/* Set the potentials of a layer to their initial values.
 *
 * v_init: [stride]. v: [pixels][stride].
 */
static void initialise(int pixels, int stride, const int32_t *v_init, int32_t *v)
{
    for (int p = 0; p < pixels; p++)
        memcpy(v + (size_t)p * stride, v_init, stride * sizeof *v);
}
