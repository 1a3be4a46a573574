#ifndef FIRE_COUNTS_H
#define FIRE_COUNTS_H

#include "neurons.h"
#include "../vectors/signs.h"
#include "../vectors/vectors.h"

#ifdef WITH_COUNTS

/* Store 16 numbers as bytes. numbers: [16 / INT32S], each from 0 to 127. */
static inline __attribute__((always_inline)) void store_bytes(const int32_vector *numbers, uint8_t *bytes)
{
    typedef int8_t int8x16 __attribute__((vector_size(16), aligned(1), may_alias));
#if VECTOR_BYTES == 64
    *(int8x16 *)bytes = __builtin_convertvector(numbers[0], int8x16);
#elif defined WITH_NEON
    const int16x8_t low = vuzp1q_s16((int16x8_t)numbers[0], (int16x8_t)numbers[1]);
    const int16x8_t high = vuzp1q_s16((int16x8_t)numbers[2], (int16x8_t)numbers[3]);
    *(int8x16 *)bytes = (int8x16)vuzp1q_u8((uint8x16_t)low, (uint8x16_t)high);
#else
    typedef char int8x32 __attribute__((vector_size(32)));
    typedef int16_t int16x16 __attribute__((vector_size(32)));
    typedef int32_t int32x8 __attribute__((vector_size(32)));
    typedef union {
        int32x8 words;
        int8x16 bytes[2];
    } halves;
    const int32x8 order = {0, 4, 1, 5, 0, 4, 1, 5}; /* packing works within halves of a register */
    const int16x16 packed = __builtin_ia32_packssdw256((int32x8)numbers[0], (int32x8)numbers[1]);
    const halves result = {
        __builtin_ia32_permvarsi256((int32x8)(int8x32)__builtin_ia32_packsswb256(packed, packed), order)};
    *(int8x16 *)bytes = result.bytes[0];
#endif
}

/* As fire, for neurons without a leak whose numbers of spikes are stored as bytes, n->counts.
 *
 * copies, gain, strict: type of the neurons. If they are constants of the call, the loop has no branches.
 */
static inline __attribute__((always_inline)) void fire_numbers(const struct neurons *n, int y, int x, int count,
                                                               const int32_t *restrict current, const int copies,
                                                               const int gain, const int strict)
{
    enum { VECTORS = 16 / INT32S };
    const int stride = n->stride;
    const size_t first = ((size_t)y * n->out.width + x) * stride;
    const int32_t *theta = n->theta;
    int32_t *restrict v = n->v + first;
    uint8_t *restrict counts = n->counts + first;
    int32_vector fired = {0};
    int neuron = 0; /* of its pixel */
    const uint8_t *const end = counts + (size_t)count * stride;
    for (; counts < end; v += 16, current += 16, counts += 16) {
        int32_vector numbers[VECTORS];
        for (int i = 0; i < VECTORS; i++) {
            const int32_vector step = *(const int32_vector *)(theta + neuron + i * INT32S);
            const int32_vector added = *(const int32_vector *)(current + i * INT32S) * gain;
            const int32_vector potential = *(const int32_vector *)(v + i * INT32S) + added;
            int32_vector level = step + strict, number = {0};
            number += copies;
            for (int copy = 0; copy < copies; copy++, level += step)
                number += potential < level; /* -1 where this copy does not fire */
            if (copies == 1) {
                const int32_vector rest = potential - step;
                *(int32_vector *)(v + i * INT32S) = where_negative(rest - strict, potential, rest);
            } else {
                *(int32_vector *)(v + i * INT32S) = potential - number * step;
            }
            fired += number;
            numbers[i] = number;
        }
        store_bytes(numbers, counts);
        neuron = neuron + 16 < stride ? neuron + 16 : 0;
    }
    int32_t total = 0;
    for (int i = 0; i < INT32S; i++)
        total += fired[i];
    ADD_SHARED(n->fired, (uint32_t)total);
}

/* See fire_numbers. */
static void fire_counts(const struct neurons *n, int y, int x, int count, const int32_t *restrict current)
{
    if (n->copies == COPIES && n->gain == 1 && !n->strict)
        fire_numbers(n, y, x, count, current, COPIES, 1, 0);
    else if (n->copies == COPIES && n->gain == COPIES && !n->strict)
        fire_numbers(n, y, x, count, current, COPIES, COPIES, 0);
    else
        fire_numbers(n, y, x, count, current, n->copies, n->gain, n->strict);
}

#endif /* WITH_COUNTS */

#endif /* FIRE_COUNTS_H */
