"""Write a folder that runs a bundle on a board: runtime, bundle, start script and README."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from spikelet.bundle import Bundle
from spikelet.deploy.firmware import c_project
from spikelet.engines import native
from spikelet.errors import EngineError
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.names import comment
from spikelet.lowering.c.project import sizes

MB = 2**20
PYTHON_MB = 35  # resident, with NumPy and this package, measured on x86-64
MODEL = "model.snnb"


@dataclass(frozen=True)
class Target:
    """A type of board.

    Attributes:
        triplet: of its compiler; None for bare metal.
        about: description for the README.
    """

    triplet: str | None
    about: str


TARGETS = {
    "raspberrypi": Target("aarch64-linux-gnu", "a Raspberry Pi 3, 4 or 5 with a 64-bit system"),
    "jetson": Target("aarch64-linux-gnu", "an NVIDIA Jetson (its processor; the GPU is not used)"),
    "generic-arm64": Target("aarch64-linux-gnu", "any 64-bit Arm with Linux"),
    "x86": Target("x86_64-linux-gnu", "any x86-64 with Linux"),
    "cortex-m": Target(None, "an Arm Cortex-M microcontroller"),
}

START = """\
#!/bin/sh
# ./start.sh                  verify: replay the bundle's recorded inputs on this machine
# ./start.sh run photo.png    or any other command of spikelet that takes a bundle
# ./start.sh watch camera/    answer the images that turn up in a folder
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or later is needed; name it: PYTHON=python3.12 ./start.sh" >&2
    exit 1
}
"$python" -c 'import numpy' 2>/dev/null || {
    echo "NumPy is missing: sudo apt-get install python3-numpy, or $python -m pip install numpy" >&2
    exit 1
}
PYTHONPATH="$here/app${PYTHONPATH:+:$PYTHONPATH}"
SPIKELET_CACHE=${SPIKELET_CACHE:-$here/cache}
export PYTHONPATH SPIKELET_CACHE
verb=${1:-verify}
[ $# -eq 0 ] || shift
exec "$python" -m spikelet "$verb" "$here/model.snnb" "$@"
"""

README = """\
# {name} for {about}

```sh
./start.sh                      # verify: every recorded spike, on this very board
./start.sh watch camera/        # answer the images that turn up in a folder
./start.sh run photo.png --steps 4
```

| what | where |
|---|---|
| the runtime (pure Python) | `app/` |
| the bundle, sha256 `{digest}` | `model.snnb` |
| compiled for the board | {library} |

**Needs** Python 3.11 or later and NumPy (`sudo apt-get install python3-numpy`); Pillow for image files
(`python3-pil`).{compiler}

**Memory**, estimated: {total:.0f} MB, of which Python with NumPy is about {python} MB, the weights are {weights:.1f} MB
and the state of one image is {state:.1f} MB. The bundle itself stays on disk.

**Time**: `./start.sh bench` measures it on the board.
"""


def deploy(bundle: Bundle, source: Path, target: Target, folder: Path) -> list[str]:
    """Fill an empty folder and return messages for the user.

    Raises:
        EngineError: the network is float32 and the board has no operating system.
    """
    if target.triplet is None:
        files, size = c_project(bundle, mcu=True)
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")
        return [
            f"{size['flash'] / 1024:,.0f} KB of flash for constants, {size['ram'] / 1024:,.0f} KB of RAM; "
            "make test runs the self-test here"
        ]
    shutil.copyfile(source, folder / MODEL)
    signature = source.with_name(source.name + ".sig")
    if signature.exists():
        shutil.copyfile(signature, folder / f"{MODEL}.sig")
    _copy_runtime(folder / "app" / "spikelet")
    (folder / "start.sh").write_text(START, "utf-8")
    (folder / "start.sh").chmod(0o755)
    library, messages = None, []
    try:
        library = native.cross_compile(bundle.graph, target.triplet, folder / "cache")
    except EngineError as error:
        messages.append(f"not compiled here; the board compiles it at the first start ({error})")
    text = _readme(bundle, target, library is not None)
    (folder / "README.md").write_text(text, "utf-8")
    return [*messages, "on the board: ./start.sh"]


def _copy_runtime(to: Path) -> None:
    """Copy the package `spikelet`."""
    package = Path(str(resources.files("spikelet")))
    shutil.copytree(package, to, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _readme(bundle: Bundle, target: Target, compiled: bool) -> str:
    weights = state = 0.0
    if bundle.graph.exact:
        size = sizes(HostProgram(bundle.graph))
        weights, state = size["flash"] / MB, size["ram"] / MB
    ahead = "`cache/`, for any processor of the kind"
    later = "on the board itself, at the first start; that needs `gcc` there"
    return README.format(
        name=comment(bundle.manifest.name),
        about=target.about,
        digest=bundle.digest[:16],
        library=ahead if compiled else later,
        compiler="" if compiled else " A C compiler makes it fast (`gcc`).",
        python=PYTHON_MB,
        weights=weights,
        state=state,
        total=PYTHON_MB + weights + state,
    )
