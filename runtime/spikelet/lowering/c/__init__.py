"""A network as C: event driven and exact, for any exact bundle. No malloc, no floating point.

Two lowerings share one plan of what each node sends on. `host` follows spikes by lists and keeps its sums in
vector registers, with GCC's vector extensions alone, so that one source serves AVX-512, AVX2 and NEON. `mcu` is
plain C99 in the least memory. The kernels are C files in this folder; what is generated is one call of a kernel
for each node, with its sizes.
"""

from spikelet.lowering.c.host import HostProgram
from spikelet.lowering.c.mcu import McuProgram
from spikelet.lowering.c.plan import Plan

__all__ = ["HostProgram", "McuProgram", "Plan"]
