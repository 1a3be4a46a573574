#include "program/share.h"
#include "vectors/vectors.h"

#ifdef WITH_COUNTS

typedef int32_t int32x8 __attribute__((vector_size(32), aligned(4), may_alias));

/* 8 bytes as int32. GCC converts vectors value by value, unless its built-in function is called. */
static inline int32x8 widened_bytes(const uint8_t *bytes)
{
#if __has_builtin(__builtin_ia32_pmovzxbd256)
    typedef char int8x16 __attribute__((vector_size(16)));
    typedef int64_t int64x2 __attribute__((vector_size(16)));
    typedef int64_t eight_bytes __attribute__((aligned(1), may_alias));
    return (int32x8)__builtin_ia32_pmovzxbd256((int8x16)(int64x2){*(const eight_bytes *)bytes, 0});
#else
    typedef uint8_t uint8x8 __attribute__((vector_size(8), aligned(1), may_alias));
    return __builtin_convertvector(*(const uint8x8 *)bytes, int32x8);
#endif
}

/* sum += scale * count, for neurons that store the numbers of their spikes.
 *
 * counts, sum: [height][row / stride][stride], stride being a multiple of 16. scale: [stride], or NULL for 1.
 * add: 0 if `sum` has no values yet; it is overwritten then.
 */
static void add_counts(const uint8_t *counts, int height, int row, int stride, const int32_t *scale, int32_t *sum,
                       int add, struct share *share)
{
    const int first = first_of_part(height, part_of(share), parts_of(share)) * row;
    const int end = first_of_part(height, part_of(share) + 1, parts_of(share)) * row;
    for (int pixel = first; pixel < end; pixel += stride)
        for (int c = 0; c < stride; c += 8) {
            int32x8 added = widened_bytes(counts + pixel + c);
            if (scale)
                added *= *(const int32x8 *)(scale + c);
            if (add)
                added += *(const int32x8 *)(sum + pixel + c);
            *(int32x8 *)(sum + pixel + c) = added;
        }
}

#endif /* WITH_COUNTS */
