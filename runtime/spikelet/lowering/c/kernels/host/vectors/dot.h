#ifndef DOT_H
#define DOT_H

#include "vectors.h"

#ifdef WITH_DOT

typedef int32_t dots __attribute__((vector_size(DOT_BYTES), aligned(4), may_alias));

/* The sums plus, for each of them, the products of four unsigned bytes and four signed bytes.
 *
 * As assembler, since the names and types of the built-in functions differ between compilers and their versions.
 */
static inline __attribute__((always_inline)) dots dot(dots sum, dots counts, dots weights)
{
#if defined WITH_NEON && DOT_BYTES == 16
    __asm__("sdot\t%0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(counts), "w"(weights)); /* counts are below 128 */
#elif !defined WITH_VNNI
    const uint8_t *c = (const uint8_t *)&counts;
    const int8_t *w = (const int8_t *)&weights;
    for (int i = 0; i < DOT_BYTES; i++)
        sum[i / 4] += c[i] * w[i];
#elif DOT_BYTES == 64
    __asm__("vpdpbusd\t%2, %1, %0" : "+v"(sum) : "v"(counts), "v"(weights));
#else
    __asm__("%{vex%} vpdpbusd\t%2, %1, %0" : "+x"(sum) : "x"(counts), "x"(weights));
#endif
    return sum;
}

#endif /* WITH_DOT */

#endif /* DOT_H */
