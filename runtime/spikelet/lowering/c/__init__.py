"""Translate an exact network to event-driven C without malloc and floating point.

`Program` visits the nodes of a graph. Its forms state how values are stored and which kernels evaluate a node: `host`
has lists of spikes and sums in vector registers, with GCC's vector extensions; `mcu` is plain C99 with the smallest
memory. The kernels are the C files of the folder `kernels`; the generated code calls them with the sizes of a node.
"""

from spikelet.lowering.c.host import HostProgram
from spikelet.lowering.c.mcu import McuProgram

__all__ = ["HostProgram", "McuProgram"]
