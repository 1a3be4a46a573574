"""Count the instructions of an inference of ONNX Runtime and OpenVINO, in float and in 8-bit integers.

cachegrind presents a processor with AVX2 and without AVX-512, so that the runtimes choose their kernels for AVX2, whatever
the machine is. An inference is the difference between runs of different numbers of inferences, divided by the difference of these
numbers: the start of the process, and the first inference with its preparations, cancel out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "int8_runs.py"
FEW, MANY = 6, 66  # inferences
COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")
ENVIRONMENT = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def count(runtime: str, model: Path, images: npt.NDArray[np.float32]) -> float:
    """Return the instructions of one inference, batch 1, one thread, with those of the call from Python.

    Args:
        runtime: "onnxruntime" or "openvino", installed in this Python.
        model: ONNX file.
        images: (N, C, H, W), taken in turn.

    Raises:
        RuntimeError: The runtime is missing, or valgrind fails.
    """
    file = model.with_suffix(".images.npy")
    np.save(file, images)
    few, many = (_instructions([runtime, str(model), str(file), str(runs)]) for runs in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def _instructions(arguments: list[str]) -> int:
    counter = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command = [*counter, sys.executable, str(PROGRAM), *arguments]
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ} | ENVIRONMENT
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    counted = COUNTED.search(done.stderr)
    if done.returncode or counted is None:
        raise RuntimeError(f"{arguments[0]}: {done.stderr.strip().splitlines()[-1]}")
    return int(counted[1].replace(",", ""))
