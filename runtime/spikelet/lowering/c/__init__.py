"""Translate an exact network to event-driven C without malloc or floating point.

`Program` visits the nodes of a graph. Its two forms define how values are stored and which kernels evaluate a node:
`host` uses lists of spikes and GCC's vector extensions; `mcu` is plain C99 and uses as little memory as possible. The
kernels are the C files in the folder `kernels`. The generated code calls them with the sizes of each node.
"""

from spikelet.lowering.c.host import HostProgram
from spikelet.lowering.c.mcu import McuProgram

__all__ = ["HostProgram", "McuProgram"]
