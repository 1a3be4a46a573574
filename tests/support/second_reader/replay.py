"""Section "step.onnx": run the model node by node for a constant input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from second_reader.execute import Run
from second_reader.network import Network
from second_reader.nodes import copies
from second_reader.operators import OPERATORS, Value
from second_reader.refused import require
from second_reader.step import Model


def replay(model: Model, network: Network, inputs: npt.NDArray[np.generic], steps: int) -> Run:
    """Run the model for a constant input (N, *shape)."""
    mark = "." if any(name.startswith("v.") for name in model.inputs) else ":"
    stateful = [name for name, node in network.nodes.items() if node.kind in ("IF", "LIF", "LI")]
    ends = {name: _ends(name, copies(network.nodes[name]), mark) for name in stateful}
    border = {"logits", *(f"v_next{end}" for name in stateful for end in ends[name])}
    border |= {f"s{end}" for name in network.spiking for end in ends[name]}
    require(set(model.inputs) == {"input", *(f"v{end}" for name in stateful for end in ends[name])}, "step", "inputs")
    require(set(model.outputs) == border, "step", "outputs")
    states = {}
    for name in stateful:
        for copy, end in enumerate(ends[name]):
            states[end] = np.zeros((len(inputs), *network.shapes[name]), np.float32)
            if network.nodes[name].kind != "LI":
                start = network.nodes[name].arrays["v_init"].astype(np.float32)[copy :: len(ends[name])]
                states[end] += start.reshape(-1, *(1,) * (states[end].ndim - 2))
    names = [name for name, _ in model.constants]
    require(len(set(names)) == len(names), "step", "a constant is defined twice")
    record: dict[str, list[Value]] = {}
    for _ in range(steps):
        values = dict(model.constants) | {"input": inputs.astype(np.float32)}
        values |= {f"v{end}": value for end, value in states.items()}
        for operator, sources, targets, attributes in model.nodes:
            require(len(targets) == 1 and targets[0] not in values, "step", f"{targets} is computed twice")
            values[targets[0]] = OPERATORS[operator](*(values[source] for source in sources), **attributes)
        states = {end: values[f"v_next{end}"] for end in states}
        record.setdefault("logits", []).append(values["logits"])
        for name in stateful:
            for role in ("s", "v_next") if name in network.spiking else ("v_next",):
                record.setdefault(f"{role} {name}", []).append(_joined([values[f"{role}{end}"] for end in ends[name]]))
    stacked = {name: np.stack(parts) for name, parts in record.items()}
    spikes = {name: stacked[f"s {name}"] for name in network.spiking}
    for name, value in spikes.items():
        require(bool(np.isin(value, (0, 1)).all()), "step", f"spikes of {name} are not 0 or 1")
    return Run(
        stacked["logits"],
        {name: value.astype(bool) for name, value in spikes.items()},
        {name: stacked[f"v_next {name}"] for name in stateful},
        {},
    )


def _ends(name: str, count: int, mark: str) -> list[str]:
    """Return the suffixes of v, s and v_next in names of inputs and outputs, one for each copy."""
    return [f"{mark}{name}"] if count == 1 else [f"{mark}{name}{mark}{copy}" for copy in range(count)]


def _joined(parts: list[Value]) -> Value:
    """Join the values (N, C, …) of each copy to (N, neurons), in which the copies of a channel are adjacent."""
    n, channels = parts[0].shape[:2]
    return np.stack([part.reshape(n, channels, -1) for part in parts], axis=2).reshape(n, -1)
