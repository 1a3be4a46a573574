#ifndef COUNT_BITS_H
#define COUNT_BITS_H

#include "../../stand_in/host.h"

#ifndef __POPCNT__
#define COUNTS_2(n) n, n + 1, n + 1, n + 2
#define COUNTS_4(n) COUNTS_2(n), COUNTS_2(n + 1), COUNTS_2(n + 1), COUNTS_2(n + 2)
#define COUNTS_6(n) COUNTS_4(n), COUNTS_4(n + 1), COUNTS_4(n + 1), COUNTS_4(n + 2)

/* For each pattern of 8 bits: the number of its ones. */
static const uint8_t bit_counts[256] = {COUNTS_6(0), COUNTS_6(1), COUNTS_6(1), COUNTS_6(2)};
#endif

/* The number of ones among 8 bits, from a table if the processor has no instruction for it. */
static inline int count_bits(unsigned pattern)
{
#ifdef __POPCNT__
    return __builtin_popcount(pattern);
#else
    return bit_counts[pattern];
#endif
}

#endif /* COUNT_BITS_H */
