#ifndef PACKED_H
#define PACKED_H

#include "../stand_in/mcu.h"

/* The DSP instructions of Cortex-M4, M7 and M33 add and multiply two numbers of 16 bits in a register. With -DPORTABLE
 * they are not used; the results are the same. */
#if defined __GNUC__ && defined __arm__ && defined __ARM_FEATURE_DSP && !defined __ARM_BIG_ENDIAN && !defined PORTABLE
#define WITH_DSP
#endif

#if defined __GNUC__
#define NOT_INLINE __attribute__((noinline))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define NOT_INLINE
#define ALWAYS_INLINE inline
#endif

/* Add bytes 0 and 2 of a word to the lower and upper 16 bits of a sum. */
static inline uint32_t add_even_bytes(uint32_t sum, uint32_t word)
{
#if defined WITH_DSP
    __asm__("uxtab16 %0, %0, %1" : "+r"(sum) : "r"(word));
    return sum;
#else
    return sum + (word & 0x00ff00ffu);
#endif
}

/* Add bytes 1 and 3 of a word to the lower and upper 16 bits of a sum. */
static inline uint32_t add_odd_bytes(uint32_t sum, uint32_t word)
{
#if defined WITH_DSP
    __asm__("uxtab16 %0, %0, %1, ror #8" : "+r"(sum) : "r"(word));
    return sum;
#else
    return sum + (word >> 8 & 0x00ff00ffu);
#endif
}

#endif /* PACKED_H */
