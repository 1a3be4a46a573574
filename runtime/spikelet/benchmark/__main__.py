"""Measure one engine on one bundle in a separate process: `python -m spikelet.benchmark BUNDLE ENGINE THREADS`.

Prints one JSON object. THREADS is 0 for the engine's default. A new process gives realistic values of load time, time
to the first prediction and peak memory.
"""

from __future__ import annotations

import json
import sys

from spikelet.benchmark.measure import measure
from spikelet.errors import SpikeletError

if __name__ == "__main__":
    bundle, name, count = sys.argv[1:]
    try:
        print(json.dumps(measure(bundle, name, int(count) or None)))
    except SpikeletError as error:
        sys.exit(str(error))
