"""The nodes of the IR, as pure data.

Names follow NIR for nodes that NIR defines. Arrays are validated when a node is created; `spikelet.graph` validates
the connections between nodes.

Parameters are integers in an exact network and float32 in a float32 network. C is the number of channels: the first
axis of a node's shape.
"""

from spikelet.nodes.base import MAX_ELEMENTS, Array, Node, Shape, check_size, is_float
from spikelet.nodes.layers import Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d, Weighted
from spikelet.nodes.neuron import IF, LI, LIF, MAX_COPIES, Reset, Tie

KINDS: dict[str, type[Node]] = {
    kind.__name__: kind for kind in (Input, Conv2d, Linear, SumPool2d, Scale, Add, Flatten, IF, LIF, LI, Output)
}

__all__ = [
    "IF",
    "KINDS",
    "LI",
    "LIF",
    "MAX_COPIES",
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
    "Weighted",
    "check_size",
    "is_float",
]
