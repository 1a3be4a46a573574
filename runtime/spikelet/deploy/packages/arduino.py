"""An Arduino library, revision 1.5 of the library specification, with the self-test as a sketch."""

from __future__ import annotations

from spikelet.deploy.packages.base import MAIN, Facts, Package, filled_files

# Cores with an int of 32 bits; an AVR has neither that nor the memory.
ARCHITECTURES = "esp32,esp8266,mbed,mbed_giga,mbed_nano,mbed_nicla,mbed_opta,mbed_portenta,mbed_rp2040,nrf52,"
ARCHITECTURES += "renesas_portenta,renesas_uno,rp2040,sam,samd,stm32,teensy,zephyr"
PROPERTIES = """\
name=@PREFIX@
version=@VERSION@
author=spikelet
maintainer=spikelet
sentence=A spiking neural network that classifies images.
paragraph=@DESCRIPTION@
category=Data Processing
url=https://docs.arduino.cc/libraries/
architectures=@ARCHITECTURES@
includes=@PREFIX@.h
"""
KEYWORDS = """\
@PREFIX@_state\tKEYWORD1
@PREFIX@_pixel\tKEYWORD1
@PREFIX@_reset\tKEYWORD2
@PREFIX@_step\tKEYWORD2
@PREFIX@_steps\tKEYWORD2
@PREFIX@_logits\tKEYWORD2
@PREFIX@_answer\tKEYWORD2
@PREFIX@_margin\tKEYWORD2
@PREFIX@_spikes\tKEYWORD2
@UPPER@_PIXELS\tLITERAL1
@UPPER@_CLASSES\tLITERAL1
@UPPER@_MARGIN\tLITERAL1
"""
SKETCH = """\
// SPDX-License-Identifier: Apache-2.0
// Self-test: replays the recorded inputs of the bundle and compares every logit.
#include <stdarg.h>
#include <stdio.h>

#include <@PREFIX@.h>

extern "C" int selftest(void);

// Prints the output of the self-test.
extern "C" int selftest_print(const char *format, ...)
{
    char line[160];
    va_list values;
    va_start(values, format);
    const int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    Serial.print(line);
    return length;
}

void setup()
{
    Serial.begin(115200);
    while (!Serial)
        ;
    selftest();
}

void loop()
{
}
"""
FILES = {
    "library.properties": PROPERTIES,
    "keywords.txt": KEYWORDS,
    "examples/SelfTest/SelfTest.ino": SKETCH,
}
USE = """\
The folder is an Arduino library: copy it into the folder `libraries` of the sketchbook, or zip it and use "Add .ZIP
library". A sketch includes `<@PREFIX@.h>`. Boards with an AVR are too small. The example SelfTest prints its result on
the serial port, 115200 baud."""


def _main(text: str) -> str:
    declared = "int selftest_print(const char *format, ...);\n\n/* Replay"
    return (
        text.replace(MAIN, "int selftest(void)").replace("printf(", "selftest_print(").replace("/* Replay", declared, 1)
    )


def _files(facts: Facts) -> dict[str, str]:
    return filled_files(FILES, facts.prefix, DESCRIPTION=facts.description, ARCHITECTURES=ARCHITECTURES)


ARDUINO = Package(
    about="Arduino library",
    header="src/@PREFIX@.h",
    source="src",
    selftest="examples/SelfTest/selftest.c",
    use=USE,
    files=_files,
    main=_main,
)
