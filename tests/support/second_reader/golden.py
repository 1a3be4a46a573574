"""Section "Golden inputs": the stored data, and its comparison with an execution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from second_reader.execute import Run
from second_reader.network import Network
from second_reader.refused import require
from second_reader.tensors import Tensor

Spikes = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Golden:
    """Golden inputs and their results.

    Attributes:
        inputs: (N, *shape).
        logits: (T, N, K).
        spikes: By layer, (T, N, neurons).
    """

    inputs: Tensor
    logits: Tensor
    spikes: dict[str, Spikes]


def golden(network: Network, stored: dict[str, Tensor], steps: int | None) -> Golden:
    """Check and return the golden data. steps: `exact_steps` of an exact bundle, else None."""
    expected = {"input", "logits", *(f"spikes.{layer}" for layer in network.spiking)}
    require(set(stored) == expected, "golden", f"tensors {sorted(set(stored) ^ expected)[:3]}")
    inputs, logits = stored["input"], stored["logits"]
    pixels, sums = ("<i2", "<i4") if network.exact else ("<f4", "<f4")
    require(logits.ndim == 3, "golden", "logits: axes")
    time, count, classes = logits.shape
    require(classes == network.shapes[network.output][0], "golden", "logits: classes")
    require(inputs.shape == (count, *network.shapes[network.input]), "golden", "input: shape")
    require(inputs.dtype == np.dtype(pixels) and logits.dtype == np.dtype(sums), "golden", "dtype")
    require(1 <= time <= 2**16 and (steps is None or time <= steps), "golden", f"T is {time}")
    low, high = (network.nodes[network.input].attributes[key] for key in ("low", "high"))
    require(bool(inputs.min() >= low) and bool(inputs.max() <= high), "golden", "input outside low … high")
    if not network.exact:
        # False for NaN too
        require(bool(np.abs(logits).max() <= 2.0**96), "golden", "logits: magnitude")
    spikes = {}
    for layer in network.spiking:
        neurons, octets = network.neurons(layer), stored[f"spikes.{layer}"]
        require(octets.dtype == np.uint8, "golden", f"spikes.{layer}: dtype")
        require(octets.shape == (time, count, (neurons + 7) // 8), "golden", f"spikes.{layer}: shape")
        unused = -neurons % 8
        require(not (octets[..., -1] & (2**unused - 1)).any(), "golden", f"spikes.{layer}: padding bits")
        spikes[layer] = unpacked(octets, neurons)
    return Golden(inputs, logits, spikes)


def packed(spikes: Spikes) -> npt.NDArray[np.uint8]:
    """Pack (…, neurons) bool into (…, ⌈neurons / 8⌉) bytes, neuron 0 in the most significant bit."""
    octets = np.zeros((*spikes.shape[:-1], -(-spikes.shape[-1] // 8)), np.uint8)
    for neuron in range(spikes.shape[-1]):
        octets[..., neuron // 8] |= spikes[..., neuron].astype(np.uint8) << (7 - neuron % 8)
    return octets


def unpacked(octets: npt.NDArray[np.uint8], neurons: int) -> Spikes:
    """Undo `packed`."""
    bits = octets[..., None] >> np.arange(7, -1, -1, np.uint8) & 1
    return bits.reshape(*octets.shape[:-1], -1)[..., :neurons].astype(bool)


def mismatches(stored: Golden, run: Run, exact: bool) -> list[str]:
    """Return the differences between golden data and an execution, by the rules of docs/bundle.md; [] if there are none."""
    differing = {layer: run.spikes[layer] != expected for layer, expected in stored.spikes.items()}
    wrong = sum(int(value.sum()) for value in differing.values())
    if exact:
        logits = int((run.logits != stored.logits).sum())
        return [f"{wrong} spikes and {logits} logits differ"] if wrong or logits else []
    messages = []
    if 1000 * wrong > sum(value.size for value in differing.values()):
        messages.append(f"{wrong} spikes differ")
    largest = np.abs(stored.logits).max()
    for sample in range(len(stored.inputs)):
        times = [np.flatnonzero(value[:, sample].any(-1)) for value in differing.values()]
        until = min([int(time[0]) for time in times if len(time)], default=len(stored.logits))
        error = np.abs(run.logits[:until, sample].astype(np.float64) - stored.logits[:until, sample])
        if until and error.max() > 1e-3 * largest:
            messages.append(f"logits of sample {sample} differ by {error.max()}")
    return messages
