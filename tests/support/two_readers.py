"""Read one file with both readers, and run one network on every engine and the second reader's executor."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np

import second_reader
from hostile.drafts import affordable
from runners import RUNNERS
from second_reader import Contents, Run
from spikelet.bundle import Bundle, decode
from spikelet.errors import BundleError
from spikelet.lowering.onnx.step import writes_version

CLOSE = 1e-5  # relative distance of a float32 potential from its threshold within which rounding can decide on a spike


@dataclass(frozen=True)
class Verdicts:
    """Verdicts of both readers on a file.

    Attributes:
        first: The bundle that spikelet reads, or None if it refuses the file.
        second: The contents that the second reader reads, or None.
        messages: Reasons for a refusal of the first and the second reader, or "".
        seconds: Elapsed time of the first and the second reader.
    """

    first: Bundle | None
    second: Contents | None
    messages: tuple[str, str]
    seconds: tuple[float, float]

    @property
    def complaint(self) -> str | None:
        """A disagreement of the readers, or None.

        The second reader does not compute the bytes of step.onnx. It is no disagreement if only spikelet refuses a file
        because of a step.onnx that it compares.
        """
        if (self.first is None) == (self.second is None):
            return None
        if self.second is not None and self.messages[0].startswith("step.onnx") and compared(self.second):
            return None
        return f"spikelet: {self.messages[0] or 'reads it'}; second reader: {self.messages[1] or 'reads it'}"


def compared(contents: Contents) -> bool:
    """Return whether spikelet writes step.onnx itself and compares it."""
    return writes_version(contents.lowering_version)


def judge(content: bytes, limits: AbstractContextManager[object] | None = None) -> Verdicts:
    """Read a file with both readers. Exceptions other than their refusals are propagated.

    limits: Context in which spikelet reads.
    """
    first, second, messages = None, None, ["", ""]
    started = time.perf_counter()
    try:
        with limits or nullcontext():
            first = decode(content)
    except BundleError as error:
        messages[0] = str(error)
    between = time.perf_counter()
    try:
        second = second_reader.read(content)
        if not compared(second):
            second = second_reader.read(content, step=True)
    except second_reader.Refused as refused:
        second = None
        messages[1] = str(refused)
    ended = time.perf_counter()
    return Verdicts(first, second, (messages[0], messages[1]), (between - started, ended - between))


def runnable(verdicts: Verdicts) -> bool:
    """Return whether both read the file and its network is small."""
    return verdicts.first is not None and verdicts.second is not None and affordable(verdicts.second.network)


def disagreement(verdicts: Verdicts, engines: list[str], seed: int = 0) -> str | None:
    """Run a network on engines and compare it with the second reader; return a difference, or None.

    The inputs are the golden inputs, and a random sequence of frames.
    """
    bundle, contents = verdicts.first, verdicts.second
    assert bundle is not None
    assert contents is not None
    graph, network = bundle.graph, contents.network
    steps = min(3, contents.exact_steps or 3)
    constant = contents.golden.inputs[None]
    low, high = graph.input.low, graph.input.high
    frames = np.random.default_rng(seed).integers(low, high + 1, (steps, *constant.shape[1:]))
    for inputs in (constant, frames):
        expected = second_reader.execute(network, inputs, steps)
        if not network.exact and not independent_of_rounding(network, inputs, steps, expected):
            continue  # a potential is close to its threshold: engines may round differently
        for engine in engines:
            if engine == "native" and not network.exact:
                continue
            run = RUNNERS[engine](graph, inputs.astype(np.float32), steps)
            kind_of_input = "constant" if inputs is constant else "sequence"
            for layer in network.spiking:
                if not np.array_equal(run.spikes[layer], expected.spikes[layer]):
                    return f"{engine}, {kind_of_input}: spikes of {layer}"
            sums = np.cumsum(expected.logits.astype(np.float64), axis=0)
            largest = np.abs(expected.logits).max()
            if network.exact and not np.array_equal(run.logits, sums):
                return f"{engine}, {kind_of_input}: logits"
            if not network.exact and np.abs(run.logits - sums).max() > 1e-3 * largest * steps:
                return f"{engine}, {kind_of_input}: logits"
    return None


def independent_of_rounding(network: second_reader.Network, inputs: np.ndarray, steps: int, narrow: Run) -> bool:
    """Return whether spikes of a float32 network are the same in float64, with no potential close to its threshold."""
    wide = second_reader.execute(network, inputs, steps, wide=True)
    for layer in network.spiking:
        if not np.array_equal(wide.spikes[layer], narrow.spikes[layer]) or wide.distances[layer].min() < CLOSE:
            return False
    return True
