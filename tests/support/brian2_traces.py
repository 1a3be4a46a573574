"""Simulations of Brian2 that are kept: the same neurons with the same inputs are simulated once in a process.

What Brian2 computes does not depend on the engine that it is compared with, so that tests of many faulty engines on one
network can share it.
"""

import hashlib
import pickle
from typing import ClassVar

from spikelet_converters.brian2 import network, validation


class KeptNetwork(network.Network):
    """A network of Brian2 that is built and run only if its traces are not known."""

    traces: ClassVar = {}  # by digest: {layer: trace}

    def __init__(self, graph, populations, drive, steps, target="numpy"):
        self._kept = self.traces.setdefault(_digest(graph, populations, drive, steps, target), {})
        if not self._kept:
            super().__init__(graph, populations, drive, steps, target)

    def run(self, *args):
        if not self._kept:
            self._kept.update(super().run(*args))
            for trace in self._kept.values():
                for values in (trace.spikes, trace.potentials, trace.before):
                    values.setflags(write=False)
        return dict(self._kept)


def _digest(graph, populations, drive, steps, target):
    """Return a digest of everything that a simulation depends on."""
    simulated = {population.name for population in populations}
    sources = {source for population in populations for source in population.inputs} - simulated
    spikes = {source: drive.spikes[source] for source in sorted(sources & set(drive.spikes))}
    parts = (dict(graph.nodes), graph.edges, populations, drive.pixels, spikes, steps, target)
    return hashlib.sha256(b"".join(map(pickle.dumps, parts))).digest()


def keep(patch):
    """Use simulations that are kept, until the patch, a pytest.MonkeyPatch, is undone."""
    for module in (network, validation):
        patch.setattr(module, "Network", KeptNetwork)
