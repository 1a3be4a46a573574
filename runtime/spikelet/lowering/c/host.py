"""C for processors with vector registers: spikes in lists, sums in registers."""

from __future__ import annotations

from functools import cached_property

from spikelet.graph import Graph
from spikelet.lowering.c import memory
from spikelet.lowering.c.calls import Calls
from spikelet.lowering.c.kernels import select
from spikelet.lowering.c.memory import Field
from spikelet.lowering.c.names import comment
from spikelet.lowering.c.parameters import Parameter, parameter_struct, parameters
from spikelet.lowering.c.plan import SLACK, Plan, padded
from spikelet.lowering.c.text import INCLUDES, KERNELS, NODES, pixel_type, struct
from spikelet.nodes import IF

HEAD = """\
typedef {row} row_t; /* an entry of a list of spikes */

enum {{ SLACK = {slack}, MAX_HEIGHT = {height}, LAYERS = {layers}, WINDOW = {window} }};

#if defined __AVX512BW__
#define VECTOR_BYTES 64
#elif defined __AVX2__
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
"""
WINDOW = 8  # time-steps at most: weights are then read an eighth as often
WINDOW_BYTES = 2**22  # of memory for them at most: large networks run fewer together
VARIANTS = {"@X@": ("16", "32", "64", "128"), "@T@": ("int8", "int16", "int32")}


class HostProgram:
    """The host form of an exact network: text, parameters and memory.

    Args:
        graph: the network.
        window: largest number of time-steps evaluated layer by layer, each with its own `struct work`; None for WINDOW,
            or as many as fit WINDOW_BYTES.

    Raises:
        EngineError: the network is float32.
    """

    form = "host"

    def __init__(self, graph: Graph, window: int | None = None) -> None:
        self.graph, self.plan = graph, Plan(graph)
        work_bytes = sum(field.bytes(self.row_type) for field in self.work)
        self.window = window or max(1, min(WINDOW, WINDOW_BYTES // work_bytes))

    @cached_property
    def parameters(self) -> list[Parameter]:
        """Constant arrays, in the order of `struct parameters`."""
        return parameters(self.plan)

    @cached_property
    def state(self) -> list[Field]:
        """Arrays of `struct state`, of which each sample has one."""
        return memory.state(self.plan, self.window)

    @cached_property
    def work(self) -> list[Field]:
        """Arrays of `struct work`, of which each thread has one per time-step of a window."""
        return memory.work(self.plan)

    @property
    def pixel_type(self) -> str:
        """The C type of an input pixel."""
        return pixel_type(self.graph)

    @property
    def row_type(self) -> str:
        """The C type of an entry of a list of spikes."""
        return memory.row_type(self.plan)

    def parameter_struct(self) -> str:
        """The struct of the constant arrays."""
        return parameter_struct(self.parameters)

    def source(self) -> str:
        """Return C without an interface: structs, kernels, static `reset` and `step`; requires `model_pixel`."""
        head = HEAD.format(
            row=self.row_type,
            slack=SLACK,
            height=memory.max_height(self.plan),
            layers=len(self.graph.spiking),
            window=self.window,
        )
        structs = [
            self.parameter_struct(),
            struct("/* what one sample keeps from time-step to time-step */\nstruct state", _members(self.state)),
            struct("/* what one time-step needs while it runs */\nstruct work", _members(self.work)),
        ]
        calls = Calls(self.plan)
        bodies = {name: lines for name in self.graph.order if (lines := calls.node(name))}
        nodes = [NODES, *(self._function(name, lines) for name, lines in bodies.items())]
        text = "\n".join([*nodes, self._reset(), self._step(list(bodies))])
        return "\n".join([INCLUDES, head, *structs, KERNELS, select("kernels_host.c", text, VARIANTS), text])

    def _function(self, name: str, lines: list[str]) -> str:
        shape = "x".join(map(str, self.graph.shapes[name]))
        body = "".join(f"    {line}\n" for line in lines)
        return (
            f"/* {comment(name)}: {self.graph.nodes[name].kind}, {shape} */\n"
            f"static void run_{self.plan.identifiers[name]}(const struct parameters *p, struct state *s, "
            f"struct work *w, const model_pixel *image, int steps)\n"
            f"{{\n    (void)p, (void)s, (void)w, (void)image, (void)steps;\n{body}}}\n"
        )

    def _reset(self) -> str:
        lines = []
        for name in self.graph.spiking:
            node, id_, value = self.graph.nodes[name], self.plan.identifiers[name], self.plan.values[name]
            assert isinstance(node, IF)
            lines.append(f"    start({value.pixels}, {padded(value.channels)}, p->{id_}_start, s->{id_}_v);\n")
        return f"static void reset(const struct parameters *p, struct state *s)\n{{\n{''.join(lines)}}}\n"

    def _step(self, names: list[str]) -> str:
        def calls(static: bool, indent: str) -> str:
            chosen = [name for name in names if (name in self.graph.static) == static]
            return "".join(f"{indent}run_{self.plan.identifiers[name]}(p, s, w, image, steps);\n" for name in chosen)

        return (
            "/* So many time-steps, WINDOW at most, layer by layer, each with a workspace of its own.\n"
            " * image: channel first, or NULL to go on with the last one. */\n"
            "static void step(const struct parameters *p, struct state *s, struct work *w, const model_pixel *image, "
            "int steps)\n"
            f"{{\n    if (image) {{ /* what no spike reaches */\n{calls(True, '        ')}    }}\n"
            f"{calls(False, '    ')}}}\n"
        )


def _members(fields: list[Field]) -> list[tuple[str, str]]:
    return [(f"{field.ctype} {field.name}[{field.count}]", field.meaning) for field in fields]
