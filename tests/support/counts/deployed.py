"""Count the instructions of an inference of ONNX Runtime and OpenVINO, in float and in 8-bit integers.

callgrind presents a processor with AVX2 and without AVX-512, so that the runtimes choose their kernels for AVX2 on every
machine. The start of the process and the first inferences, which prepare memory, are not counted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "drivers"
COUNTED = re.compile(r"Collected : (\d+)")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def count(runtime: str, model: Path, images: npt.NDArray[np.float32]) -> float:
    """Return the instructions of one inference, batch 1, one thread, with those of the call from Python.

    Args:
        runtime: "onnxruntime" or "openvino", installed in this Python.
        model: ONNX file; temporary files are written beside it.
        images: (N, C, H, W), each of which is one inference.

    Raises:
        RuntimeError: The runtime is missing, or callgrind fails.
    """
    file, library = model.with_suffix(".images.npy"), model.with_name("counted.so")
    np.save(file, images)
    subprocess.run(["gcc", "-shared", "-fPIC", str(FOLDER / "counted.c"), "-o", str(library)], check=True)
    counter = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=/dev/null"]
    command = [*counter, sys.executable, str(FOLDER / "int8_runs.py"), runtime, str(model), str(file), str(library)]
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | ENVIRONMENT
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    counted = COUNTED.search(done.stderr)
    if done.returncode or counted is None:
        raise RuntimeError(f"{runtime}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return int(counted[1]) / len(images)
