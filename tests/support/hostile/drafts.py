"""A decoded bundle in which parts can be changed; digests are updated when it is encoded."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np

from conformance_vectors.breaking import base
from conformance_vectors.packing import Members, archive, fitted, safetensors
from second_reader import Refused, build
from second_reader.network import Network
from second_reader.tensors import tensors

Tensors = dict[str, np.ndarray]
LARGEST = 20_000  # largest number of values, over all nodes, of a network that is executed


@cache
def _parts(name: str) -> tuple[Members, bytes, list[Tensors]]:
    members = base(name)
    stored = [tensors(memoryview(members[member]), member) for member in ("weights.safetensors", "golden.safetensors")]
    return members, members["manifest.json"], stored


class Draft:
    """A decoded bundle: manifest with the graph, arrays and golden data."""

    def __init__(self, name: str) -> None:
        self.members, text, stored = _parts(name)
        self.manifest: dict[str, Any] = json.loads(text)
        self.nodes: list[dict[str, Any]] = self.manifest["graph"]["nodes"]
        self.edges: list[list[str]] = self.manifest["graph"]["edges"]
        self.weights, self.golden = ({key: value.copy() for key, value in arrays.items()} for arrays in stored)

    def network(self) -> Network | None:
        """Return the network as the second reader builds it, or None if it refuses it."""
        try:
            return build(self.manifest["graph"], self.weights)
        except Refused:
            return None

    def content(self) -> bytes:
        """Return the bytes of the file."""
        members: Members = dict(self.members)
        members["weights.safetensors"] = safetensors(self.weights)
        members["golden.safetensors"] = safetensors(self.golden)
        members["manifest.json"] = json.dumps(self.manifest, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return archive(fitted(members).items())


def needed_bits(weights: Tensors) -> int:
    """Return the smallest number of bits, at least 2, that represents the weights."""
    stored = [value for key, value in weights.items() if key.rpartition(".")[2] in ("weight", "scale")]
    largest = max([max(int(v.max()), -int(v.min()) - 1) for v in stored if v.size], default=0)
    return max(2, largest.bit_length() + 1)


def affordable(network: Network, most: int = 300_000) -> bool:
    """Return whether an execution of a few time-steps takes milliseconds."""
    cost = 0
    for name, node in network.nodes.items():
        taps = node.arrays["weight"][0].size if "weight" in node.arrays else 1
        if node.kind == "SumPool2d":
            kernel = node.attributes["kernel"]
            taps = kernel[0] * kernel[1]  # type: ignore[index]
        padding = node.attributes.get("padding", (0, 0))
        cost += network.neurons(name) * taps + (10**9 if max(padding) > 100 else 0)  # type: ignore[call-overload]
    return cost <= most
