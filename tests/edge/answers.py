"""Print the results of an engine on images as one digest, to be compared between machines.

Of each image: spikes, potentials and logits step by step, then logits and counts of spikes with all time-steps at once.

python answers.py BUNDLE IMAGES.npy ENGINE COUNT STEPS
"""

import hashlib
import platform
import sys
from pathlib import Path

import numpy as np

from spikelet import bundle
from spikelet.engines import create

BATCH = 10


def main(path, images, name, first, steps):
    graph = bundle.read(Path(path)).graph
    engine, at_once = create(graph, name, graph.spiking), create(graph, name)
    digest, spikes = hashlib.sha256(), 0
    pixels = np.load(images)[: int(first)].astype(np.float32)
    for start in range(0, len(pixels), BATCH):
        part = pixels[start : start + BATCH]
        engine.reset(len(part))
        at_once.reset(len(part), int(steps))
        for t in range(int(steps)):
            digest.update(engine.step(part if t == 0 else None).astype("<f4").tobytes())
            for layer in graph.spiking:
                digest.update(np.packbits(engine.spikes(layer)).tobytes())
                digest.update(engine.potentials(layer).astype("<f4").tobytes())
            digest.update(at_once.step(part if t == 0 else None).astype("<f4").tobytes())
            for count in at_once.spike_counts().values():
                digest.update(count.astype("<i8").tobytes())
                spikes += int(count.sum())
    print(f"{len(pixels)} images, {steps} time-steps, {spikes} spikes, sha256 {digest.hexdigest()}")
    print(f"{platform.machine()}, engine {name}, NumPy {np.__version__}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
