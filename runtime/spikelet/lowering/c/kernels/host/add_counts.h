#include "program/share.h"
#include "vectors/signs.h"
#include "vectors/vectors.h"

#ifdef WITH_COUNTS

/* Registers of 64 bytes are not used: multiplying them lowers the clock of processors. */
enum { ADDED = VECTOR_BYTES == 16 ? 4 : 8 }; /* int32 in a register */
typedef int32_t added_vector __attribute__((vector_size(4 * ADDED), aligned(4), may_alias));

/* Some bytes as int32. GCC converts vectors value by value, unless its built-in function is called. */
static inline added_vector widened_bytes(const uint8_t *bytes)
{
#if defined WITH_NEON
    typedef uint32_t four_bytes __attribute__((aligned(1), may_alias));
    const uint8x8_t four = vreinterpret_u8_u32(vdup_n_u32(*(const four_bytes *)bytes));
    return (added_vector)vmovl_u16(vget_low_u16(vmovl_u8(four)));
#elif __has_builtin(__builtin_ia32_pmovzxbd256)
    typedef char int8x16 __attribute__((vector_size(16)));
    typedef int64_t int64x2 __attribute__((vector_size(16)));
    typedef int64_t eight_bytes __attribute__((aligned(1), may_alias));
    return (added_vector)__builtin_ia32_pmovzxbd256((int8x16)(int64x2){*(const eight_bytes *)bytes, 0});
#else
    typedef uint8_t some_bytes __attribute__((vector_size(ADDED), aligned(1), may_alias));
    return __builtin_convertvector(*(const some_bytes *)bytes, added_vector);
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
        for (int c = 0; c < stride; c += ADDED) {
            added_vector added = widened_bytes(counts + pixel + c);
            if (scale)
                added *= *(const added_vector *)(scale + c);
            if (add)
                added += *(const added_vector *)(sum + pixel + c);
            *(added_vector *)(sum + pixel + c) = added;
        }
}

#endif /* WITH_COUNTS */
