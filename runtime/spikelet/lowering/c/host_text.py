"""C text of the host form: the structs that kernels read, and statements that threads share."""

from __future__ import annotations

from spikelet.lowering.c.copies import progression
from spikelet.lowering.c.host_plan import HostPlan, capacity
from spikelet.lowering.c.plan import Value
from spikelet.lowering.c.text.declarations import initialised
from spikelet.nodes import LIF

# statements that take the parts of a phase, and that end the phase when all parts are finished
TAKE, WAIT = "while (take_part(share))\n    ", "wait_for_all(share);"
STEPS = "for (int t = 0; t < steps; t++, w++)"


def shared(call: str) -> list[str]:
    """Return statements in which threads share the parts of a call, and then wait until all parts are finished."""
    return [TAKE + call, WAIT]


def by_one_thread(statement: str) -> list[str]:
    """Return statements in which one thread runs a statement while the others wait."""
    return shared(f"if (!part_of(share))\n        {statement}")


def spikes_definition(plan: HostPlan, value: Value, variable: str = "in") -> list[str]:
    """Return the definition of a `struct spikes`; nothing for a dense value."""
    return [f"const struct spikes {variable} = {_spikes(plan, value)};"] if value.spikes else []


def _spikes(plan: HostPlan, value: Value) -> str:
    id_ = plan.identifiers[value.node]
    sizes = (value.height, value.width, value.channels, capacity(value), value.planes)
    return f"{{w->{id_}_start, w->{id_}_list, {', '.join(map(str, sizes))}}}"


def neurons_definition(plan: HostPlan, name: str, t: str = "t") -> str:
    """Return the definition of `n`, the neurons of a layer in time-step t."""
    node, id_, value = plan.graph.neuron(name), plan.identifiers[name], plan.values[name]
    fields: dict[str, int | str] = {
        "v": f"s->{id_}_v",
        "initial": f"p->{id_}_initial" if t == "0" else f"{t} == 0 ? p->{id_}_initial : NULL",
        "fresh": "s->fresh",
        "theta": f"p->{id_}_theta",
        "decay": f"p->{id_}_decay" if isinstance(node, LIF) else "NULL",
        "strict": int(node.tie == ">"),
        "zero": int(node.reset == "zero"),
        "copies": node.copies,
        "gain": progression(node).gain,
        "channels": value.channels,
        "stride": plan.padded(value.channels),
        "out": _spikes(plan, value),
        "counts": f"COUNTED(w->{id_}_counts)" if plan.stores_counts(name) else "NULL",
        "fired": f"&s->fired[{t} * LAYERS + {plan.graph.spiking.index(name)}]",
    }
    return initialised("const struct neurons n", fields)
