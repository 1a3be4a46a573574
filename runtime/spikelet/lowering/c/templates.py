"""Templates of the files of an exported folder, with @NAME@ placeholders."""

HEADER = """\
/* @TITLE@: a spiking network as C, written by `spikelet export c` (@FORM@ form).
 *
 *     model_reset();
 *     for (int t = 0; t < 4; t++)
 *         model_step(image);
 *     int answer = model_answer();
 *
 * Bundle sha256 @DIGEST@. No malloc, no floating point; requires stdint.h, stddef.h and string.h only.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

typedef @PIXEL@ model_pixel;

enum {
    MODEL_PIXELS = @PIXELS@,     /* values of an image, @SHAPE@, channel first; each from @LOW@ to @HIGH@ */
    MODEL_CLASSES = @CLASSES@,
    MODEL_LAYERS = @LAYERS@,       /* spiking layers */
    MODEL_MAX_STEPS = @STEPS@,   /* time-steps after a reset for which all values are proven exact */
    MODEL_FLASH_BYTES = @FLASH@, /* constants, without code */
    MODEL_RAM_BYTES = @RAM@      /* all memory, without the stack */
};

/* Return to the initial potentials and clear the logits; the next step is time-step 1. */
void model_reset(void);

/* Run one time-step. image: [MODEL_PIXELS], @IMAGE@ */
void model_step(const model_pixel *image);

/* The logits, summed since the reset: [MODEL_CLASSES]. */
const int32_t *model_logits(void);

/* The class with the largest logit so far; the first one of equal logits. */
int model_answer(void);

/* The number of spikes of each layer in the last time-step: [MODEL_LAYERS]; and the names of the layers. */
const uint32_t *model_spikes(void);
extern const char *const model_layers[MODEL_LAYERS];
@LABELS@
#endif
"""

IMAGE = {
    "host": "or NULL to keep the last image, which saves the computation of the first layer.",
    "mcu": "required at every time-step; must stay valid during the call.",
}

MODEL_HEAD = """\
/* @TITLE@: the network (@FORM@ form). Written by `spikelet export c`; bundle sha256 @DIGEST@. */
#include "model.h"

"""

WEIGHTS_HEAD = """\
/* @TITLE@: parameters. Written by `spikelet export c`; bundle sha256 @DIGEST@. */
#include <stdint.h>

#ifdef __GNUC__
#define ALIGNED __attribute__((aligned(64))) /* for vector registers */
#else
#define ALIGNED
#endif
"""

MAIN_HEAD = """\
/* @TITLE@: self-test. Replays the recorded inputs of the bundle. Written by `spikelet export c`. */
#include "model.h"

enum { IMAGES = @IMAGES@, STEPS = @REPLAYED@ };

/* [image][channel][y][x] */
static const model_pixel inputs[IMAGES * MODEL_PIXELS] = {
@INPUTS@
};

/* logits of each time-step: [image][time-step][class] */
static const int32_t logits[IMAGES * STEPS * MODEL_CLASSES] = {
@LOGITS@
};

/* spikes: [image][time-step][layer] */
static const uint32_t fired[IMAGES * STEPS * MODEL_LAYERS] = {
@FIRED@
};

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
    "host": """\
It requires GCC or Clang for their vector extensions. Vectors are as wide as the
registers of the processor that `-march` or `-mcpu` names; the code compiles for any.""",
    "mcu": """\
Any C99 compiler will do. For a Cortex-M, run
`make CC=arm-none-eabi-gcc CFLAGS='-std=c99 -O2 -mcpu=cortex-m7 -mthumb' model.o model_weights.o`
and link the two objects with your firmware; `main.c` needs a `printf`.""",
}

README = """\
# @TITLE@ as C (@FORM@ form)

A spiking network as C, written by `spikelet export c` from the bundle with sha256
`@DIGEST@`.
@ABOUT@

| file | content |
|---|---|
| `model.h` | the interface: reset, step, logits, answer |
| `model.c` | the network |
| `model_weights.c` | its constants, @FLASH@ KB |
| `main.c` | a self-test: replays recorded inputs and compares every logit |

`make test` builds and runs the self-test. @BUILD@

The network takes @FLASH@ KB of constants and @RAM@ KB of memory, all of it static. The image of
`model_step` is @IMAGE@

| spiking layer | shape | neurons |
|---|---|---|
@LAYERS@
"""
