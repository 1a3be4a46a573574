"""Replay the golden inputs of a bundle through its step.onnx, with ONNX Runtime or, if it is not installed, NumPy.

The model is untrusted; `step_model` checks it first.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikelet import neurons
from spikelet.bundle import Bundle, Golden
from spikelet.bundle.schema import WEIGHTS
from spikelet.bundle.step import STEP, StepModel
from spikelet.engines.base import Workload
from spikelet.engines.numpy import NumpyEngine
from spikelet.errors import (
    BundleError,
    EngineError,
    MissingDependency,
    Translating,
    out_of_memory,
    pass_out_of_memory,
    translated,
)
from spikelet.limits import Limits
from spikelet.lowering.onnx.evaluate import Evaluator
from spikelet.lowering.onnx.model import Model
from spikelet.lowering.onnx.names import INPUT, LOGITS
from spikelet.lowering.onnx.shapes import InvalidModel
from spikelet.options import instance
from spikelet.verify.golden import Verification, check_recording, compare, replay
from spikelet.verify.step_model import check_model, ends, separator_of

Values = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class StepVerification:
    """Result of replaying the golden inputs through step.onnx.

    Attributes:
        lowering_version: Lowering version of the file.
        compared: Whether step.onnx equals, byte for byte, the model that this version of spikelet writes for the graph.
        runtime: Name and version of the package that ran the model; "" if the model could not be run.
        problem: Reason why the model cannot be run, or "".
        replay: The comparison with the golden inputs, or None if the model could not be run.
        computes_graph: Whether its spikes and logits for the golden inputs are those of the graph.
    """

    lowering_version: int
    compared: bool
    runtime: str
    problem: str
    replay: Verification | None
    computes_graph: bool

    @property
    def ok(self) -> bool:
        """Whether step.onnx computes the recorded spikes and logits."""
        return self.replay is not None and self.replay.ok

    def as_json(self) -> dict[str, object]:
        """Convert to a JSON object."""
        return asdict(self) | {"ok": self.ok}

    def __str__(self) -> str:
        """Return the result as one sentence."""
        writer = f"lowering version {self.lowering_version}"
        if not self.compared:
            writer += ", which this version of spikelet does not write"
        if self.ok:
            return f"computes the graph for the golden inputs ({writer}; run by {self.runtime})"
        reason = self.problem
        if self.replay is not None:
            reason = (
                f"{self.replay.differing_spikes} differing spikes and {self.replay.differing_logits} differing logits, "
                f"run by {self.runtime}"
            )
        if self.computes_graph:
            return f"computes the graph, which does not give the recorded spikes and logits ({writer}): {reason}"
        return f"does not compute the graph of the manifest ({writer}): {reason}"


def verify_step(bundle: Bundle) -> StepVerification:
    """Replay the golden inputs through step.onnx and compare every spike and every logit.

    Args:
        bundle: The bundle. One that was not read from a file is replayed through the model that `write` would store.

    Raises:
        CostError: The replay needs more memory or operations than the limits permit, see `spikelet.limits`.
        EngineError: There is no disk space for the files that ONNX Runtime loads.
        OutOfMemory: The system has no memory left.

    Examples:
        >>> from spikelet import bundle, shipped
        >>> verify_step(bundle.read(shipped.demo())).ok
        True
    """
    instance("bundle", bundle, Bundle)
    step = bundle.step
    NumpyEngine.check(bundle.graph, Limits(), Workload(len(bundle.golden.inputs)))
    check_recording(Limits(), bundle.graph, len(bundle.golden.inputs), bundle.golden.steps)
    try:
        with Translating(STEP):
            if not step.content:
                raise InvalidModel("it is empty")
            model = step.decode()
            check_model(model, bundle.graph, len(bundle.golden.inputs))
            run, runtime = _runner(model, step)
            logits, spikes = _replay(bundle, run, separator_of(model))
    except (BundleError, InvalidModel) as error:
        return StepVerification(step.version, step.compared, "", str(error), None, False)
    result = compare(bundle, STEP, logits, spikes)
    computes_graph = result.ok or compare(_recorded_again(bundle), STEP, logits, spikes).ok
    return StepVerification(step.version, step.compared, runtime, "", result, computes_graph)


def _recorded_again(bundle: Bundle) -> Bundle:
    """Return the bundle with golden inputs recorded again from its graph."""
    golden = bundle.golden
    logits, spikes = replay(bundle.graph, "numpy", golden.inputs, golden.steps)
    return replace(bundle, golden=Golden(golden.inputs, logits, spikes))


def _runner(model: Model, step: StepModel) -> tuple[Callable[[Values], Values], str]:
    try:
        from spikelet.engines.onnx_session import open_session

        # Windows does not remove files that ONNX Runtime has mapped
        with tempfile.TemporaryDirectory(prefix="spikelet-", ignore_cleanup_errors=True) as folder:
            (Path(folder) / STEP).write_bytes(step.content)
            (Path(folder) / WEIGHTS).write_bytes(step.weights)
            session = open_session(Path(folder) / STEP)
    except MissingDependency:
        return Evaluator(model, {WEIGHTS: memoryview(step.weights)}).run, f"NumPy {np.__version__}"
    except OSError as error:
        pass_out_of_memory(error, STEP)
        remedy = "set TMPDIR to a folder with free space"
        reason = f"could not be written ({error.strerror or error}) to a temporary folder; {remedy}"
        raise EngineError.at(STEP, reason, remedy=remedy) from error
    except Exception as error:
        raise _refused(error) from error
    names = [port.name for port in model.outputs]

    def run(inputs: Values) -> Values:
        try:
            return dict(zip(names, session.run(names, inputs), strict=True))
        except Exception as error:
            raise _refused(error) from error

    return run, f"ONNX Runtime {metadata.version('onnxruntime')}"


def _refused(error: Exception) -> Exception:
    if out_of_memory(error):
        return translated(error, STEP)
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    return InvalidModel(f"ONNX Runtime refuses it ({first_line[:200]})")


def _replay(
    bundle: Bundle, run: Callable[[Values], Values], separator: str
) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[np.bool_]]]:
    """Return the logits of every time-step (T, N, K) and spikes by layer (T, N, neurons)."""
    graph, golden = bundle.graph, bundle.golden
    batch, pixels = len(golden.inputs), golden.inputs.astype(np.float32)
    states: dict[str, npt.NDArray[np.generic]] = {}
    for name in graph.spiking:
        node = graph.neuron(name)
        start = neurons.initial_potential(node, batch, graph.shapes[name])
        for copy, end in enumerate(ends(graph, name, separator)):
            states[end] = np.ascontiguousarray(neurons.select_copy(node, start, copy))
    for name in graph.integrators:
        states[f"{separator}{name}"] = np.zeros((batch, *graph.shapes[name]), np.float32)
    logits: list[npt.NDArray[np.float32]] = []
    spikes: dict[str, list[npt.NDArray[np.bool_]]] = {name: [] for name in graph.spiking}
    for _ in range(golden.steps):
        outputs = run({INPUT: pixels} | {f"v{end}": value for end, value in states.items()})
        logits.append(outputs[LOGITS].astype(np.float32))
        states = {end: outputs[f"v_next{end}"] for end in states}
        for name in graph.spiking:
            by_copy = []
            for end in ends(graph, name, separator):
                value = outputs[f"s{end}"]
                if not np.isin(value, (0, 1)).all():
                    wrong = value[~np.isin(value, (0, 1))][0]
                    raise InvalidModel(f"output 's{end}': contains {wrong}, expected 0 or 1")
                by_copy.append(value.astype(np.float32))
            spikes[name].append(neurons.join_copies(by_copy).reshape(batch, -1).astype(np.bool_))
    return np.stack(logits), {name: np.stack(value) for name, value in spikes.items()}
