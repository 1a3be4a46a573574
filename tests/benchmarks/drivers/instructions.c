/* Classify the images of a file with an exported model, for callgrind: each measured_T is one image for T time-steps.
 *
 * usage: instructions FILE COUNT; FILE holds COUNT images of MODEL_PIXELS pixels each. Prints the class after 1, 2 and 4
 * time-steps of each image.
 */
#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "model.h"

#ifndef KEEPS_IMAGE /* the host form keeps the current of the first layer, the mcu form needs the image at every step */
#define KEEPS_IMAGE 1
#endif

static model_pixel image[MODEL_PIXELS];

static int classify(int steps)
{
    model_reset();
    for (int t = 0; t < steps; t++)
        model_step(t > 0 && KEEPS_IMAGE ? NULL : image);
    return model_answer();
}

__attribute__((noinline)) int measured_1(void) { return classify(1); }
__attribute__((noinline)) int measured_2(void) { return classify(2); }
__attribute__((noinline)) int measured_4(void) { return classify(4); }

int main(int argc, char **argv)
{
    FILE *file = argc == 3 ? fopen(argv[1], "rb") : NULL;
    if (!file)
        return 2;
    for (int i = 0; i < atoi(argv[2]); i++) {
        if (fread(image, sizeof *image, MODEL_PIXELS, file) != MODEL_PIXELS)
            return 2;
        const int after_1 = measured_1(), after_2 = measured_2();
        printf("%d %d %d\n", after_1, after_2, measured_4());
    }
    return fclose(file);
}
