"""Golden inputs: a few inputs stored with the spikes and logits that they must produce."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikelet.array_fields import ArrayFields
from spikelet.bounds.magnitudes import EXPONENT
from spikelet.errors import BundleError
from spikelet.graph import Graph
from spikelet.inputs import MAX_STEPS
from spikelet.nodes import Array

MEMBER = "golden.safetensors"


@dataclass(frozen=True, eq=False, repr=False)
class Golden(ArrayFields):
    """Golden inputs with their spikes and logits.

    Attributes:
        inputs: (N, *input shape) constant over time; int16 in an exact bundle, float32 otherwise.
        logits: (T, N, K) of single time-steps; int32 in an exact bundle, float32 otherwise.
        spikes: By layer, (T, N, neurons) bool.
    """

    inputs: Array
    logits: Array
    spikes: Mapping[str, npt.NDArray[np.bool_]]

    @property
    def steps(self) -> int:
        """T, the number of time-steps."""
        return len(self.logits)


class PackedSpikes(Mapping[str, npt.NDArray[np.bool_]]):
    """Spikes by layer, stored as 8 per byte. Layers are unpacked on access and not cached."""

    def __init__(self, packed: Mapping[str, Array], neurons: Mapping[str, int]) -> None:
        self._packed, self._neurons = packed, neurons

    def __getitem__(self, name: str) -> npt.NDArray[np.bool_]:
        return np.unpackbits(self._packed[name], axis=-1, count=self._neurons[name]).view(np.bool_)

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)

    def __repr__(self) -> str:
        """Return the names of the layers."""
        return f"PackedSpikes({', '.join(self)})"


class Activity(Mapping[str, tuple[float, ...]]):
    """Shares of the neurons of a layer of which 0, 1 … k copies fire in a time-step, measured when they are read."""

    def __init__(self, graph: Graph, spikes: Mapping[str, npt.NDArray[np.bool_]]) -> None:
        self._graph, self._spikes = graph, spikes
        self._measured: dict[str, tuple[float, ...]] = {}

    def __getitem__(self, name: str) -> tuple[float, ...]:
        if name not in self._measured:
            copies, channels = self._graph.neuron(name).copies, self._graph.shapes[name][0]
            spikes = self._spikes[name]
            by_copy = spikes.reshape(-1, copies, spikes.shape[-1] // (copies * channels))
            neurons = np.bincount(by_copy.sum(1, dtype=np.uint8).ravel(), minlength=copies + 1)
            self._measured[name] = tuple((neurons / neurons.sum()).tolist())
        return self._measured[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.spiking)

    def __len__(self) -> int:
        return len(self._graph.spiking)


def encode(golden: Golden) -> dict[str, Array]:
    """Convert golden inputs to tensors, with 8 spikes per byte.

    Raises:
        BundleError: A part is not an array, its type is not one of a bundle, or the spikes are not bool.
    """
    spikes = golden.spikes if isinstance(golden.spikes, Mapping) else {"": golden.spikes}
    for name, value in (("input", golden.inputs), ("logits", golden.logits)):
        if not isinstance(value, np.ndarray) or value.dtype.name not in ("int16", "int32", "float32"):
            raise BundleError.at(MEMBER, f"{name}: expected an array of int16, int32 or float32, found {_kind(value)}")
    for name, value in spikes.items():
        if not isinstance(value, np.ndarray) or value.dtype != np.bool_ or value.ndim == 0:
            raise BundleError.at(MEMBER, f"spikes.{name}: expected an array of bool, found {_kind(value)}")
    packed = {f"spikes.{name}": np.packbits(value, axis=-1) for name, value in spikes.items()}
    return {"input": golden.inputs, "logits": golden.logits, **packed}


def decode(tensors: Mapping[str, Array], graph: Graph) -> Golden:
    """Read the tensors written by `encode`.

    Raises:
        BundleError: A tensor is missing or unknown, its shape or dtype does not fit the network, T is out of range, a
            pixel is outside the network's input range, a logit is not finite or too large, or a padding bit is set.
    """
    expected = {"input", "logits", *(f"spikes.{name}" for name in graph.spiking)}
    if set(tensors) != expected:
        name = min(set(tensors) ^ expected)
        raise BundleError.at(MEMBER, f"tensor {name} is {'missing' if name in expected else 'unknown'}")
    kinds = ("int16", "int32") if graph.exact else ("float32", "float32")
    inputs, logits = tensors["input"], tensors["logits"]
    if logits.ndim != 3 or 0 in logits.shape:
        raise BundleError.at(
            MEMBER, f"logits: expected (T, N, K), found {logits.shape}", expected="(T, N, K)", found=str(logits.shape)
        )
    steps, count = logits.shape[:2]
    if steps > MAX_STEPS:
        raise BundleError.at(
            MEMBER,
            f"logits: {steps} time-steps, expected at most {MAX_STEPS}",
            expected=f"at most {MAX_STEPS} time-steps",
            found=str(steps),
        )
    _check("input", inputs, (count, *graph.input.shape), kinds[0])
    _check("logits", logits, (steps, count, graph.classes), kinds[1])
    packed = {name: tensors[f"spikes.{name}"] for name in graph.spiking}
    neurons = {name: graph.neurons(name) for name in graph.spiking}
    for name, value in packed.items():
        _check(f"spikes.{name}", value, (steps, count, -(-neurons[name] // 8)), "uint8")
        unused = -neurons[name] % 8
        if unused and (value[..., -1] & ((1 << unused) - 1)).any():
            raise BundleError.at(MEMBER, f"spikes.{name}: expected the last {unused} bits to be 0, found 1")
    # comparisons with the minimum and maximum: NaN fails them, and no mask is allocated
    low, high = graph.input.low, graph.input.high
    _check_range("input", inputs, low, high)
    if not graph.exact:
        _check_range("logits", logits, -(2.0**EXPONENT), 2.0**EXPONENT)
    return Golden(inputs, logits, PackedSpikes(packed, neurons))


def _kind(value: object) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _check_range(name: str, value: Array, least: float, most: float) -> None:
    if not least <= value.min() <= value.max() <= most:
        expected, found = f"values of {least:g}…{most:g}", f"{value.min():g}…{value.max():g}"
        raise BundleError.at(MEMBER, f"{name}: expected {expected}, found {found}", expected=expected, found=found)


def _check(name: str, value: Array, shape: tuple[int, ...], dtype: str) -> None:
    if value.shape != shape or value.dtype != dtype:
        expected, found = f"{dtype} of shape {shape}", f"{value.dtype} {value.shape}"
        raise BundleError.at(MEMBER, f"{name}: expected {expected}, found {found}", expected=expected, found=found)
