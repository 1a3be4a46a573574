#include "fire.h"

/* One time-step of all neurons of a layer. current: [height][width][stride]. */
static void fire_all(const struct neurons *n, const int32_t *current)
{
    *n->fired = 0;
    for (int y = 0; y < n->out.height; y++, current += (size_t)n->out.width * n->stride)
        fire(n, y, 0, n->out.width, current);
}
