#include "program/geometry.h"
#include "program/share.h"
#include "vectors/vectors.h"

#ifdef WITH_PRODUCTS

typedef int16_t products_16 __attribute__((vector_size(PRODUCT_BYTES), aligned(2), may_alias));
typedef int32_t products_32 __attribute__((vector_size(PRODUCT_BYTES), aligned(4), may_alias));

/* The sums of products of neighbours, x[2 i] * y[2 i] + x[2 i + 1] * y[2 i + 1]. */
static inline __attribute__((always_inline)) products_32 multiply_pairs(products_32 x, products_16 y)
{
    typedef int16_t pairs __attribute__((vector_size(PRODUCT_BYTES)));
#if PRODUCT_BYTES == 32
    return (products_32)__builtin_ia32_pmaddwd256((pairs)x, (pairs)y);
#else
    return (products_32)__builtin_ia32_pmaddwd128((pairs)x, (pairs)y);
#endif
}

/* sum += bias + w * x, for some registers of outputs of one output pixel, two inputs at a time.
 *
 * pixels: of the first pixel of the window; its `rows` rows lie `row` values apart and have `pairs` pairs.
 * weight, bias, sum: of the first of these outputs. next: distance between the weights of two pairs.
 */
static inline __attribute__((always_inline)) void sum_pairs(const int16_t *pixels, int row, int pairs, int rows,
                                                            const int16_t *weight, size_t next, const int32_t *bias,
                                                            int32_t *sum, const int registers)
{
    typedef int32_t word __attribute__((aligned(2), may_alias));
    products_32 total[4];
    for (int i = 0; i < registers; i++)
        total[i] = ((const products_32 *)bias)[i] + ((const products_32 *)sum)[i];
    for (; rows > 0; rows--, pixels += row) {
        const int16_t *pair = pixels, *const end = pixels + 2 * pairs;
        for (; pair < end; pair += 2, weight += next) {
            products_32 values = {0};
            values += *(const word *)pair;
            for (int i = 0; i < registers; i++)
                total[i] += multiply_pairs(values, ((const products_16 *)weight)[i]);
        }
    }
    for (int i = 0; i < registers; i++)
        ((products_32 *)sum)[i] = total[i];
}

/* As convolve_image, for an image and weights of 16 bits.
 *
 * weight: [kernel_height][pair of inputs of a row][out_channels][2], 0 for the input that completes a pair.
 * pixels: [height + 2 * padding_y][width + 2 * padding_x][channels] and one more, overwritten.
 */
static void multiply_image(const struct geometry *g, const int16_t *weight, const int32_t *bias, const int32_t *dense,
                           int stride, int16_t *pixels, int32_t *sum, struct share *share)
{
    enum { REGISTER = PRODUCT_BYTES / 4 }; /* outputs */
    const int row = (g->width + 2 * g->padding_x) * g->channels, pairs = (g->kernel_width * g->channels + 1) / 2;
    const size_t next = 2 * (size_t)g->out_channels;
    const int first = first_of_part(g->out_height, part_of(share), parts_of(share));
    const int end = first_of_part(g->out_height, part_of(share) + 1, parts_of(share));
    const int top = first * g->stride_y; /* rows that are read, with those of the padding */
    const int bottom = first < end ? (end - 1) * g->stride_y + g->kernel_height : top;
    memset(pixels + (size_t)top * row, 0, ((size_t)(bottom - top) * row + 1) * sizeof *pixels);
    const int y_end = bottom - g->padding_y < g->height ? bottom - g->padding_y : g->height;
    int y = top > g->padding_y ? top - g->padding_y : 0;
    for (dense += (size_t)y * g->width * stride; y < y_end; y++) {
        int16_t *restrict out = pixels + (size_t)(g->padding_y + y) * row + g->padding_x * g->channels;
        for (int x = 0; x < g->width; x++, dense += stride, out += g->channels)
            for (int c = 0; c < g->channels; c++)
                out[c] = (int16_t)dense[c];
    }
    sum += (size_t)first * g->out_width * g->out_stride;
    for (y = first; y < end; y++) {
        const int16_t *window = pixels + (size_t)y * g->stride_y * row;
        for (int x = 0; x < g->out_width; x++, window += g->stride_x * g->channels, sum += g->out_stride) {
            int i = 0;
            for (; i + 4 * REGISTER <= g->out_channels; i += 4 * REGISTER)
                sum_pairs(window, row, pairs, g->kernel_height, weight + 2 * i, next, bias + i, sum + i, 4);
            for (; i < g->out_channels; i += 2 * REGISTER)
                sum_pairs(window, row, pairs, g->kernel_height, weight + 2 * i, next, bias + i, sum + i, 2);
        }
    }
}

#endif /* WITH_PRODUCTS */
