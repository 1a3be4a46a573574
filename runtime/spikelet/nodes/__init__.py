"""The nodes of IR version 1: what a network is made of, as pure data.

Names follow NIR where NIR has the node. Every array is checked when the node is built, so a node that
exists is well formed; whether it fits its neighbours is the graph's business (`spikelet.graph`).

Parameters are integers in an exact network and float32 in a float32 one. C is the number of channels of
what flows through a node: the first axis of its shape.
"""

from spikelet.nodes.base import MAX_ELEMENTS, Array, Node, Shape, check_size, is_float
from spikelet.nodes.layers import Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d
from spikelet.nodes.neuron import IF, LI, LIF, Reset, Tie

KINDS: dict[str, type[Node]] = {
    kind.__name__: kind for kind in (Input, Conv2d, Linear, SumPool2d, Scale, Add, Flatten, IF, LIF, LI, Output)
}

__all__ = [
    "IF",
    "KINDS",
    "LI",
    "LIF",
    "MAX_ELEMENTS",
    "Add",
    "Array",
    "Conv2d",
    "Flatten",
    "Input",
    "Linear",
    "Node",
    "Output",
    "Reset",
    "Scale",
    "Shape",
    "SumPool2d",
    "Tie",
    "check_size",
    "is_float",
]
