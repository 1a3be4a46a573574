/* Classify the images of a file with the library of the native engine, for callgrind.
 *
 * usage: threads PARAMETERS FILE COUNT STEPS THREADS. PARAMETERS holds the constant arrays, each after its number of bytes.
 * Prints the class of each image, and how often all threads waited for each other.
 */
#include <stdio.h>

#include "memory.h"
#include "library.c" /* what the native engine compiles */

static struct parameters parameters;
static model_pixel image[PIXELS];

/* Memory that is never freed, aligned for vector registers. */
static void *memory(size_t bytes)
{
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

int main(int argc, char **argv)
{
    FILE *file = argc == 6 ? fopen(argv[1], "rb") : NULL, *images = argc == 6 ? fopen(argv[2], "rb") : NULL;
    if (!file || !images)
        return 2;
    for (size_t i = 0; i < sizeof parameters / sizeof(void *); i++) {
        uint64_t bytes = 0;
        if (fread(&bytes, sizeof bytes, 1, file) != 1)
            return 2;
        ((void **)&parameters)[i] = memory(bytes);
        if (fread(((void **)&parameters)[i], 1, bytes, file) != bytes)
            return 2;
    }
    const int count = atoi(argv[3]), steps = atoi(argv[4]), threads = atoi(argv[5]);
    void *workers = threads > 1 ? spikelet_start_workers(threads, 0) : NULL;
    struct state *state = memory(sizeof *state);
    struct work *work = memory((size_t)threads * steps * sizeof *work);
    memset(work, 0, (size_t)threads * steps * sizeof *work);
    for (int i = 0; i < count; i++) {
        if (fread(image, sizeof *image, PIXELS, images) != PIXELS)
            return 2;
        spikelet_reset(&parameters, (char *)state, sizeof *state, 1);
        spikelet_step(workers, &parameters, (char *)state, sizeof *state, 1, work, image, steps, NULL, NULL, NULL, NULL);
        int best = 0, classes = sizeof state->logits / sizeof *state->logits / WINDOW;
        for (int t = 1; t < steps; t++)
            for (int k = 0; k < classes; k++)
                state->logits[k] += state->logits[t * classes + k];
        for (int k = 1; k < classes; k++)
            best = state->logits[k] > state->logits[best] ? k : best;
        printf("%d\n", best);
    }
    printf("%d\n", workers ? (int)phase_of(&((struct workers *)workers)->team) : 0);
    if (workers)
        spikelet_stop_workers(workers);
    return 0;
}
