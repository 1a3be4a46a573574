"""A network that is written node by node, as the graph of a manifest and its tensors."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from second_reader import Network, build
from second_reader.network import output_shape
from second_reader.nodes import parse_node

Numbers = npt.NDArray[np.generic]
Pair = tuple[int, int]


def numbers(seed: str, shape: Sequence[int], least: int, most: int) -> npt.NDArray[np.int64]:
    """Return random whole numbers of least…most; a seed gives the same ones in every version of Python and NumPy."""
    source = random.Random(seed)
    values = [source.randint(least, most) for _ in range(int(np.prod(shape)))]
    return np.array(values, np.int64).reshape(shape)


class Sketch:
    """Appends nodes; the input of a node is the node before it, unless `after` names others.

    Args:
        shape: Shape of the input.
        mean: Mean of each channel, 0 by default.
        low: Smallest pixel.
        high: Largest pixel.
        exact: Whether arrays are integers; otherwise they are float32.
        name: Name of the Input.
    """

    def __init__(
        self,
        shape: Sequence[int],
        mean: Sequence[float] | Numbers | None = None,
        low: int = 0,
        high: int = 255,
        exact: bool = True,
        name: str = "input",
    ) -> None:
        self.exact, self.here = exact, ""
        self.nodes: list[dict[str, object]] = []
        self.edges: list[list[str]] = []
        self.tensors: dict[str, Numbers] = {}
        mean = [0] * shape[0] if mean is None else mean
        self.add("Input", name, {"mean": self.array(mean, np.int16)}, (), shape=list(shape), low=low, high=high)

    def array(self, values: object, dtype: npt.DTypeLike) -> Numbers:
        """Return an array of `dtype`, or of float32 in a float32 network; NumPy arrays of 1 to 4 bytes per element stay as they are."""
        if isinstance(values, np.ndarray) and values.dtype.itemsize < 8:
            return values
        return np.array(values).astype(dtype if self.exact else np.float32)

    def add(
        self, kind: str, name: str, arrays: dict[str, Numbers], after: Sequence[str] | None = None, **attributes: object
    ) -> str:
        """Append a node."""
        sources = [self.here] if after is None else after
        self.nodes.append({"name": name, "kind": kind, **attributes})
        self.edges += [[source, name] for source in sources]
        self.tensors |= {f"{name}.{field}": values for field, values in arrays.items()}
        self.here = name
        return name

    def conv(
        self,
        name: str,
        weight: object,
        bias: object = None,
        stride: Pair = (1, 1),
        padding: Pair = (0, 0),
        groups: int = 1,
        after: Sequence[str] | None = None,
    ) -> str:
        """Append a Conv2d."""
        attributes = {"stride": list(stride), "padding": list(padding), "groups": groups}
        return self.add("Conv2d", name, self._synapses(weight, bias), after, **attributes)

    def linear(self, name: str, weight: object, bias: object = None, after: Sequence[str] | None = None) -> str:
        """Append a Linear."""
        return self.add("Linear", name, self._synapses(weight, bias), after)

    def pool(self, name: str, kernel: Pair, stride: Pair | None = None, after: Sequence[str] | None = None) -> str:
        """Append a SumPool2d."""
        return self.add("SumPool2d", name, {}, after, kernel=list(kernel), stride=list(stride or kernel))

    def scale(self, name: str, scale: object, after: Sequence[str] | None = None) -> str:
        """Append a Scale."""
        return self.add("Scale", name, {"scale": self.array(scale, np.int8)}, after)

    def neuron(
        self,
        name: str,
        theta: object,
        v_init: object = None,
        reset: str = "subtract",
        tie: str = ">=",
        decay: object = None,
        after: Sequence[str] | None = None,
        copies: int = 1,
    ) -> str:
        """Append an IF, or a LIF if there is a decay."""
        arrays = {"theta": self.array(theta, np.int32)}
        start = np.zeros(copies * len(arrays["theta"]), np.int64) if v_init is None else v_init
        arrays["v_init"] = self.array(start, np.int32)
        if decay is not None:
            arrays["decay"] = self.array(decay, np.int32)
        several = {} if copies == 1 else {"copies": copies}
        return self.add("IF" if decay is None else "LIF", name, arrays, after, reset=reset, tie=tie, **several)

    def readout(self, name: str, weight: object, bias: object = None, scale: float = 1.0) -> Sketch:
        """Append a Linear and the Output."""
        self.linear(name, weight, bias)
        return self.output(scale)

    def output(self, scale: float = 1.0) -> Sketch:
        """Append the Output."""
        self.add("Output", "output", {}, scale=scale)
        return self

    @property
    def document(self) -> dict[str, object]:
        """The `graph` of a manifest."""
        return {"nodes": self.nodes, "edges": self.edges}

    @property
    def network(self) -> Network:
        """The network as the second reader reads it."""
        return build(self.document, self.tensors)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value of the last node, for one sample."""
        shapes: dict[str, tuple[int, ...]] = {}
        for entry in self.nodes:
            name, node = parse_node(entry, self.tensors)
            shapes[name] = output_shape(name, node, [shapes[source] for source, target in self.edges if target == name])
        return shapes[self.here]

    @property
    def bits(self) -> int:
        """The smallest number of bits, at least 2, that represents the weights."""
        weights = [v for key, v in self.tensors.items() if key.rpartition(".")[2] in ("weight", "scale")]
        least, most = min(int(v.min()) for v in weights), max(int(v.max()) for v in weights)
        return next(bits for bits in range(2, 64) if -(2 ** (bits - 1)) <= least and most < 2 ** (bits - 1))

    def _synapses(self, weight: object, bias: object) -> dict[str, Numbers]:
        values = self.array(weight, np.int8)
        start = np.zeros(len(values), np.int64) if bias is None else bias
        return {"weight": values, "bias": self.array(start, np.int32)}
