"""A PlatformIO library with `library.json`, and an example project that runs the self-test on this machine."""

from __future__ import annotations

import json

from spikelet.deploy.packages.base import VERSION, Facts, Package, filled_files

PROJECT = """\
; SPDX-License-Identifier: Apache-2.0
; pio run -t exec runs the self-test on this machine; an environment of a board runs it there
[platformio]
src_dir = .

[env:native]
platform = native
lib_deps = symlink://../..
build_flags = -std=c99 -O2
"""
USE = """\
The folder is a PlatformIO library: copy it into the folder `lib` of a project, or name its path in `lib_deps`. The
self-test: `pio run -d examples/selftest -t exec`."""


def _files(facts: Facts) -> dict[str, str]:
    manifest = {
        "name": facts.prefix,
        "version": VERSION,
        "description": facts.description,
        "keywords": ["spiking neural network", "classification", "inference"],
        "authors": [{"name": "spikelet"}],
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": f"{facts.prefix}.h",
        "build": {"srcDir": "src", "includeDir": "include", "flags": ["-O2"]},
    }
    files = {"library.json": json.dumps(manifest, indent=2) + "\n"}
    return files | filled_files({"examples/selftest/platformio.ini": PROJECT}, facts.prefix)


PLATFORMIO = Package(
    about="PlatformIO library",
    header="include/@PREFIX@.h",
    source="src",
    selftest="examples/selftest/main.c",
    use=USE,
    files=_files,
)
