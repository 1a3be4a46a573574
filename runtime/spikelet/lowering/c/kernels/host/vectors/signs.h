#ifndef SIGNS_H
#define SIGNS_H

#include "vectors.h"

#if defined WITH_NEON
#include <arm_neon.h>
#endif

/* 16 bits as two patterns of 8, bit 0 the first one. */
struct patterns {
    unsigned low, high;
};

/* Which of 16 numbers are not negative.
 *
 * numbers: [16 / INT32S].
 */
static inline struct patterns not_negative(const int32_vector *numbers)
{
#if defined WITH_AVX2
    /* one pattern for each vector: to join them takes instructions */
    typedef float floatx8 __attribute__((vector_size(32)));
    const int low = __builtin_ia32_movmskps256((floatx8)numbers[0]), high = __builtin_ia32_movmskps256((floatx8)numbers[1]);
    return (struct patterns){(unsigned)low ^ 255, (unsigned)high ^ 255};
#else
    unsigned negative = 0;
#if defined WITH_AVX512
    typedef int32_t int32x16 __attribute__((vector_size(64)));
    negative = (unsigned)__builtin_ia32_cvtd2mask512((int32x16)numbers[0]);
#elif defined WITH_SSE2
    typedef char int8x16 __attribute__((vector_size(16)));
    typedef int16_t int16x8 __attribute__((vector_size(16)));
    typedef int32_t int32x4 __attribute__((vector_size(16)));
    const int16x8 low = __builtin_ia32_packssdw128((int32x4)numbers[0], (int32x4)numbers[1]);
    const int16x8 high = __builtin_ia32_packssdw128((int32x4)numbers[2], (int32x4)numbers[3]);
    negative = (unsigned)__builtin_ia32_pmovmskb128((int8x16)__builtin_ia32_packsswb128(low, high));
#elif defined WITH_NEON
    static const uint8_t bit[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const int16x8_t low = vuzp1q_s16((int16x8_t)(numbers[0] < 0), (int16x8_t)(numbers[1] < 0));
    const int16x8_t high = vuzp1q_s16((int16x8_t)(numbers[2] < 0), (int16x8_t)(numbers[3] < 0));
    uint8x16_t bits = vandq_u8(vuzp1q_u8((uint8x16_t)low, (uint8x16_t)high), vld1q_u8(bit));
    for (int i = 0; i < 3; i++)
        bits = vpaddq_u8(bits, bits);
    negative = vgetq_lane_u16((uint16x8_t)bits, 0);
#else
    for (int i = 0; i < 16; i++)
        negative |= (unsigned)(numbers[i / INT32S][i % INT32S] < 0) << i;
#endif
    return (struct patterns){~negative & 255, ~negative >> 8 & 255};
#endif
}

#ifdef WITH_COUNTS
/* Which of 16 bytes have a bit. */
static inline __attribute__((unused)) struct patterns have_bit(const uint8_t *bytes, int bit)
{
#if defined WITH_NEON
    static const uint8_t order[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bits = vandq_u8(vtstq_u8(vld1q_u8(bytes), vdupq_n_u8((uint8_t)(1 << bit))), vld1q_u8(order));
    for (int i = 0; i < 3; i++)
        bits = vpaddq_u8(bits, bits);
    return (struct patterns){vgetq_lane_u8(bits, 0), vgetq_lane_u8(bits, 1)};
#else
    typedef int16_t int16x8 __attribute__((vector_size(16), aligned(1), may_alias));
    typedef char int8x16 __attribute__((vector_size(16)));
    const int16x8 signs = *(const int16x8 *)bytes << (7 - bit);
    const unsigned bits = (unsigned)__builtin_ia32_pmovmskb128((int8x16)signs);
    return (struct patterns){bits & 255, bits >> 8};
#endif
}
#endif

/* The values of `a` where `sign` is negative, else those of `b`. */
static inline int32_vector where_negative(int32_vector sign, int32_vector a, int32_vector b)
{
#if defined WITH_AVX2
    typedef float floatx8 __attribute__((vector_size(32)));
    return (int32_vector)__builtin_ia32_blendvps256((floatx8)b, (floatx8)a, (floatx8)sign);
#else
    const int32_vector negative = sign < 0;
    return (a & negative) | (b & ~negative);
#endif
}

#endif /* SIGNS_H */
