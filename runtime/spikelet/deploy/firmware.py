"""A bundle as C source, with its golden inputs as a self-test."""

from __future__ import annotations

import numpy as np

from spikelet.bundle import Bundle
from spikelet.lowering.c import HostProgram, McuProgram
from spikelet.lowering.c.project import Recording, project, sizes

IMAGES = 2  # golden inputs in the self-test; the flash memory of a board is small


def c_project(bundle: Bundle, mcu: bool = False) -> tuple[dict[str, str], dict[str, int]]:
    """Return the files of the folder, name to text, and its sizes in bytes: `flash` (constants) and `ram`.

    Raises:
        EngineError: The network is float32.
    """
    program = McuProgram(bundle.graph) if mcu else HostProgram(bundle.graph, window=1)
    golden = bundle.golden
    recording = Recording(
        golden.inputs[:IMAGES],
        golden.logits[:, :IMAGES].astype(np.int64),
        {name: spikes[:, :IMAGES].sum(axis=2, dtype=np.int64) for name, spikes in golden.spikes.items()},
    )
    manifest = bundle.manifest
    steps = manifest.exact_steps or 1
    files = project(program, manifest.name, bundle.digest, manifest.labels or (), steps, recording)
    return files, sizes(program)
