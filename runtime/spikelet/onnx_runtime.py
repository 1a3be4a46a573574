"""Load ONNX Runtime with its telemetry off."""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

from spikelet.errors import MissingDependency

TELEMETRY_OFF = "ORT_DISABLE_TELEMETRY"


def load() -> ModuleType:
    """Import ONNX Runtime.

    Official builds from 1.29 on send usage events to their vendor and write an identifier of the device below the home
    folder, unless the environment variable ORT_DISABLE_TELEMETRY is set before the first import (the pull request
    "Add POSIX telemetry" of microsoft/onnxruntime, 27379). It is set to 1 here; a value of the user is kept.

    Raises:
        MissingDependency: ONNX Runtime is not installed.

    Examples:
        >>> load().__name__
        'onnxruntime'
    """
    os.environ.setdefault(TELEMETRY_OFF, "1")
    try:
        return import_module("onnxruntime")
    except ImportError:
        raise MissingDependency("ONNX Runtime", "ort") from None


def default_threads() -> int:
    """Return the number of threads of an operator: 0 (ONNX Runtime decides) unless CPU affinity limits this process.

    With a limit, ONNX Runtime would still start one thread per core of the machine.

    Examples:
        >>> default_threads() >= 0
        True
    """
    if not hasattr(os, "sched_getaffinity"):
        return 0
    allowed = len(os.sched_getaffinity(0))
    return allowed if allowed < (os.cpu_count() or 1) else 0
