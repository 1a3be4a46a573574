#include "program/share.h"
#include "vectors/vectors.h"

#ifdef WITH_COUNTS

/* sum += scale * count, for neurons that store the numbers of their spikes.
 *
 * counts, sum: [height][row / stride][stride], stride being a multiple of 16. scale: [stride], or NULL for 1.
 * add: 0 if `sum` has no values yet; it is overwritten then.
 */
static void add_counts(const uint8_t *counts, int height, int row, int stride, const int32_t *scale, int32_t *sum,
                       int add, struct share *share)
{
    typedef int32_t int32x8 __attribute__((vector_size(32), aligned(4), may_alias));
    const int first = first_of_part(height, part_of(share), parts_of(share)) * row;
    const int end = first_of_part(height, part_of(share) + 1, parts_of(share)) * row;
    for (int pixel = first; pixel < end; pixel += stride)
        for (int c = 0; c < stride; c += 16) {
            union {
                int32_t numbers[16];
                int32x8 parts[2];
            } added;
            for (int i = 0; i < 16; i++)
                added.numbers[i] = counts[pixel + c + i];
            for (int i = 0; i < 2; i++) {
                if (scale)
                    added.parts[i] *= ((const int32x8 *)(scale + c))[i];
                if (add)
                    added.parts[i] += ((const int32x8 *)(sum + pixel + c))[i];
                ((int32x8 *)(sum + pixel + c))[i] = added.parts[i];
            }
        }
}

#endif /* WITH_COUNTS */
