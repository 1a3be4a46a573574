"""Packages of exported C: each is built, with its own tool if that is installed, and its self-test runs."""

import json
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import yaml

from c_projects import c_project
from networks import small_graph
from spikelet import cli
from spikelet.bounds.ranges import exact_steps
from spikelet.bundle import Bundle, Manifest, write
from spikelet.deploy.packages.base import VERSION
from spikelet.deploy.packages.kinds import PACKAGES
from spikelet.files.atomic import write_files
from spikelet.verify import record_golden

NASTY = 'x"; #include </etc/passwd> */ ${evil} $<1:x> \\ %s <b>&amp; \n@PREFIX@ {0} #'
# a board with a serial port, for the sketch
BOARD = """
#include <stdio.h>
struct { void begin(long) {} operator bool() { return true; } void print(const char *text) { fputs(text, stdout); } }
    Serial;
"""
DRIVERS = {  # kind: how the self-test is reached
    "arduino": "void setup(); int main() { setup(); }",
    "esp-idf": "void app_main(void); int main(void) { app_main(); return 0; }",
    "cmsis-pack": """
#include <stdio.h>
#include "net.h"
int net_selftest(net_state *state);
int main(void) { static net_state state; return net_selftest(&state) || puts("pass: 2 images") < 0; }
""",
}
# The commands of a build system that a package calls, as functions that check the files they name.
STAND_INS = """
function(check)
  foreach(name IN LISTS ARGN)
    get_filename_component(path "${name}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_LIST_DIR}")
    if(NOT EXISTS "${path}")
      message(FATAL_ERROR "no ${path}")
    endif()
    message(STATUS "has ${name}")
  endforeach()
endfunction()
macro(zephyr_library_named)
endmacro()
macro(zephyr_library_compile_options)
endmacro()
macro(target_compile_options)
endmacro()
macro(zephyr_library_sources)
  check(${ARGN})
endmacro()
macro(zephyr_include_directories)
  check(${ARGN})
endmacro()
macro(idf_component_register)
  cmake_parse_arguments(PART "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
  check(${PART_SRCS} ${PART_INCLUDE_DIRS})
endmacro()
"""


def bundle(name="small"):
    graph = small_graph()
    pixels = np.random.default_rng(0).integers(0, 256, (2, *graph.input.shape)).astype(np.float32)
    golden = record_golden(graph, pixels, min(3, exact_steps(graph)))
    return Bundle(graph, Manifest(name, ("a", "b", "c"), 8, exact_steps(graph)), golden, "# card\n")


def packed(folder, kind, prefix="net", **options):
    files, _ = c_project(
        bundle(options.pop("name", "small")), "host" if kind == "cmake" else "mcu", "chw", prefix, PACKAGES[kind]
    )
    write_files(folder, files)
    return folder


def called(*command, cwd):
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_cmake_builds_tests_installs_and_serves_two_networks(tmp_path):
    """A program in C++ uses the installed host form, and includes the microcontroller form as a subfolder."""
    package = packed(tmp_path / "package", "cmake")
    build, prefix = tmp_path / "build", tmp_path / "prefix"
    strict = "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror -O0"
    called("cmake", "-S", package, "-B", build, strict, f"-DCMAKE_INSTALL_PREFIX={prefix}", cwd=tmp_path)
    called("cmake", "--build", build, "--target", "install", cwd=tmp_path)
    assert "100% tests passed" in called("ctest", cwd=build)
    files, _ = c_project(bundle(), "mcu", "chw", "second", PACKAGES["cmake"])
    write_files(tmp_path / "program" / "second", files)
    (tmp_path / "program" / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.21)\nproject(program C CXX)\nadd_subdirectory(second)\n"
        "find_package(net CONFIG REQUIRED)\nadd_executable(program main.cpp)\n"
        "target_link_libraries(program PRIVATE net::net second::second)\n"
    )
    (tmp_path / "program" / "main.cpp").write_text(
        "#include <net.h>\n#include <second.h>\n#include <cstdio>\n"
        'int main() { net_reset(); std::printf("%d %d", net_step(nullptr), second_step(nullptr)); }\n'
    )
    out = tmp_path / "out"
    called("cmake", "-S", "program", "-B", out, strict, f"-DCMAKE_PREFIX_PATH={prefix}", cwd=tmp_path)
    called("cmake", "--build", out, cwd=tmp_path)
    assert called(out / "program", cwd=out) == "3 1"
    assert not (out / "second" / "second_selftest").exists(), "only a project of its own builds the self-test"


@pytest.mark.parametrize("kind", PACKAGES)
def test_the_self_test_of_every_kind_passes(kind, tmp_path):
    folder = packed(tmp_path, kind)
    paths = PACKAGES[kind].paths("net")
    sources = [paths["net.c"], paths["net_weights.c"], paths["main.c"]]
    include = f"-I{(folder / paths['net.h']).parent}"
    strict = ["-O0", "-Wall", "-Wextra", "-Werror", include]
    objects = []
    for source in sources:
        objects.append(f"{folder / source}.o")
        called("cc", "-std=gnu99", *strict, "-c", source, "-o", objects[-1], cwd=folder)
    if kind == "arduino":
        sketch = (folder / "examples/SelfTest/SelfTest.ino").read_text()
        (folder / "driver.cpp").write_text(f"{BOARD}\n{sketch}\n{DRIVERS[kind]}")
        called("c++", *strict, "driver.cpp", *objects, "-o", "selftest", cwd=folder)
    else:
        (folder / "driver.c").write_text(DRIVERS.get(kind, "typedef int none;"))
        called("cc", *strict, "driver.c", *objects, "-o", "selftest", cwd=folder)
    assert "pass: 2 images" in called("./selftest", cwd=folder)


ARDUINO = Path("/usr/share/arduino/hardware")  # of the packages arduino-builder and arduino-core-avr of Debian
CTAGS = '"{cmd.path}" -u --language-force=c++ -f - --c++-kinds=svpf --fields=KSTtzns --line-directives "{source_file}"'


@pytest.mark.skipif(
    not (shutil.which("arduino-builder") and shutil.which("simavr") and (ARDUINO / "arduino/avr").is_dir()),
    reason="arduino-builder, arduino-core-avr or simavr is not installed",
)
def test_arduino_builds_the_library_and_its_example(tmp_path):
    """The tool of the Arduino IDE compiles the example for a board with an AVR, where int has 16 bits; simavr runs it."""
    library, build = packed(tmp_path / "libraries" / "net", "arduino"), tmp_path / "build"
    build.mkdir()
    settings = {
        "tools.ctags.cmd.path": "/usr/bin/arduino-ctags",
        "tools.ctags.pattern": CTAGS,
        "compiler.cpp.extra_flags": "-DDECIMAL_DIG=17",  # missing in the C++ headers of avr-libc
    }
    called(
        "arduino-builder", "-compile", "-hardware", ARDUINO, "-tools", "/usr/bin", "-libraries", library.parent,
        "-fqbn", "arduino:avr:mega:cpu=atmega2560", "-build-path", build,
        *(f"-prefs={name}={value}" for name, value in settings.items()), library / "examples/SelfTest/SelfTest.ino",
        cwd=tmp_path,
    )  # fmt: skip
    board = ["simavr", "-m", "atmega2560", "-f", "16000000", str(build / "SelfTest.ino.elf")]
    with subprocess.Popen(board, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        lines = iter(running.stdout.readline, b"")
        result = next(line for line in lines if b"pass:" in line or b"differ" in line or b"fail" in line)
        running.kill()  # the sketch waits for ever
    assert b"pass: 2 images" in result


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
@pytest.mark.parametrize(
    ("kind", "lists", "named"),
    [
        ("zephyr", "zephyr/CMakeLists.txt", ["../src/net.c", "../src/net_weights.c", "../include"]),
        ("esp-idf", "CMakeLists.txt", ["src/net.c", "src/net_weights.c", "include"]),
        ("esp-idf", "examples/selftest/main/CMakeLists.txt", ["main.c"]),
    ],
)
def test_the_lists_of_sources_name_files_of_the_package(kind, lists, named, tmp_path):
    """Read by CMake with stand-ins for the functions of Zephyr and ESP-IDF, which are not installed here."""
    folder = packed(tmp_path / "package", kind)
    script = (folder / lists).with_name("script.cmake")
    script.write_text(f"{STAND_INS}set(CONFIG_SPIKELET_NET y)\n{(folder / lists).read_text()}")
    out = called("cmake", "-P", script, cwd=tmp_path)
    assert [line.removeprefix("-- has ") for line in out.splitlines()] == named


@pytest.mark.parametrize("name", ["small", NASTY])
def test_descriptions_are_those_of_the_formats(name, tmp_path):
    for kind in PACKAGES:
        packed(tmp_path / kind, kind, name=name)
    lines = (tmp_path / "arduino/library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert properties.keys() == required | {"includes"}
    assert properties["version"] == VERSION
    manifest = json.loads((tmp_path / "platformio/library.json").read_text())
    assert (manifest["name"], manifest["version"], manifest["headers"]) == ("net", VERSION, "net.h")
    module = yaml.safe_load((tmp_path / "zephyr/zephyr/module.yml").read_text())
    assert module == {
        "name": "spikelet_net",
        "build": {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"},
        "samples": ["samples/selftest"],
    }
    for path in (module["build"]["kconfig"], "zephyr/CMakeLists.txt", "samples/selftest/CMakeLists.txt"):
        assert (tmp_path / "zephyr" / path).is_file()
    assert "config SPIKELET_NET\n" in (tmp_path / "zephyr/zephyr/Kconfig").read_text()
    sample = yaml.safe_load((tmp_path / "zephyr/samples/selftest/sample.yaml").read_text())
    assert list(sample["tests"]) == ["net.selftest"]
    component = yaml.safe_load((tmp_path / "esp-idf/idf_component.yml").read_text())
    assert component["version"] == VERSION
    assert component["description"].startswith(name[:1])
    main = yaml.safe_load((tmp_path / "esp-idf/examples/selftest/main/idf_component.yml").read_text())
    path = tmp_path / "esp-idf/examples/selftest/main" / main["dependencies"]["net"]["path"]
    assert path.resolve() == (tmp_path / "esp-idf").resolve()


@pytest.mark.parametrize("name", ["small", NASTY])
def test_every_file_of_the_pack_exists(name, tmp_path):
    packed(tmp_path, "cmsis-pack", name=name)
    root = ElementTree.parse(tmp_path / "Spikelet.net.pdsc").getroot()
    named = [file.get("name") for file in root.iter("file")]
    assert len(named) == 6
    assert all((tmp_path / file).exists() for file in named)
    order = ["vendor", "name", "description", "url", "releases", "keywords", "taxonomy", "components"]
    assert [child.tag for child in root] == order, "the order of the schema"
    component = root.find("components/component")
    assert component.get("Cclass") == root.find("taxonomy/description").get("Cclass")
    assert component.get("Cversion") == root.find("releases/release").get("version")


@pytest.mark.parametrize("kind", PACKAGES)
def test_the_command_writes_a_package(kind, tmp_path, capsys):
    write(bundle(), tmp_path / "a.snnb")
    line = ["export", "c", str(tmp_path / "a.snnb"), str(tmp_path / "out"), "--package", kind, "--prefix", "net"]
    assert cli.main([*line, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["package"], facts["form"]) == (kind, "host" if kind == "cmake" else "mcu")
    written = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert written == set(facts["files"])
    readme = (tmp_path / "out" / "README.md").read_text()
    assert all(f"`{path}`" in readme for path in PACKAGES[kind].paths("net").values())
    assert "make test" not in readme
    use = (
        "`net_step(NULL)` keeps the last image" if kind == "cmake" else "`net_step` reads the image at every time-step"
    )
    assert use in " ".join(readme.split())
    texts = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any("@PREFIX@" in text or "@UPPER@" in text or "MODEL_" in text for text in texts)
