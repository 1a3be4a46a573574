"""Section "step.onnx": run the model node by node, for the golden inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from second_reader.execute import Run
from second_reader.network import Network
from second_reader.operators import OPERATORS, Value
from second_reader.refused import require
from second_reader.step import Model


def replay(model: Model, network: Network, inputs: npt.NDArray[np.generic], steps: int) -> Run:
    """Run the model for a constant input (N, *shape)."""
    mark = "." if any(name.startswith("v.") for name in model.inputs) else ":"
    stateful = [name for name, node in network.nodes.items() if node.kind in ("IF", "LIF", "LI")]
    border = {"logits", *(f"v_next{mark}{name}" for name in stateful), *(f"s{mark}{name}" for name in network.spiking)}
    require(set(model.inputs) == {"input", *(f"v{mark}{name}" for name in stateful)}, "step", "inputs")
    require(set(model.outputs) == border, "step", "outputs")
    states = {}
    for name in stateful:
        states[name] = np.zeros((len(inputs), *network.shapes[name]), np.float32)
        if network.nodes[name].kind != "LI":
            start = network.nodes[name].arrays["v_init"].astype(np.float32)
            states[name] += start.reshape(-1, *(1,) * (states[name].ndim - 2))
    names = [name for name, _ in model.constants]
    require(len(set(names)) == len(names), "step", "a constant is defined twice")
    record: dict[str, list[Value]] = {}
    for _ in range(steps):
        values = dict(model.constants) | {"input": inputs.astype(np.float32)}
        values |= {f"v{mark}{name}": value for name, value in states.items()}
        for operator, sources, targets, attributes in model.nodes:
            require(len(targets) == 1 and targets[0] not in values, "step", f"{targets} is computed twice")
            values[targets[0]] = OPERATORS[operator](*(values[source] for source in sources), **attributes)
        states = {name: values[f"v_next{mark}{name}"] for name in stateful}
        for output in model.outputs:
            record.setdefault(output, []).append(values[output].reshape(len(inputs), -1))
    stacked = {name: np.stack(parts) for name, parts in record.items()}
    spikes = {name: stacked[f"s{mark}{name}"] for name in network.spiking}
    for name, value in spikes.items():
        require(bool(np.isin(value, (0, 1)).all()), "step", f"spikes of {name} are not 0 or 1")
    return Run(
        stacked["logits"],
        {name: value.astype(bool) for name, value in spikes.items()},
        {name: stacked[f"v_next{mark}{name}"] for name in stateful},
        {},
    )
