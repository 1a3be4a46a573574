#ifndef LIST_ROWS_H
#define LIST_ROWS_H

#include "add_rows.h"
#include "arithmetic/bits.h"

/* The weight rows that the spikes of an output pixel select. They are added when the list is full. */
struct row_list {
    const uint32_t *weight;
    int outputs;
    const int32_t *bias; /* NULL once it is added */
    int32_t *sum;        /* [outputs] */
    int32_t factor;      /* of the rows that are added */
    int count;
    uint32_t rows[MAX_ROWS]; /* [count] */
};

/* Add the rows of the list to the sums, at the first call also the bias, and clear the list. */
static void add_list(struct row_list *list)
{
    add_rows(list->weight, list->outputs, list->rows, list->count, list->bias, list->factor,
             list->sum);
    list->bias = NULL;
    list->count = 0;
}

/* Append the rows that the spikes of neighbouring pixels select.
 *
 * bits: [pixels][repeats][bytes]: spikes; those of the `repeats` pixels of a pool select the same rows.
 * row: index of the first word of the row that the first bit selects. words: number of words per row. next: number of
 * words from the first row of a pixel to that of the next pixel.
 */
static NOT_INLINE void list_rows(struct row_list *list, const uint8_t *bits, int pixels, int repeats, int bytes,
                                 uint32_t row, uint32_t words, uint32_t next)
{
    uint32_t *end = list->rows + list->count;
    for (; pixels > 0; pixels--, row += next)
        for (int i = 0; i < repeats; i++) {
            uint32_t first = row;
            for (int left = bytes; left > 0; left -= 4, first += 32 * words) {
                uint32_t fired = load_bits(bits, left);
                bits += left < 4 ? left : 4;
                if (end > list->rows + MAX_ROWS - 32) {
                    list->count = (int)(end - list->rows);
                    add_list(list);
                    end = list->rows;
                }
                while (fired)
                    *end++ = first + take_bit(&fired) * words;
            }
        }
    list->count = (int)(end - list->rows);
}

#endif /* LIST_ROWS_H */
