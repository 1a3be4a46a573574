#ifndef BITS_H
#define BITS_H

#include "../../stand_in/mcu.h"

/* Up to 32 bits of a pixel's spikes as a word, lowest first. bits: [bytes]. */
static inline uint32_t load_bits(const uint8_t *bits, int bytes)
{
    uint32_t word = 0;
    if (bytes >= 4)
        return bits[0] | (uint32_t)bits[1] << 8 | (uint32_t)bits[2] << 16 | (uint32_t)bits[3] << 24;
    for (int i = 0; i < bytes; i++)
        word |= (uint32_t)bits[i] << 8 * i;
    return word;
}

/* Clear a 1 of a word that is not 0, and return its position: the highest if the processor has an instruction for it,
 * else the lowest. */
static inline unsigned take_bit(uint32_t *word)
{
#if defined __GNUC__ && defined __arm__ && defined __ARM_FEATURE_CLZ && !defined SPIKELET_PORTABLE
    const unsigned zeros = (unsigned)__builtin_clz(*word);
    *word &= ~(0x80000000u >> zeros);
    return 31 - zeros;
#else
    /* de Bruijn sequence: any 5 neighbouring bits of the factor occur once */
    static const uint8_t positions[32] = {0,  1,  28, 2,  29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4,  8,
                                          31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6,  11, 5,  10, 9};
    const uint32_t lowest = *word & -*word;
    *word ^= lowest;
    return positions[(lowest * 0x077cb531u & 0xffffffffu) >> 27];
#endif
}

#endif /* BITS_H */
