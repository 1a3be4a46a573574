"""The ONNX files and the loops of their README, run without spikelet."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from converters_support import bundle_of
from networks import small_graph
from spikelet_converters.exports import onnx as onnx_export


@pytest.mark.parametrize("exact", [True, False])
def test_the_readmes_loop_runs_without_spikelet(exact, tmp_path):
    paths = onnx_export.export(bundle_of(small_graph(exact=exact)), tmp_path / "out")
    for path in paths:
        if path.suffix == ".onnx":
            onnx.checker.check_model(onnx.load(path), full_check=True)
    text = (tmp_path / "out" / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    blocked = "import sys; sys.modules['spikelet'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", blocked + code], cwd=tmp_path / "out", capture_output=True, text=True, check=True
    )
    difference = float(re.search(r"recorded logits: (\S+)", done.stdout).group(1))
    assert difference <= (0 if exact else 1e-3)


def cpp_environment(folder):
    """Return environment variables for the commands of the README: the library of the wheel and the header of the system.

    The header comes with libonnxruntime-dev (Debian 13 and later) or ONNX Runtime's own archives (then name its
    folder in CPATH).
    """
    library = next((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"), None)
    if shutil.which("c++") is None or library is None:
        pytest.skip("no C++ compiler, or no shared library in the wheel of ONNX Runtime")
    for name in ("libonnxruntime.so", "libonnxruntime.so.1"):
        (folder / name).symlink_to(library)
    result = dict(os.environ, LIBRARY_PATH=str(folder), LD_LIBRARY_PATH=str(folder))
    result["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), result["PATH"]])
    result["CPATH"] = os.pathsep.join(filter(None, [result.get("CPATH"), "/usr/include/onnxruntime"]))
    probe = ["c++", "-E", "-x", "c++", "-"]
    if subprocess.run(probe, input=b"#include <onnxruntime_cxx_api.h>", capture_output=True, env=result).returncode:
        pytest.skip("no onnxruntime_cxx_api.h where the compiler looks")
    return result


@pytest.mark.parametrize("exact", [True, False])
def test_the_readmes_cpp_compiles_and_gives_the_recorded_logits(exact, tmp_path):
    environment = cpp_environment(tmp_path)
    folder = tmp_path / "out"
    bundle = bundle_of(small_graph(exact=exact))
    onnx_export.export(bundle, folder)
    text = (folder / "README.md").read_text()
    (folder / "loop.cpp").write_text(re.search(r"```cpp\n(.*?)```", text, re.DOTALL).group(1))
    commands = re.search(r"```sh\n(.*?)```", text, re.DOTALL).group(1)
    done = subprocess.run(
        ["sh", "-ec", commands], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    result = np.array(done.stdout.split(), np.float32)
    assert int(commands.split()[-1]) == len(bundle.golden.logits)
    assert np.abs(result - bundle.golden.logits[:, 0].sum(0)).max() <= (0 if exact else 1e-3)
    assert np.abs(result).max() > 0
    wrong = subprocess.run(["./loop", "loop.cpp"], cwd=folder, env=environment, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "usage: loop IMAGE STEPS" in wrong.stderr
