#include "neurons/fire.h"

/* One time-step of all neurons of a layer. current: [height][width][stride]. */
static void fire_all(const struct neurons *n, const int32_t *current, struct share *share)
{
    const int end = first_of_part(n->out.height, part_of(share) + 1, parts_of(share));
    for (int y = first_of_part(n->out.height, part_of(share), parts_of(share)); y < end; y++)
        fire(n, y, 0, n->out.width, current + (size_t)y * n->out.width * n->stride);
}
