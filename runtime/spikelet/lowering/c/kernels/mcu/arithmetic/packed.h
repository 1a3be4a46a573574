#ifndef PACKED_H
#define PACKED_H

#include "../../stand_in/mcu.h"
#include "processor.h"

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
