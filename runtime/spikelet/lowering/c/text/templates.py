"""Templates of the files of an exported folder, with @NAME@ placeholders."""

SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"  # of the code; weights have the licence of their owner

HEADER = (
    SPDX
    + """\
/* @TITLE@: a spiking network as C, written by `spikelet export c` (@FORM@ form).
 *
 *     model_reset();
 *     for (int t = 0; t < @TYPICAL@; t++)
 *         model_step(image);
 *     int answer = model_answer();
 *
 * Bundle sha256 @DIGEST@.
 * No malloc, no floating point; @HEADERS@.
 *
 * A `model_state` is one instance. Functions whose names begin with `model_state_` take an instance of the caller;
 * instances are independent, so that each thread can run its own. The functions without `_state` use one static
 * instance, whose memory is needed even if they are not called; -DMODEL_NO_STATIC removes both.
 */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef @PIXEL@ model_pixel;

enum {
    MODEL_PIXELS = @PIXELS@,     /* values of an image, @SHAPE@: @ORDER@; each from @LOW@ to @HIGH@ */
    MODEL_CHANNELS = @CHANNELS@,
    MODEL_HEIGHT = @HEIGHT@,
    MODEL_WIDTH = @WIDTH@,
    MODEL_CLASSES = @CLASSES@,
    MODEL_LAYERS = @LAYERS@,       /* spiking layers */
    MODEL_MAX_STEPS = @STEPS@,   /* time-steps after a reset for which all values are proven exact */
    MODEL_KEEPS_IMAGE = @KEEPS@,  /* 1: model_step(NULL) keeps the last image */
    MODEL_FLASH_BYTES = @FLASH@  /* constants, without code */
};

#define MODEL_BUNDLE @BUNDLE@ /* sha256 of the bundle */
@RANGE@
/* Return values of model_step. With any value except MODEL_OK, the state is unchanged. */
enum {
    MODEL_OK = 0,
    MODEL_NOT_RESET = 1,  /* model_reset has not been called */
    MODEL_NOT_PROVEN = 2, /* MODEL_MAX_STEPS time-steps have been run since the reset */
    MODEL_NO_IMAGE = 3    /* image is NULL, and there is no last image to keep */
};

@WORK@/* One instance, memory of the caller. The fields are private. */
struct model_state {
@STATE@};
typedef struct model_state model_state;

enum { MODEL_RAM_BYTES = (int)sizeof(struct model_state) }; /* memory of an instance, without the stack */

/* Return to the initial potentials and clear the logits; the next step is time-step 1. Call it first. */
void model_reset(void);

/* Run one time-step and return MODEL_OK or a reason.
 * image: [MODEL_PIXELS], @IMAGE@ */
int model_step(const model_pixel *image);

/* The number of time-steps since the reset. */
int32_t model_steps(void);

/* The logits, summed since the reset: [MODEL_CLASSES]. */
const int32_t *model_logits(void);

/* The class with the largest logit so far; the first one of equal logits. */
int model_answer(void);

/* The largest logit minus the second; INT32_MAX for a single class. Early exit, with a threshold in logits of the
 * network before conversion:
 *
 *     if (model_margin() >= model_steps() * MODEL_MARGIN(2.0))
 *         break;
 *
 * MODEL_MARGIN(threshold) is the threshold for one time-step, rounded up to an integer; the compiler computes it if the
 * threshold is a constant.
 */
int32_t model_margin(void);
#define MODEL_LOGIT_SCALE @SCALE@ /* logit of the network before conversion, per unit and time-step */
#define MODEL_MARGIN(threshold) \\
    ((int32_t)((threshold) / MODEL_LOGIT_SCALE) + \\
     ((double)(int32_t)((threshold) / MODEL_LOGIT_SCALE) < (threshold) / MODEL_LOGIT_SCALE))

/* The number of spikes of each layer in the last time-step, and the names of the layers: [MODEL_LAYERS]. */
const uint32_t *model_spikes(void);
extern const char *const model_layers[MODEL_LAYERS];
@LABELS@
/* The same for an instance of the caller. */
void model_state_reset(model_state *state);
int model_state_step(model_state *state, const model_pixel *image);
int32_t model_state_steps(const model_state *state);
const int32_t *model_state_logits(const model_state *state);
int model_state_answer(const model_state *state);
int32_t model_state_margin(const model_state *state);
const uint32_t *model_state_spikes(const model_state *state);

#ifdef __cplusplus
}
#endif

#endif
"""
)

ORDER = {"chw": "[channel][y][x]", "hwc": "[y][x][channel]"}

IMAGE = {
    "host": "or NULL to keep the last image since the reset, which saves the computation of the first layer.",
    "mcu": "required at every time-step; must stay valid during the call.",
}

RANGE = """
/* A measured value v is the pixel round(255 * (v - MODEL_RANGE_LOW) / (MODEL_RANGE_HIGH - MODEL_RANGE_LOW)), at least 0
 * and at most 255. */
#define MODEL_RANGE_LOW ({})
#define MODEL_RANGE_HIGH ({})
"""

RANGE_RULE = """
A measured value v is the pixel round(255 (v - LOW) / (HIGH - LOW)), at least 0 and at most 255, with LOW = {} and
HIGH = {}, which are `MODEL_RANGE_LOW` and `MODEL_RANGE_HIGH`."""

HEADERS = {
    "host": "requires stdint.h, stddef.h and string.h only",
    "mcu": "requires stdint.h, stddef.h and string.h only; with -ffreestanding, memset instead of string.h",
}

IMAGE_RULE = {
    "host": """\
`model_step(NULL)` keeps the last image since the reset, which saves the computation of the first layer.""",
    "mcu": """\
`model_step` reads the image at every time-step; it must stay valid during the call.""",
}

WARNINGS = {
    "host": """\
/* Sizes and indices are int, never negative, and become size_t in addresses. */
#pragma GCC diagnostic ignored "-Wsign-conversion"
""",
    "mcu": "",
}

MODEL_HEAD = (
    SPDX
    + """\
/* @TITLE@: the network (@FORM@ form). Written by `spikelet export c`; bundle sha256 @DIGEST@. */
@WARNINGS@#include "model.h"

"""
)

WEIGHTS_HEAD = """\
/* @TITLE@: parameters. Written by `spikelet export c`; bundle sha256 @DIGEST@. */
#include <stdint.h>

#ifdef __GNUC__
#define ALIGNED __attribute__((aligned(@ALIGNMENT@)))
#else
#define ALIGNED
#endif
"""

MAIN_HEAD = (
    SPDX
    + """\
/* @TITLE@: self-test. Replays the recorded inputs of the bundle. Written by `spikelet export c`. */
#include "model.h"

enum { IMAGES = @IMAGES@, STEPS = @REPLAYED@ };

/* [image]@ORDER@ */
static const model_pixel inputs[] = {
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
)

ALIGNMENT = {"host": "64", "mcu": "4"}  # of constant arrays: vector registers, words

FLAGS = {"host": "-std=gnu11 -O3", "mcu": "-std=c99 -O2"}

MAKEFILE = """\
# Self-test: make test. ARCH selects the processor:
#     make test ARCH=-march=native
#     make CC=arm-none-eabi-gcc ARCH='-mcpu=cortex-m7 -mthumb' model.o model_weights.o
ARCH =
CFLAGS = @FLAGS@ $(ARCH) -Wall -Wextra

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
`make test` builds and runs the self-test. It requires GCC or Clang for their
vector extensions. The width of the vectors is that of the registers of the
processor that is compiled for: by default any processor of the architecture,
with `make ARCH=-march=native` that of this machine, which is faster.""",
    "mcu": """\
`make test` builds and runs the self-test. Any C99 compiler can be used. For a
Cortex-M, run
`make CC=arm-none-eabi-gcc ARCH='-mcpu=cortex-m7 -mthumb' model.o model_weights.o`
and link the two objects with your firmware. `main.c` is a program that needs a `printf`; with `-DMODEL_SELFTEST` it is
the function `int model_selftest(model_state *state)`, which prints nothing and returns 0 if the test passes. It uses
memory of the caller, not the static instance.

Without a C library, compile with `-ffreestanding` and define `memset`. `spikelet export c --footprint --compiler
COMMAND` prints the size of the code and the stack of a time-step.""",
}

README = """\
# @TITLE@ as C (@FORM@ form)

A spiking network as C, written by `spikelet export c` from the bundle with sha256
`@DIGEST@`.
@ABOUT@

| file | content |
|---|---|
@FILES@

@USE@

The network takes @FLASH@ KB of constants and @RAM@ KB of memory for each instance. The values of an image lie in the
order @ORDER@ (@SHAPE@, each from @LOW@ to @HIGH@; `spikelet export c --layout` selects the order).
@RULE@

Two networks in one program need different names: `spikelet export c --prefix NAME`. Functions whose names begin with
`model_state_` use an instance in memory of the caller, so that several instances can run in several threads. The other
functions use one static instance, whose memory is needed even if they are not called: compile with `-DMODEL_NO_STATIC`
to remove both (in CMake, `target_compile_definitions`). `model.h` is a header for C and C++.

| spiking layer | shape | neurons |
|---|---|---|
@LAYERS@
"""
