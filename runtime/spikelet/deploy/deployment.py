"""Write a folder that runs a bundle on a board: runtime, bundle, start script and README."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from spikelet.bundle import Bundle
from spikelet.deploy.firmware import c_files
from spikelet.deploy.targets import Target
from spikelet.engines import native
from spikelet.errors import EngineError
from spikelet.escapes import markdown
from spikelet.files.atomic import write_files
from spikelet.lowering.c import HostProgram
from spikelet.lowering.c.project import sizes
from spikelet.lowering.c.text.names import comment
from spikelet.signing import signature_file

MB = 2**20
PYTHON_MB = 35  # resident memory of Python with NumPy and this package, measured on x86-64
MODEL = "model.snnb"
SERVICE_NAME = "spikelet"
FLOAT32 = "a float32 network is not compiled"


START = """\
#!/bin/sh
# ./start.sh                  verify: replay the golden inputs of the bundle on this machine
# ./start.sh run photo.png    or any other command of spikelet that takes a bundle
# ./start.sh watch camera/    classify the images that appear in a folder
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
command -v "$python" >/dev/null || {
    echo "$python: no such command; Python 3.11 or later is required: see README.md; then PYTHON=… ./start.sh" >&2
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or later is required, $python is older: see README.md; then PYTHON=… ./start.sh" >&2
    exit 1
}
"$python" -c 'import numpy' 2>/dev/null || {
    echo "NumPy is missing: sudo apt-get install python3-numpy, or $python -m pip install numpy" >&2
    exit 1
}
PYTHONPATH="$here/app${PYTHONPATH:+:$PYTHONPATH}"
SPIKELET_CACHE=${SPIKELET_CACHE:-$here/cache}
export PYTHONPATH SPIKELET_CACHE
command=${1:-verify}
[ $# -eq 0 ] || shift
exec "$python" -m spikelet "$command" "$here/model.snnb" "$@"
"""

SERVICE = """\
# Classifies the images that appear in /srv/{service}/camera. The predictions are in the journal.
#     sudo cp -r . /opt/{service} && sudo install -d -m 1777 /srv/{service}/camera
#     sudo systemctl enable --now /opt/{service}/{service}.service && journalctl -u {service} -f
[Unit]
Description=spikelet: {name}

[Service]
ExecStart=/opt/{service}/start.sh watch /srv/{service}/camera --json
Environment=SPIKELET_CACHE={cache} PYTHONDONTWRITEBYTECODE=1
CacheDirectory={service}
DynamicUser=yes
ProtectSystem=strict
ProtectHome=yes
PrivateNetwork=yes
NoNewPrivileges=yes
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""

README = """\
# {name} for {about}

```sh
./start.sh                      # verify: replay the golden inputs and compare every spike
./start.sh watch camera/        # classify the images that appear in a folder
./start.sh run photo.png --steps 4
```

| part | location |
|---|---|
| the runtime (pure Python) | `app/` |
| the bundle, sha256 `{digest}` | `model.snnb` |
| compiled network | {library} |
| systemd service that runs `watch` from the start of the system | `{service}.service`, with instructions in it |

**Requirements**: Python 3.11 or later and NumPy 1.24 or later (`sudo apt-get install python3-numpy`); Pillow for image
files (`python3-pil`).{compiler}

A system with an older Python, such as Ubuntu 22.04 on a Jetson, can use another one, without changes to the system:

```sh
python3 -m pip install --user uv
python3 -m uv venv --python 3.12 env && python3 -m uv pip install --python env numpy pillow
PYTHON=env/bin/python ./start.sh
```

**Memory**, estimated: {total:.0f} MB. Python with NumPy takes about {python} MB of it, the weights {weights:.1f} MB and
the state of one image {state:.1f} MB. The bundle stays on disk.

**Time**: `./start.sh bench` measures it on the board.
"""


def deploy(bundle: Bundle, source: Path, target: Target, folder: Path) -> list[str]:
    """Fill an empty folder and return messages for the user.

    Args:
        bundle: The bundle.
        source: Its file, which is copied with its signature.
        target: The board.
        folder: The folder to fill.

    Raises:
        EngineError: The network is float32 and the board has no operating system.
    """
    if target.triplet is None:
        files, size = c_files(bundle, "mcu")
        write_files(folder, files)
        return [
            f"{size.flash / 1024:,.0f} KB of flash for constants, {size.ram / 1024:,.0f} KB of RAM; "
            "make test runs the self-test here"
        ]
    shutil.copyfile(source, folder / MODEL)
    signature = signature_file(source)
    if signature.exists():
        shutil.copyfile(signature, signature_file(folder / MODEL))
    _copy_runtime(folder / "app" / "spikelet")
    (folder / "start.sh").write_text(START, "utf-8")
    (folder / "start.sh").chmod(0o755)
    library, messages = None, []
    if not bundle.graph.exact:
        messages.append(f"{FLOAT32}: engines onnx and numpy run it")
    else:
        try:
            library = native.cross_compile(bundle.graph, target.triplet, folder / "cache")
        except EngineError as error:
            messages.append(f"not compiled here; the board compiles the network at the first start ({error})")
    name = comment(bundle.manifest.name)
    cache = f"/var/cache/{SERVICE_NAME}" if library is None else f"/opt/{SERVICE_NAME}/cache"
    unit = SERVICE.format(service=SERVICE_NAME, name=name.replace("%", "%%"), cache=cache)
    (folder / f"{SERVICE_NAME}.service").write_text(unit, "utf-8")
    text = _readme(bundle, target, library is not None)
    (folder / "README.md").write_text(text, "utf-8")
    return [*messages, "on the board: ./start.sh"]


def _copy_runtime(folder: Path) -> None:
    """Copy the package `spikelet`."""
    package = Path(str(resources.files("spikelet")))
    shutil.copytree(package, folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def _readme(bundle: Bundle, target: Target, compiled: bool) -> str:
    weights = state = 0.0
    if bundle.graph.exact:
        size = sizes(HostProgram(bundle.graph))
        weights, state = size.flash / MB, size.ram / MB
    if not bundle.graph.exact:
        library = f"none: {FLOAT32}, it runs on engine onnx (`pip install onnxruntime`) or numpy"
        compiler = ""
    elif compiled:
        library, compiler = "`cache/`, for any processor of this architecture", ""
    else:
        library = "compiled at the first start; requires `gcc` on the board"
        compiler = " With a C compiler (`gcc`), the fastest engine, native, is used."
    return README.format(
        name=markdown(bundle.manifest.name),
        service=SERVICE_NAME,
        about=target.about,
        digest=bundle.digest[:16],
        library=library,
        compiler=compiler,
        python=PYTHON_MB,
        weights=weights,
        state=state,
        total=PYTHON_MB + weights + state,
    )
