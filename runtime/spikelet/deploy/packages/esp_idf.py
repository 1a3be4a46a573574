"""A component of ESP-IDF: CMakeLists.txt and idf_component.yml, with the self-test as an example project."""

from __future__ import annotations

import json

from spikelet.deploy.packages.base import MAIN, Facts, Package, filled_files

LISTS = """\
# SPDX-License-Identifier: Apache-2.0
idf_component_register(SRCS "src/@PREFIX@.c" "src/@PREFIX@_weights.c" INCLUDE_DIRS "include")
target_compile_options(${COMPONENT_LIB} PRIVATE -O2)
"""
MANIFEST = """\
version: "@VERSION@"
description: @DESCRIPTION@
license: Apache-2.0
dependencies:
  idf: ">=5.0"
"""
PROJECT = """\
# SPDX-License-Identifier: Apache-2.0
cmake_minimum_required(VERSION 3.16)
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project(@PREFIX@_selftest)
"""
MAIN_LISTS = """\
# SPDX-License-Identifier: Apache-2.0
idf_component_register(SRCS "main.c")
"""
MAIN_MANIFEST = """\
dependencies:
  @PREFIX@:
    path: ../../..
"""
DEFAULTS = """\
CONFIG_ESP_MAIN_TASK_STACK_SIZE=8192
CONFIG_ESP_TASK_WDT_EN=n
"""
FILES = {
    "CMakeLists.txt": LISTS,
    "idf_component.yml": MANIFEST,
    "examples/selftest/CMakeLists.txt": PROJECT,
    "examples/selftest/sdkconfig.defaults": DEFAULTS,
    "examples/selftest/main/CMakeLists.txt": MAIN_LISTS,
    "examples/selftest/main/idf_component.yml": MAIN_MANIFEST,
}
USE = """\
The folder is a component of ESP-IDF: copy it into the folder `components` of a project as `@PREFIX@`, or name its path
in `idf_component.yml`. The self-test: `idf.py -C examples/selftest build flash monitor`."""


def _main(text: str) -> str:
    return text.replace(MAIN, "static int selftest(void)") + "\nvoid app_main(void)\n{\n    (void)selftest();\n}\n"


def _files(facts: Facts) -> dict[str, str]:
    return filled_files(FILES, facts.prefix, DESCRIPTION=json.dumps(facts.description))


ESP_IDF = Package(
    about="ESP-IDF component",
    header="include/@PREFIX@.h",
    source="src",
    selftest="examples/selftest/main/main.c",
    use=USE,
    files=_files,
    main=_main,
)
