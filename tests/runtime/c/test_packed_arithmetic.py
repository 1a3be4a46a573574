"""The microcontroller form: DSP instructions and their portable forms give the same sums on an emulated Cortex-M."""

import dataclasses
import os
import shutil
import subprocess
from importlib import resources

import numpy as np
import pytest

from counts.emulated import PROCESSORS, count, missing

KERNELS = str(resources.files("spikelet.lowering.c").joinpath("kernels"))
MODEL_H = """
#include <stdint.h>
typedef uint8_t model_pixel;
enum { MODEL_PIXELS = 4 };
void model_reset(void);
void model_step(const model_pixel *image);
int model_answer(void);
"""
# Sums of random words by every function that has two forms; the answer is a checksum.
MODEL_C = """
#include "model.h"
#include "mcu/add_rows.h"
#include "mcu/arithmetic/bits.h"
#include "mcu/arithmetic/products.h"

#ifdef EXPECT_DSP
#ifndef WITH_DSP
#error no DSP instructions
#endif
#elif defined WITH_DSP
#error DSP instructions
#endif

static uint32_t seed, checksum;

static uint32_t number(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed ^ seed >> 15;
}

static void add(uint32_t value)
{
    checksum = (checksum ^ value) * 16777619u;
}

void model_reset(void)
{
    checksum = 1;
}

void model_step(const model_pixel *image)
{
    enum { ROWS = 256, WORDS = 6, OUTPUTS = 23 };
    static uint32_t weight[ROWS * WORDS], rows[ROWS];
    seed = image[0] + 256u * image[1];
    for (int i = 0; i < ROWS * WORDS; i++)
        weight[i] = image[2] ? number() : 0xffffffffu;
    for (int i = 0; i < ROWS; i++)
        rows[i] = number() % ROWS * WORDS;
    int32_t sum[OUTPUTS], bias[OUTPUTS];
    for (int i = 0; i < OUTPUTS; i++)
        sum[i] = (int32_t)(number() % 2001) - 1000, bias[i] = (int32_t)(number() % 2001) - 1000;
    add_rows(weight, OUTPUTS, rows, image[3], bias, image[3] % 9 + 1, sum);
    add_rows(weight, OUTPUTS, rows, ROWS, (const int32_t *)0, 1, sum);
    for (int i = 0; i < OUTPUTS; i++)
        add((uint32_t)sum[i]);
    for (int i = 0; i < 200; i++) {
        int16_t x[2];
        for (int j = 0; j < 2; j++)
            x[j] = (int16_t)((int)(number() % 65536u) - 32768);
        const uint32_t w = number() & 0x3fff3fffu; /* the sum of two products stays below 2^31 */
        const uint32_t words[5] = {w, w | 0xc000c000u, w ^ 0xffff0000u, 0xffff0001u, 0};
        struct four_sums sums = {7, -7, 0, 1000000};
        if (add_four_products(&sums, x, words) != words + 4)
            add(1);
        add((uint32_t)sums.sum0), add((uint32_t)sums.sum1), add((uint32_t)sums.sum2), add((uint32_t)sums.sum3);
        uint32_t bits = number() & number(), taken = 0;
        const uint32_t before = bits;
        while (bits)
            taken |= 1u << take_bit(&bits);
        add(taken ^ before); /* 0 if each bit is taken */
        add(taken);
    }
}

int model_answer(void)
{
    return (int)(checksum & 0x7fffffff);
}
"""
INPUTS = np.random.default_rng(3).integers(0, 256, (6, 4)).astype(np.uint8)
INPUTS[0, 2:] = 0, 255  # the largest weights, in as many rows as possible


def answers(name, folder, *macros):
    folder.mkdir()
    (folder / "model.h").write_text(MODEL_H)
    (folder / "model.c").write_text(MODEL_C)
    (folder / "model_weights.c").write_text("")
    processor = PROCESSORS[name]
    processor = dataclasses.replace(processor, compiler=(*processor.compiler, "-I", KERNELS, *macros))
    return count(processor, folder, INPUTS, keeps_image=False)[1]


@pytest.mark.parametrize("name", ["Cortex-M4", "Cortex-M7", "Cortex-M33"])
def test_dsp_instructions_and_portable_forms_are_equal(name, answers_here, tmp_path):
    if missing(PROCESSORS[name]):
        pytest.skip(f"needs {missing(PROCESSORS[name])}")
    dsp = answers(name, tmp_path / "dsp", "-DEXPECT_DSP")
    portable = answers(name, tmp_path / "portable", "-DSPIKELET_PORTABLE")
    assert np.array_equal(dsp, portable)
    assert len(np.unique(dsp)) > len(INPUTS), "the checksums depend on the inputs"
    if answers_here is None:
        pytest.skip("needs cc")
    assert np.array_equal(dsp, answers_here)


@pytest.fixture(scope="module")
def answers_here(tmp_path_factory):
    """The answers of the code of the native compiler, with sanitizers; None without one."""
    if shutil.which("cc") is None:
        return None
    folder = tmp_path_factory.mktemp("here")
    rows = ",".join(map(str, INPUTS.ravel().tolist()))
    main = f"""
#include <stdio.h>
static const unsigned char inputs[] = {{{rows}}};
int main(void)
{{
    for (int i = 0; i < {len(INPUTS)}; i++)
        for (int steps = 1; steps <= 4; steps *= 2) {{
            model_reset();
            for (int t = 0; t < steps; t++)
                model_step(inputs + 4 * i);
            printf("%d\\n", model_answer());
        }}
    return 0;
}}
"""
    (folder / "model.h").write_text(MODEL_H)
    (folder / "main.c").write_text(MODEL_C + main)
    flags = [
        "-std=c99",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
    ]
    subprocess.run(["cc", *flags, "-I", KERNELS, "-I", ".", "main.c", "-o", "main"], cwd=folder, check=True)
    # A library that the user preloads, such as an allocator, comes before that of the sanitizer.
    environment = {**os.environ, "ASAN_OPTIONS": "verify_asan_link_order=0"}
    done = subprocess.run(["./main"], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return np.array(done.stdout.split(), np.int64).reshape(len(INPUTS), -1)
