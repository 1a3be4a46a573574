"""A Zephyr module: `zephyr/module.yml`, CMakeLists.txt and Kconfig, with the self-test as a sample."""

from __future__ import annotations

from spikelet.deploy.packages.base import Facts, Package, filled_files

MODULE = """\
name: spikelet_@PREFIX@
build:
  cmake: zephyr
  kconfig: zephyr/Kconfig
samples:
  - samples/selftest
"""
LISTS = """\
# SPDX-License-Identifier: Apache-2.0
if(CONFIG_SPIKELET_@UPPER@)
  zephyr_library_named(spikelet_@PREFIX@)
  zephyr_library_sources(../src/@PREFIX@.c ../src/@PREFIX@_weights.c)
  zephyr_library_compile_options(-O2)
  zephyr_include_directories(../include)
endif()
"""
KCONFIG = """\
# SPDX-License-Identifier: Apache-2.0
config SPIKELET_@UPPER@
\tbool "@PREFIX@: a spiking network"
\thelp
\t  Build the library of the spiking network @PREFIX@.
"""
APPLICATION = """\
# SPDX-License-Identifier: Apache-2.0
cmake_minimum_required(VERSION 3.20)
list(APPEND ZEPHYR_EXTRA_MODULES ${CMAKE_CURRENT_SOURCE_DIR}/../..)
find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})
project(@PREFIX@_selftest LANGUAGES C)
target_sources(app PRIVATE src/main.c)
"""
SETTINGS = """\
CONFIG_SPIKELET_@UPPER@=y
CONFIG_MAIN_STACK_SIZE=8192
"""
SAMPLE = """\
sample:
  name: "@PREFIX@: self-test"
tests:
  @PREFIX@.selftest:
    harness: console
    harness_config:
      type: one_line
      regex:
        - "pass: "
"""
FILES = {
    "zephyr/module.yml": MODULE,
    "zephyr/CMakeLists.txt": LISTS,
    "zephyr/Kconfig": KCONFIG,
    "samples/selftest/CMakeLists.txt": APPLICATION,
    "samples/selftest/prj.conf": SETTINGS,
    "samples/selftest/sample.yaml": SAMPLE,
}
USE = """\
The folder is a Zephyr module: name it in a west manifest, or in `ZEPHYR_EXTRA_MODULES`, and set
`CONFIG_SPIKELET_@UPPER@=y`. The self-test: `west build -b BOARD samples/selftest -t run` on an emulated board, or
`west flash`."""


def _files(facts: Facts) -> dict[str, str]:
    return filled_files(FILES, facts.prefix)


ZEPHYR = Package(
    about="Zephyr module",
    header="include/@PREFIX@.h",
    source="src",
    selftest="samples/selftest/src/main.c",
    use=USE,
    files=_files,
)
