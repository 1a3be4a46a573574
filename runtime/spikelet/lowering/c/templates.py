"""Templates of the files of an exported folder, with @NAME@ placeholders."""

HEADER = """\
/* @TITLE@: a spiking network as C, written by `spikelet export c` (@FORM@ form).
 *
 *     model_reset();
 *     for (int t = 0; t < 4; t++)
 *         model_step(image);
 *     int class = model_answer();
 *
 * Bundle sha256 @DIGEST@. No malloc, no floating point; nothing but stdint.h, stddef.h and string.h.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

typedef @PIXEL@ model_pixel;

enum {
    MODEL_PIXELS = @PIXELS@,     /* @SHAPE@, channel first; each @LOW@ to @HIGH@ */
    MODEL_CLASSES = @CLASSES@,
    MODEL_LAYERS = @LAYERS@,       /* spiking layers */
    MODEL_MAX_STEPS = @STEPS@,   /* proven exact for so many time-steps after a reset */
    MODEL_FLASH_BYTES = @FLASH@, /* constants, without code */
    MODEL_RAM_BYTES = @RAM@      /* all memory, without the stack */
};

/* Forget everything; the next step is time-step 1. */
void model_reset(void);

/* One time-step. @KEEP@ */
void model_step(const model_pixel *image);

/* The logits, summed since the reset, MODEL_CLASSES of them. */
const int32_t *model_logits(void);

/* The class with the largest logit so far, the first of equals. */
int model_answer(void);

/* How many spikes each layer fired in the last time-step, MODEL_LAYERS of them, and what the layers are called. */
const uint32_t *model_spikes(void);
extern const char *const model_layers[MODEL_LAYERS];
@LABELS@
#endif
"""

KEEP = {
    "host": "image: or NULL to go on with the last one, which is cheaper: the first layer's current is kept.",
    "mcu": "image: required at every time-step; must stay valid during the call.",
}

MODEL_HEAD = """\
/* @TITLE@: the network (@FORM@ form). Written by `spikelet export c`; bundle sha256 @DIGEST@. */
#include "model.h"

"""

_COMMON = """
const char *const model_layers[MODEL_LAYERS] = {
@LAYERS@};
@LABELS@
const int32_t *model_logits(void)
{
    return total;
}

const uint32_t *model_spikes(void)
{
    return the_state.fired;
}

int model_answer(void)
{
    int best = 0;
    for (int k = 1; k < MODEL_CLASSES; k++)
        if (total[k] > total[best])
            best = k;
    return best;
}
"""

INTERFACE = {
    "host": """\
/* ---- interface ---- */

extern const struct parameters model_parameters;

static struct state the_state;
static struct work the_work;
static int32_t total[MODEL_CLASSES];

void model_reset(void)
{
    reset(&model_parameters, &the_state);
    memset(total, 0, sizeof total);
}

void model_step(const model_pixel *image)
{
    step(&model_parameters, &the_state, &the_work, image, 1);
    for (int k = 0; k < MODEL_CLASSES; k++)
        total[k] += the_state.logits[k];
}
"""
    + _COMMON,
    "mcu": """\
/* ---- interface ---- */

extern const struct parameters model_parameters;

static struct state the_state;
static int32_t total[MODEL_CLASSES];

void model_reset(void)
{
    reset(&model_parameters, &the_state);
    memset(total, 0, sizeof total);
}

void model_step(const model_pixel *image)
{
    step(&model_parameters, &the_state, image);
    for (int k = 0; k < MODEL_CLASSES; k++)
        total[k] += the_state.logits[k];
}
"""
    + _COMMON,
}

WEIGHTS_HEAD = """\
/* @TITLE@: parameters. Written by `spikelet export c`; bundle sha256 @DIGEST@. */
#include <stdint.h>

#ifdef __GNUC__
#define ALIGNED __attribute__((aligned(64))) /* for vector registers */
#else
#define ALIGNED
#endif
"""

MAIN = """\
/* @TITLE@: self-test. Replays what the bundle recorded and says pass, or the first difference. */
#include <stdio.h>

#include "model.h"

enum { IMAGES = @IMAGES@, STEPS = @REPLAYED@ };

static const model_pixel inputs[IMAGES * MODEL_PIXELS] = {
@INPUTS@
};

/* logits of each single time-step: [image][time-step][class] */
static const int32_t logits[IMAGES * STEPS * MODEL_CLASSES] = {
@LOGITS@
};

/* spikes of each layer: [image][time-step][layer] */
static const uint32_t fired[IMAGES * STEPS * MODEL_LAYERS] = {
@FIRED@
};

int main(void)
{
    const int32_t *logit = logits;
    const uint32_t *spikes = fired;
    printf("%d bytes of constants, %d bytes of memory\\n", MODEL_FLASH_BYTES, MODEL_RAM_BYTES);
    for (int n = 0; n < IMAGES; n++) {
        int32_t total[MODEL_CLASSES] = {0};
        model_reset();
        for (int t = 0; t < STEPS; t++, logit += MODEL_CLASSES, spikes += MODEL_LAYERS) {
            model_step(inputs + (long)n * MODEL_PIXELS);
            for (int i = 0; i < MODEL_LAYERS; i++)
                if (model_spikes()[i] != spikes[i]) {
                    printf("FAIL: image %d, time-step %d, layer %s fired %lu times, expected %lu\\n", n, t + 1,
                           model_layers[i], (unsigned long)model_spikes()[i], (unsigned long)spikes[i]);
                    return 1;
                }
            for (int k = 0; k < MODEL_CLASSES; k++) {
                total[k] += logit[k];
                if (model_logits()[k] != total[k]) {
                    printf("FAIL: image %d, time-step %d, logit %d is %ld, expected %ld\\n", n, t + 1, k,
                           (long)model_logits()[k], (long)total[k]);
                    return 1;
                }
            }
        }
    }
    printf("pass: %d images, %d time-steps, every logit and the spikes of every layer\\n", IMAGES, STEPS);
    return 0;
}
"""

FLAGS = {"host": "-std=gnu11 -O3 -march=native", "mcu": "-std=c99 -O2"}

MAKEFILE = """\
# Self-test: make && ./selftest. For another machine: make CC=aarch64-linux-gnu-gcc CFLAGS='...'
CFLAGS = @FLAGS@ -Wall -Wextra

selftest: main.o model.o model_weights.o
\t$(CC) $(LDFLAGS) -o $@ $^

main.o model.o: model.h

.PHONY: test clean
test: selftest
\t./selftest

clean:
\trm -f selftest *.o
"""

BUILD = {
    "host": "GCC or Clang is needed (vector extensions; no intrinsics, so x86 and Arm are served alike).",
    "mcu": "Any C99 compiler will do. For a Cortex-M: `make CC=arm-none-eabi-gcc CFLAGS='-std=c99 -O2 -mcpu=cortex-m7 "
    "-mthumb' model.o model_weights.o`,\nand link the two objects with your firmware; `main.c` needs a `printf`.",
}

README = """\
# @TITLE@ as C (@FORM@ form)

A spiking network that was written as C by `spikelet export c` from the bundle with sha256
`@DIGEST@`.
@ABOUT@

| file | what |
|---|---|
| `model.h` | the interface: reset, step, logits, answer |
| `model.c` | the network |
| `model_weights.c` | its constants, @FLASH@ KB |
| `main.c` | a self-test: replays recorded inputs and compares every logit |

`make test` builds and runs the self-test. @BUILD@

The network takes @FLASH@ KB of constants and @RAM@ KB of memory, all of it static. @KEEP@

| spiking layer | shape | neurons |
|---|---|---|
@LAYERS@
"""
