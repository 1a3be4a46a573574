#ifndef SIGN_BITS_H
#define SIGN_BITS_H

#include "vectors.h"

#if defined WITH_NEON
#include <arm_neon.h>
#endif

/* The results of 16 comparisons, each -1 or 0, as 16 bits, the first one lowest.
 *
 * flags: [16 / INT32S].
 */
static inline unsigned sign_bits(const int32_vector *flags)
{
#if defined WITH_AVX512
    typedef int32_t int32x16 __attribute__((vector_size(64)));
    return (unsigned)__builtin_ia32_cvtd2mask512((int32x16)flags[0]);
#elif defined WITH_AVX2
    typedef float floatx8 __attribute__((vector_size(32)));
    const int low = __builtin_ia32_movmskps256((floatx8)flags[0]), high = __builtin_ia32_movmskps256((floatx8)flags[1]);
    return (unsigned)(high << 8 | low);
#elif defined WITH_SSE2
    typedef char int8x16 __attribute__((vector_size(16)));
    typedef int16_t int16x8 __attribute__((vector_size(16)));
    typedef int32_t int32x4 __attribute__((vector_size(16)));
    const int16x8 low = __builtin_ia32_packssdw128((int32x4)flags[0], (int32x4)flags[1]);
    const int16x8 high = __builtin_ia32_packssdw128((int32x4)flags[2], (int32x4)flags[3]);
    return (unsigned)__builtin_ia32_pmovmskb128((int8x16)__builtin_ia32_packsswb128(low, high));
#elif defined WITH_NEON
    static const uint8_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const int16x8_t low = vuzp1q_s16((int16x8_t)flags[0], (int16x8_t)flags[1]);
    const int16x8_t high = vuzp1q_s16((int16x8_t)flags[2], (int16x8_t)flags[3]);
    uint8x16_t bits = vandq_u8(vuzp1q_u8((uint8x16_t)low, (uint8x16_t)high), vld1q_u8(bit));
    for (int i = 0; i < 3; i++)
        bits = vpaddq_u8(bits, bits);
    return vgetq_lane_u16((uint16x8_t)bits, 0);
#else
    unsigned bits = 0;
    for (int i = 0; i < 16; i++)
        bits |= (unsigned)flags[i / INT32S][i % INT32S] & 1u << i;
    return bits;
#endif
}

#endif /* SIGN_BITS_H */
