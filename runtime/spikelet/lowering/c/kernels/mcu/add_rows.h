#ifndef ADD_ROWS_H
#define ADD_ROWS_H

#include "arithmetic/packed.h"

/* Sums of the bytes of four words, each with 16 bits. */
struct byte_sums {
    uint32_t even0, odd0, even1, odd1, even2, odd2, even3, odd3;
};

/* Add the bytes of four words, as add_even_bytes and add_odd_bytes. */
static inline void add_words(struct byte_sums *s, const uint32_t *words)
{
#if defined WITH_DSP
    struct four_words {
        uint32_t words[4];
    };
    uint32_t low, high;
    __asm__("ldrd %8, %9, [%10]\n\t"
            "uxtab16 %0, %0, %8\n\tuxtab16 %1, %1, %8, ror #8\n\t"
            "uxtab16 %2, %2, %9\n\tuxtab16 %3, %3, %9, ror #8\n\t"
            "ldrd %8, %9, [%10, #8]\n\t"
            "uxtab16 %4, %4, %8\n\tuxtab16 %5, %5, %8, ror #8\n\t"
            "uxtab16 %6, %6, %9\n\tuxtab16 %7, %7, %9, ror #8"
            : "+r"(s->even0), "+r"(s->odd0), "+r"(s->even1), "+r"(s->odd1), "+r"(s->even2), "+r"(s->odd2),
              "+r"(s->even3), "+r"(s->odd3), "=&r"(low), "=&r"(high)
            : "r"(words), "m"(*(const struct four_words *)words));
#else
    s->even0 = add_even_bytes(s->even0, words[0]), s->odd0 = add_odd_bytes(s->odd0, words[0]);
    s->even1 = add_even_bytes(s->even1, words[1]), s->odd1 = add_odd_bytes(s->odd1, words[1]);
    s->even2 = add_even_bytes(s->even2, words[2]), s->odd2 = add_odd_bytes(s->odd2, words[2]);
    s->even3 = add_even_bytes(s->even3, words[3]), s->odd3 = add_odd_bytes(s->odd3, words[3]);
#endif
}

/* sum += factor * (bias + the sum of each byte of a word - offset). bias, sum: [4]. */
static inline void add_sums(uint32_t even, uint32_t odd, int32_t offset, const int32_t *bias, int32_t factor,
                            int32_t *sum)
{
    sum[0] += factor * (bias[0] - offset + (int32_t)(even & 0xffff));
    sum[1] += factor * (bias[1] - offset + (int32_t)(odd & 0xffff));
    sum[2] += factor * (bias[2] - offset + (int32_t)(even >> 16));
    sum[3] += factor * (bias[3] - offset + (int32_t)(odd >> 16));
}

/* sum += factor * (bias + the weight rows of the spikes).
 *
 * A word contains the weights of four outputs, each plus 128, the first one in the lowest byte. Two bytes are added at
 * once, to sums of 16 bits: 255 * MAX_ROWS < 2^16. The 128 of each row are subtracted at the end.
 *
 * weight: [row][words]. rows: [count], index of the first word of each row. bias: [outputs], or NULL. sum: [outputs].
 */
static void add_rows(const uint32_t *weight, int outputs, const uint32_t *rows, int count, const int32_t *bias,
                     int32_t factor, int32_t *sum)
{
    if (!count) {
        for (int i = 0; bias && i < outputs; i++)
            sum[i] += factor * bias[i];
        return;
    }
    static const int32_t zeros[16] = {0};
    const int32_t offset = (int32_t)128 * count;
    const uint32_t *const end = rows + count;
    const int bias_step = bias ? 16 : 0;
    if (!bias)
        bias = zeros;
    for (; outputs >= 16; outputs -= 16, weight += 4) {
        struct byte_sums s = {0, 0, 0, 0, 0, 0, 0, 0};
        const uint32_t *row = rows;
        do
            add_words(&s, weight + *row++);
        while (row < end);
        add_sums(s.even0, s.odd0, offset, bias, factor, sum);
        add_sums(s.even1, s.odd1, offset, bias + 4, factor, sum + 4);
        add_sums(s.even2, s.odd2, offset, bias + 8, factor, sum + 8);
        add_sums(s.even3, s.odd3, offset, bias + 12, factor, sum + 12);
        sum += 16;
        bias += bias_step;
    }
    for (; outputs > 0; outputs -= 4, weight++, bias += bias_step / 4, sum += 4) {
        uint32_t even = 0, odd = 0;
        for (const uint32_t *row = rows; row < end; row++) {
            even = add_even_bytes(even, weight[*row]);
            odd = add_odd_bytes(odd, weight[*row]);
        }
        if (outputs < 4) {
            for (int i = 0; i < outputs; i++)
                sum[i] += factor * (bias[i] - offset + (int32_t)((i & 1 ? odd : even) >> 16 * (i >> 1) & 0xffff));
            break;
        }
        add_sums(even, odd, offset, bias, factor, sum);
    }
}

#endif /* ADD_ROWS_H */
