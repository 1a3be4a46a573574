"""Translate an exact network to event-driven C without malloc and floating point.

Two lowerings share one plan of the value of every node. `host` stores spikes in lists and sums in vector registers,
with GCC's vector extensions, so that one source serves AVX-512, AVX2 and NEON. `mcu` is plain C99 with the smallest
memory. The kernels are C files in this folder; the generated code calls one kernel per node, with its sizes.
"""

from spikelet.lowering.c.host import HostProgram
from spikelet.lowering.c.mcu import McuProgram
from spikelet.lowering.c.plan import Plan

__all__ = ["HostProgram", "McuProgram", "Plan"]
