#ifndef PRODUCTS_H
#define PRODUCTS_H

#include "../../stand_in/mcu.h"
#include "processor.h"

struct four_sums {
    int32_t sum0, sum1, sum2, sum3;
};

/* Add x[0] * w + x[1] * w' to each of four sums, where w and w' are the lower and upper 16 bits of a word of `weight`,
 * signed numbers. Returns the next word. */
static inline const uint32_t *add_four_products(struct four_sums *s, const int16_t *x, const uint32_t *weight)
{
#if defined WITH_DSP
    typedef uint32_t pair __attribute__((may_alias, aligned(2)));
    uint32_t first, second;
    __asm__("ldrd %4, %5, [%6], #16\n\t"
            "smlad %0, %7, %4, %0\n\tsmlad %1, %7, %5, %1\n\t"
            "ldrd %4, %5, [%6, #-8]\n\t"
            "smlad %2, %7, %4, %2\n\tsmlad %3, %7, %5, %3"
            : "+r"(s->sum0), "+r"(s->sum1), "+r"(s->sum2), "+r"(s->sum3), "=&r"(first), "=&r"(second), "+&r"(weight)
            : "r"(*(const pair *)x)
            : "memory");
    return weight;
#else
    const int32_t first = x[0], second = x[1]; /* an int of 16 bits would not hold their products */
    s->sum0 += first * (int16_t)(weight[0] & 0xffff) + second * (int16_t)(weight[0] >> 16);
    s->sum1 += first * (int16_t)(weight[1] & 0xffff) + second * (int16_t)(weight[1] >> 16);
    s->sum2 += first * (int16_t)(weight[2] & 0xffff) + second * (int16_t)(weight[2] >> 16);
    s->sum3 += first * (int16_t)(weight[3] & 0xffff) + second * (int16_t)(weight[3] >> 16);
    return weight + 4;
#endif
}

#endif /* PRODUCTS_H */
