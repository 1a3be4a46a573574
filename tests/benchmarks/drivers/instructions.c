/* Classify the images of a file with an exported model, for callgrind: measured_T is what an image takes from the T measured before to T.
 *
 * usage: instructions FILE COUNT LAST; FILE holds COUNT images of MODEL_PIXELS pixels each. Prints the class of each image
 * after 1, 2 and 4 time-steps, as far as LAST.
 */
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "model.h"

#ifndef KEEPS_IMAGE /* the host form keeps the current of the first layer, the mcu form needs the image at every step */
#define KEEPS_IMAGE 1
#endif

static model_pixel image[MODEL_PIXELS];

static void advance(int from, int to)
{
    for (int t = from; t < to; t++)
        model_step(t > 0 && KEEPS_IMAGE ? NULL : image);
}

__attribute__((noinline)) int measured_1(void)
{
    model_reset();
    advance(0, 1);
    return model_answer();
}

__attribute__((noinline)) int measured_2(void)
{
    advance(1, 2);
    return model_answer();
}

__attribute__((noinline)) int measured_4(void)
{
    advance(2, 4);
    return model_answer();
}

int main(int argc, char **argv)
{
    FILE *file = argc == 4 ? fopen(argv[1], "rb") : NULL;
    if (!file)
        return 2;
    const int last = atoi(argv[3]);
    for (int i = 0; i < atoi(argv[2]); i++) {
        if (fread(image, sizeof *image, MODEL_PIXELS, file) != MODEL_PIXELS)
            return 2;
        printf("%d", measured_1());
        if (last >= 2)
            printf(" %d", measured_2());
        if (last >= 4)
            printf(" %d", measured_4());
        printf("\n");
    }
    return fclose(file);
}
