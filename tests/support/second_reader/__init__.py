"""A second reader and executor of bundles, written from docs/bundle.md.

It shares no code with spikelet, and uses only Python's standard library and NumPy. Tests give the same files to both readers
and compare verdicts, spikes and logits. An integer network is executed in int64, a float32 network in float32 or,
for comparison, in float64.

    network = second_reader.read(content)           # bytes of a file; raises Refused
    run = second_reader.execute(network, inputs, 8)  # inputs: (1 or T, N, *shape)
"""

from second_reader.execute import Run, answers, execute
from second_reader.golden import Golden, mismatches, packed
from second_reader.network import Network, build
from second_reader.reader import Contents, read
from second_reader.refused import Refused
from second_reader.replay import replay

__all__ = [
    "Contents",
    "Golden",
    "Network",
    "Refused",
    "Run",
    "answers",
    "build",
    "execute",
    "mismatches",
    "packed",
    "read",
    "replay",
]
