"""A CMake project: a static library `PREFIX::PREFIX`, with an install target and a test."""

from __future__ import annotations

from spikelet.deploy.packages.base import Facts, Package, filled_files

STANDARD = {"host": "C_STANDARD 11\n    C_EXTENSIONS ON", "mcu": "C_STANDARD 99\n    C_EXTENSIONS OFF"}
LISTS = """\
# SPDX-License-Identifier: Apache-2.0
# Written by `spikelet export c --package cmake`.
cmake_minimum_required(VERSION 3.21)
project(@PREFIX@ VERSION @VERSION@ LANGUAGES C)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(@PREFIX@ STATIC src/@PREFIX@.c src/@PREFIX@_weights.c)
add_library(@PREFIX@::@PREFIX@ ALIAS @PREFIX@)
set_target_properties(@PREFIX@ PROPERTIES
    @STANDARD@
    C_STANDARD_REQUIRED ON)
target_include_directories(@PREFIX@ PUBLIC
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:include>)

include(GNUInstallDirs)
install(TARGETS @PREFIX@ EXPORT @PREFIX@-config)
install(FILES include/@PREFIX@.h TYPE INCLUDE)
install(EXPORT @PREFIX@-config NAMESPACE @PREFIX@:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/@PREFIX@)

option(@UPPER@_SELFTEST "Build the self-test of @PREFIX@" ${PROJECT_IS_TOP_LEVEL})
if(@UPPER@_SELFTEST)
  enable_testing()
  add_executable(@PREFIX@_selftest test/main.c)
  target_link_libraries(@PREFIX@_selftest PRIVATE @PREFIX@)
  add_test(NAME @PREFIX@_selftest COMMAND @PREFIX@_selftest)
endif()
"""
USE = """\
The folder is a CMake project. In another project: `add_subdirectory(@PREFIX@)` and
`target_link_libraries(app PRIVATE @PREFIX@::@PREFIX@)`; or install it and use `find_package(@PREFIX@ CONFIG)`. The
self-test: `cmake -B build && cmake --build build && ctest --test-dir build`."""


def _files(facts: Facts) -> dict[str, str]:
    return filled_files({"CMakeLists.txt": LISTS}, facts.prefix, STANDARD=STANDARD[facts.form])


CMAKE = Package(
    about="CMake project",
    header="include/@PREFIX@.h",
    source="src",
    selftest="test/main.c",
    use=USE,
    files=_files,
    host=True,
)
