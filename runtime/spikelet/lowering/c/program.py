"""Generate the C of an exact network: one function per node, which calls kernels.

`Program` visits the nodes and writes the code that all forms share. Its subclasses, the forms `host` and `mcu`, select
the kernels that evaluate a node, and define how they read and write values.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar, Literal

from spikelet.graph import Graph
from spikelet.lowering.c.parameters import Packing, Parameter, parameter_struct, parameters
from spikelet.lowering.c.plan import Field, Plan
from spikelet.lowering.c.text.declarations import INCLUDES, KERNELS, NODES, block, function, initialised, struct
from spikelet.lowering.c.text.names import comment
from spikelet.lowering.c.text.sources import Kernel, assemble
from spikelet.nodes import IF, Add, Conv2d, Flatten, Input, Linear, Output, Scale, SumPool2d

PixelLayout = Literal["chw", "hwc"]


class Program(ABC):
    """An exact network as C: text, constant arrays and memory.

    In the generated functions, `p` are the parameters, `s` is the state of the sample and `image` is the input.

    Attributes:
        graph: The network.
        plan: Its memory layout.
        layout: Order of the values of an image: channel first ("chw") or last ("hwc").
        form: Name of the form, and folder of its kernels.
        packing: Layout of 8-bit weights.
        signature: Parameters of the functions of a node.
        arguments: Names of these parameters, as the arguments of a call.
        keeps_image: Whether a time-step without an image uses the last one.
        window: Largest number of time-steps that are evaluated layer by layer.
    """

    form: ClassVar[str]
    packing: ClassVar[Packing]
    signature: ClassVar[str]
    arguments: ClassVar[str]
    keeps_image: ClassVar[bool]
    window: int = 1

    def __init__(self, graph: Graph, plan: Plan, layout: PixelLayout) -> None:
        self.graph = graph
        self.plan = plan
        self.layout = layout
        self._cleared: set[str] = set()  # nodes whose sums an earlier statement of this time-step has set
        self._kernels: list[Kernel] = []

    @cached_property
    def parameters(self) -> list[Parameter]:
        """Constant arrays, in the order of `struct parameters`."""
        return parameters(self.plan, self.packing)

    @property
    @abstractmethod
    def state(self) -> list[Field]:
        """Arrays of `struct state`, one struct per sample."""

    @property
    def work(self) -> list[Field]:
        """Arrays of `struct work`, one struct per thread and time-step of a window; may be empty."""
        return []

    @property
    def pixel_type(self) -> str:
        """C type of an input pixel."""
        return "uint8_t" if self.graph.input.low >= 0 and self.graph.input.high <= 255 else "int16_t"

    @property
    def strides(self) -> tuple[int, int]:
        """Distances in an image between neighbouring pixels and between channels."""
        value = self.plan.values[self.graph.input_name]
        return (value.channels, 1) if self.layout == "hwc" else (1, value.pixels)

    def ctype(self, field: Field) -> str:
        """Return the C type of the elements of a field, without the types that the program defines."""
        return field.ctype

    def parameter_struct(self) -> str:
        """Return the struct of the constant arrays."""
        return parameter_struct(self.parameters)

    def source(self, structs: bool = True) -> str:
        """Return C without an interface: structs, kernels, static `reset` and `step`; requires `model_pixel`.

        Args:
            structs: Whether to declare `struct state` and `struct work`; an exported header declares them.
        """
        self._cleared.clear()
        self._kernels.clear()
        bodies = {name: lines for name in self.graph.order if (lines := self._node(name))}
        functions = [self._function(name, lines) for name, lines in bodies.items()]
        text = [NODES, *functions, self._reset(), self._step(list(bodies))]
        kernels = assemble(self.form, self._kernels)
        return "\n".join([INCLUDES[self.form], *self._declarations(structs), KERNELS, kernels, *text])

    def _declarations(self, structs: bool) -> list[str]:
        """Return the declarations that the kernels need; the structs of the memory only if `structs`."""
        memory = {
            "/* state of one sample, kept between time-steps */\nstruct state": self.state,
            "/* workspace of one time-step */\nstruct work": self.work,
        }
        return [
            self.parameter_struct(),
            *(
                struct(head, [(f"{field.ctype} {field.name}[{field.count}]", field.meaning) for field in fields])
                for head, fields in memory.items()
                if fields and structs
            ),
        ]

    def _function(self, name: str, lines: list[str]) -> str:
        shape = "x".join(map(str, self.graph.shapes[name]))
        unused = ", ".join(f"(void){argument}" for argument in self.arguments.split(", "))
        head = f"/* {comment(name)}: {self.graph.nodes[name].kind}, {shape} */\n"
        return function(
            f"{head}static void run_{self.plan.identifiers[name]}({self.signature})", [f"{unused};", *lines]
        )

    def _node(self, name: str) -> list[str]:
        """Return the statements of a node; none if other nodes evaluate it. Call once per node in topological order."""
        sources = self.graph.predecessors[name]
        match self.graph.nodes[name]:
            case Input():
                return self._load(name)
            case Conv2d() | Linear():
                return self._synapse(name)
            case IF():
                return self._fire(name)
            case SumPool2d():
                return self._pool(name)
            case Scale():
                return self._summed(name, self._add(sources[0], name, f"p->{self.plan.identifiers[name]}_scale"))
            case Add():
                terms = [source for source in sources if self.plan.sum_of(source) != self.plan.sum_of(name)]
                lines = [line for source in terms for line in block(self._add(source, name))]
                return self._summed(name, lines) if lines else []
            case Flatten() if self.plan.values[name].node == name:
                return self._summed(name, self._flatten(name))
            case Output():
                return self._summed(name, self._add(sources[0], name))
        return []

    @abstractmethod
    def _load(self, name: str) -> list[str]:
        """Return the statements of the Input."""

    @abstractmethod
    def _synapse(self, name: str) -> list[str]:
        """Return the statements of a Conv2d or Linear."""

    @abstractmethod
    def _fire(self, name: str) -> list[str]:
        """Return the statements of an IF or LIF."""

    @abstractmethod
    def _pool(self, name: str) -> list[str]:
        """Return the statements of a SumPool2d."""

    @abstractmethod
    def _add(self, source: str, name: str, scale: str = "NULL") -> list[str]:
        """Return the statements that add the value of `source` to the sum of a node.

        Args:
            source: Name of the node that is read.
            name: Name of the node that is computed.
            scale: C expression of a factor for each channel, or NULL.
        """

    @abstractmethod
    def _flatten(self, name: str) -> list[str]:
        """Return the statements that add a flattened image to the sum of a node."""

    @abstractmethod
    def _sum(self, name: str) -> str:
        """Return the C expression of the sum of a node, an array of int32."""

    @abstractmethod
    def _initialised(self) -> list[str]:
        """Return the statements that initialise a state."""

    @abstractmethod
    def _step(self, names: list[str]) -> str:
        """Return the function `step`, which calls the functions of these nodes."""

    def _reset(self) -> str:
        return function("static void reset(const struct parameters *p, struct state *s)", self._initialised())

    def _call(self, kernel: Kernel, *arguments: object) -> str:
        """Return the call of a kernel, and add the kernel to the program."""
        self._kernels.append(kernel)
        return f"{kernel.function}({', '.join(map(str, arguments))});"

    def _summed(self, name: str, lines: list[str]) -> list[str]:
        """Return the lines, preceded by a statement that clears the sum if they are the first to add to it."""
        return [*self._clear(name), *lines] if self._begins(name) else lines

    def _begins(self, name: str) -> bool:
        """Return whether no earlier statement of this time-step has set the sum of a node. This one then sets it."""
        owner = self.plan.sum_of(name)
        begins = owner not in self._cleared
        self._cleared.add(owner)
        return begins

    def _clear(self, name: str) -> list[str]:
        """Return the statements that set the sum of a node to zero."""
        return [f"memset({self._sum(name)}, 0, sizeof {self._sum(name)});"]

    def _geometry(self, name: str, extra: dict[str, int] | None = None, spread: int | None = None) -> str:
        """Return the definition of `g`, the sizes of a convolution or pool.

        Args:
            name: Name of a Conv2d, Linear or SumPool2d.
            extra: Further fields of `struct geometry` in this form.
            spread: Number of output pixels that are summed together; None for that of the plan.
        """
        node, source, out = self.graph.nodes[name], self.plan.source(name), self.plan.values[name]
        spread = self.plan.spread(name) if spread is None else spread
        stride, padding, groups = (1, 1), (0, 0), 1
        if isinstance(node, SumPool2d):
            kernel, stride, groups = node.kernel, node.stride, source.channels
        else:
            height, width, _, _ = self.plan.taps(name).shape
            kernel = (height, width)
            if isinstance(node, Conv2d) and spread == 1:
                kernel = (int(node.weight.shape[2]), int(node.weight.shape[3]))
        if isinstance(node, Conv2d):
            stride, padding, groups = (node.stride[0], node.stride[1] * spread), node.padding, node.groups
        fields = {
            "height": source.height,
            "width": source.width,
            "channels": source.channels,
            "kernel_height": kernel[0],
            "kernel_width": kernel[1],
            "stride_y": stride[0],
            "stride_x": stride[1],
            "padding_y": padding[0],
            "padding_x": padding[1],
            "out_height": out.height,
            "out_width": out.width // spread,
            "out_channels": out.channels * spread,
            "groups": groups,
        }
        return initialised("static const struct geometry g", fields | (extra or {}))
